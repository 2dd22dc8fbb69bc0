// SPDX-License-Identifier: Apache-2.0
/* The binder driver's own counters of commands and returns, all processes together. */
#ifndef OOMLAB_BENCH_COUNTERS_H
#define OOMLAB_BENCH_COUNTERS_H

#include "bench/bench.h"

/* Where debugfs has no such file nothing will have moved. */
extern const struct bench_counting bench_counters;

/* Processes that the driver still knows; -1 when it does not say. */
int bench_counters_processes(void);

#endif
