// SPDX-License-Identifier: Apache-2.0
/*
 * A kind of trigger: what the supervisor (trigger.c) has to know of it. Each is one source file that
 * defines a struct trigger_kind, and a line of the table in kinds.c; its other half is a module in
 * orchestrator/scenario/triggers/.
 */
#ifndef OOMLAB_TRIGGER_KIND_H
#define OOMLAB_TRIGGER_KIND_H

#include <stdatomic.h>
#include <stdbool.h>

#include "agent/recipe.h"
#include "trigger/requests.h"

/* What a process of the trigger is given; all pointers are to memory that is shared or never changes. */
struct trigger_job {
	const struct recipe *recipe;
	unsigned process;	 /* its number among those of the trigger, from 0 */
	int gate;		 /* a byte read from here is the start */
	atomic_bool *stop;	 /* looked at between two requests */
	struct request_log *log; /* NULL: its kind counts nothing */
	atomic_int *start_errno; /* why a process could not begin; 0 */
};

struct trigger_kind {
	const char *name;    /* as the recipe has it */
	const char *request; /* what it makes and counts, a noun; NULL: one process, which tells nothing */
	bool needs_binder;   /* the driver's device has to be there */
	bool (*needs_handle_0)(void); /* a process of the agent's has to be behind handle 0; NULL: no */
	bool (*may_fall_back)(void); /* it tells of each request whether vmalloc served it; NULL: no */
	bool has_offspring;  /* processes that it starts, with higher pids than its own, are traced, too */
	/* A key of its own in the recipe. False: not its key, or a value that is not understood. May be NULL. */
	bool (*parse)(const char *key, char *value);
	int (*prepare)(void); /* while memory is plenty, before its processes: 0 or the errno. May be NULL */
	/* As it starts, with the driver there and nothing traced yet: 0 or the errno. May be NULL */
	int (*begin)(void);
	int (*body)(const struct trigger_job *job); /* of each process: waits at the gate first */
	/* What it measured besides its requests (emit_measure), once they are over. May be NULL */
	void (*measure)(const struct recipe *recipe);
};

/* NULL when there is none of that name. */
const struct trigger_kind *trigger_kind_named(const char *name);

/* Gives a key of the recipe to the kind whose it is; `value` lives as long as the recipe. */
bool trigger_kind_parse(const char *key, char *value);

#endif
