// SPDX-License-Identifier: Apache-2.0
/* Brings the composition of memory to a picture, line by line, with feedback from /proc/meminfo. */
#ifndef OOMLAB_STRESS_COMPOSE_H
#define OOMLAB_STRESS_COMPOSE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/memory.h"
#include "agent/recipe.h"

/*
 * Forks the holder; while memory is plenty. True where neither a picture nor a stressor for one of
 * its lines is wanted. False with errno.
 */
bool compose_prepare(const struct recipe *recipe);

/*
 * Everything the picture wants, and the rest of memory out of play, but for what the free list is
 * then shaped from. False when the holder is gone.
 */
bool compose_build(const struct recipe *recipe, uint64_t deadline_us);

/* After that, with next to nothing free: what is to go into CMA. False when the holder is gone. */
bool compose_fill_cma(const struct recipe *recipe);

/* Makes good what is missing by now; what was taken, in kB. -1 when the holder is gone. */
int64_t compose_top_up(const struct recipe *recipe, uint64_t deadline_us);

/* A fixed amount of one line, for a stressor. What was taken, in kB; -1 when the holder is gone. */
int64_t compose_take(enum picture_line line, int64_t kb, uint64_t deadline_us);

/* Every line that is judged is as the picture wants it; a note tells of one that is not. */
bool compose_holds(const struct recipe *recipe);

/* The holder stops growing for good and becomes unkillable. */
void compose_settle(uint64_t deadline_us);

/* In all, ballast included. */
int64_t compose_held_kb(void);

#endif
