// SPDX-License-Identifier: Apache-2.0
/* One step of pressure: a request to a holder, a look at memory, a record of what it came to. */
#ifndef OOMLAB_STRESS_STEP_H
#define OOMLAB_STRESS_STEP_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/memory.h"
#include "stress/places.h"

/* A bit more than is missing, because the kernel itself takes pages meanwhile. */
#define SLACK_KB 512

/* What every step has to know. */
extern struct step_state {
	bool used[PLACE_HOLDERS];
	int64_t ballast_kb;
	int64_t wanted_kb; /* free memory of a picture; UNLIMITED without */
	uint64_t deadline_us;
	bool gone; /* a holder, or /proc */
} step;

/* All memory, as it was seen last. */
const struct memory *step_whole(void);

void step_look(void);

/* A record of the state that `action` led to; some are left out where they come fast. */
void step_tell(const char *action);

/* Makes a request of a holder, looks and tells. False: nothing happened. */
bool step_do(int at, enum place_holder who, struct holder_request request, const char *action);

/*
 * Where filling stops. The kernel's watermarks do not see the per-CPU lists: a refill just
 * above them would leave pages enough there, and invoke the OOM killer all the same. A picture may
 * want to have less free than the largest refill there can be: then half of that must do.
 */
int64_t step_lowest_kb(int at);

#endif
