// SPDX-License-Identifier: Apache-2.0
/*
 * Stressors `anonymous` and `page_cache` in one holder, so that with both given their
 * pages alternate in memory.
 */
#ifndef OOMLAB_STRESS_MOVABLE_H
#define OOMLAB_STRESS_MOVABLE_H

#include "stress/holder.h"

/* What to take; to be set before the holder is started. */
struct movable_plan {
	bool anonymous;
	bool page_cache;
	int64_t anonymous_kb;  /* UNLIMITED: as much as a fill asks for */
	int64_t page_cache_kb; /* UNLIMITED: every second page */
	int64_t part_kb;       /* so much of ... */
	int64_t whole_kb;      /* ... so much is to be filled */
};

extern const struct holder_work stress_movable;

void stress_movable_plan(const struct movable_plan *plan, uint64_t seed);

#endif
