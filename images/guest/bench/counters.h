// SPDX-License-Identifier: Apache-2.0
/* The binder driver's own counters of commands and returns, all processes together. */
#ifndef OOMLAB_BENCH_COUNTERS_H
#define OOMLAB_BENCH_COUNTERS_H

#include <stddef.h>

/* Remembers what they are now. Where debugfs has no such file nothing will have moved. */
void bench_counters_start(void);

/* Those that moved since, as "BC_TRANSACTION 200,BC_REPLY 200". */
void bench_counters_stop(char *text, size_t size);

/* Processes that the driver still knows; -1 when it does not say. */
int bench_counters_processes(void);

#endif
