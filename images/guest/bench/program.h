// SPDX-License-Identifier: Apache-2.0
/*
 * Benchmarks that are commands of the user's: each in a process that is there before memory is short, and
 * waits. What it writes is kept until it has ended, so that no line to the host costs it time.
 */
#ifndef OOMLAB_BENCH_PROGRAM_H
#define OOMLAB_BENCH_PROGRAM_H

#include <stdint.h>

#include "agent/recipe.h"

/* Forks their processes, waiting at their gates; while memory is plenty. 0, or the errno. */
int programs_prepare(const struct recipe *recipe);

/* Runs those for this memory, one after the other: records `program-output`, and `program` at its end. */
void programs_run(const struct recipe *recipe, enum when when, uint64_t deadline_us);

#endif
