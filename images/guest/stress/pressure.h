// SPDX-License-Identifier: Apache-2.0
/* Pressure: drives the stressors towards the target, with feedback. */
#ifndef OOMLAB_STRESS_PRESSURE_H
#define OOMLAB_STRESS_PRESSURE_H

#include <stdbool.h>

#include "agent/memory.h"
#include "agent/recipe.h"

/* Forks the holders; to be called while memory is plenty. False with errno. */
bool pressure_prepare(const struct recipe *recipe);

/*
 * Works until the target holds. The reason is "reached", or why not: "deadline", "oom"
 * (the kernel killed before any trigger), "exhausted" (nothing left to do), "holder" (one
 * is gone), "memory" (/proc not readable). May be called again when the target was lost.
 */
const char *pressure_run(const struct recipe *recipe, uint64_t deadline_us,
			 struct numa_memory *memory);

/*
 * Once more, for a picture, in a fork that is about to start its trigger: what the fork has
 * taken since (a module, traces) is given back by the holders. A note tells when that fails.
 */
void pressure_touch_up(const struct recipe *recipe);

/* What the stressors hold by now, as fields of a record: those that hold anything. */
void pressure_tell_taken(void);

/* The holders stop growing for good and become unkillable. */
void pressure_settle(void);

#endif
