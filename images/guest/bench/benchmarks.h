// SPDX-License-Identifier: Apache-2.0
/* The recipe's benchmarks: workers forked while memory is plenty, then one benchmark at a time. */
#ifndef OOMLAB_BENCH_BENCHMARKS_H
#define OOMLAB_BENCH_BENCHMARKS_H

#include "agent/recipe.h"

/* Forks the workers, waiting at their gates; while memory is plenty. 0, or the errno. */
int benchmarks_prepare(const struct recipe *recipe);

/* Runs all benchmarks for this memory, if any: phase `benchmark`, a `benchmark` record each. */
void benchmarks_run(const struct recipe *recipe, enum when when);

/* A task has died in the kernel (an Oops): what is measured now means nothing. */
bool benchmarks_kernel_has_crashed(void);

#endif
