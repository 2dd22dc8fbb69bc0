// SPDX-License-Identifier: Apache-2.0
/*
 * Holders: children that keep memory. The supervisor sends one request at a time and waits
 * for the answer, so a holder's work is deterministic and its end is noticed.
 */
#ifndef OOMLAB_STRESS_HOLDER_H
#define OOMLAB_STRESS_HOLDER_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/child.h"
#include "stress/picture.h"

enum holder_op {
	HOLD_FILL,	/* take `amount` kB, never going below `floor_kb` free */
	HOLD_PUNCH,	/* give back `amount` kB in places that stay apart */
	HOLD_JOIN,	/* give back neighbours: `amount` free blocks of `order` */
	HOLD_EAT,	/* take `amount` blocks of `order`, as long as there are any */
	HOLD_GROW,	/* take `amount` kB of the line `line` */
	HOLD_MIX,	/* take `amounts` of the lists of user memory, in turns */
	HOLD_SETTLE,	/* grown up: become unkillable */
};

struct holder_request {
	enum holder_op op;
	int order;
	enum picture_line line;
	int64_t amount;
	int64_t amounts[PICTURE_LINES]; /* kB */
	int64_t floor_kb;    /* of memory_quick_free_kb() */
	uint64_t deadline_us; /* guest time at which to stop in any case */
};

struct holder_answer {
	int64_t done_kb; /* taken or given back by this request */
	int64_t held_kb; /* in all */
	int error;	 /* errno that stopped it, 0 otherwise */
	bool exhausted;	 /* there is nothing more it could do of this kind */
};

/* What a kind of holder must be able to do; runs in the child. */
struct holder_work {
	void (*prepare)(void);
	void (*execute)(const struct holder_request *request, struct holder_answer *answer);
};

struct holder {
	struct child *child;
	int channel;
	int64_t held_kb;
};

/* Where a holder gets its pages: from any node, as the kernel finds them, or from one alone. */
#define HOLDER_ANY_NODE (-1)

/* False with errno. */
bool holder_start(struct holder *holder, int index, const struct holder_work *work, int node);

/* False when the holder is gone (or does not answer by the request's deadline + 5 s). */
bool holder_do(struct holder *holder, const struct holder_request *request,
	       struct holder_answer *answer);

#endif
