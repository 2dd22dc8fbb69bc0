// SPDX-License-Identifier: Apache-2.0
/* BM_mmap_binder: open, mmap, munmap and close of the binder device. */
#ifndef OOMLAB_BENCH_CYCLE_H
#define OOMLAB_BENCH_CYCLE_H

#include "bench/bench.h"

struct cycle {
	size_t bytes;
};

/* One cycle, as a step of a benchmark. */
enum bench_result cycle_step(void *cycle, struct bench_failure *failure);

/* The driver frees in a work queue: gives it time, so that one map is held at a time. */
void cycle_settle(void);

#endif
