// SPDX-License-Identifier: Apache-2.0
/*
 * Where pressure works: on all of memory, or, on a machine of several NUMA nodes, on each node with
 * holders of its own, whose pages come from there alone. Left to itself a holder would take pages of
 * its processor's node first and the others' when that is full: all would be filled, but nothing could
 * be corrected on one of them.
 */
#ifndef OOMLAB_STRESS_PLACES_H
#define OOMLAB_STRESS_PLACES_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/memory.h"
#include "agent/recipe.h"
#include "stress/holder.h"

enum place_holder { PIPES, EATER, MOVABLE, PLACE_HOLDERS };

/* A picture has one place: its lines, too, are of all nodes together. False with errno. */
bool places_prepare(const struct recipe *recipe);
int places_count(void);

/* Forks a holder of a place; its plan and seed are set before. False with errno. */
bool place_start(int at, enum place_holder who, const struct holder_work *work);

/* As holder_do; the request's floor is of what is free in the place. */
bool place_do(int at, enum place_holder who, struct holder_request *request,
	      struct holder_answer *answer);

/* Looks at memory anew; false when /proc cannot be read. */
bool places_look(void);

/* As it was seen last. */
const struct numa_memory *places_memory(void);
const struct memory *place_memory(int at);

/* Of an amount for all places together that of one, by its size. UNLIMITED stays what it is. */
int64_t place_share(int at, int64_t amount);

int64_t place_held_kb(int at, enum place_holder who);
int64_t places_held_kb(void);

/* All holders become unkillable. */
void places_settle(uint64_t deadline_us);

#endif
