// SPDX-License-Identifier: Apache-2.0
/* The state of memory that the recipe asks for, and whether it is there. */
#ifndef OOMLAB_STRESS_TARGET_H
#define OOMLAB_STRESS_TARGET_H

#include <stdbool.h>

#include "agent/memory.h"
#include "agent/recipe.h"

/* Every bound of the recipe holds, of each node and of all together. */
bool target_holds(const struct recipe *recipe, const struct numa_memory *memory);

/* The bounds from above hold: what compaction could undo. */
bool target_holds_from_above(const struct recipe *recipe, const struct numa_memory *memory);

/* Order whose units are too few / too many by these bounds; -1 when none is. The largest such order. */
int target_order_below(const struct bounds *units, const struct memory *memory);
int target_order_above(const struct bounds *units, const struct memory *memory);

bool target_free_below(const struct recipe *recipe, const struct memory *memory);
bool target_free_above(const struct recipe *recipe, const struct memory *memory);

#endif
