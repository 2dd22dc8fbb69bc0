// SPDX-License-Identifier: Apache-2.0
/*
 * Which allocations the trigger asked for: histograms of the kmem trace events.
 *
 * They prove which variant ran (gfp flags) and how many requests were served or failed.
 * A kernel without them costs a note, never the trial.
 */
#ifndef OOMLAB_TRACE_H
#define OOMLAB_TRACE_H

#include <sys/types.h>

/* Counts the events of pids in [first, last]. */
void trace_arm(pid_t first, pid_t last);

/* Emits what was counted since trace_arm, one `requests` record a table. */
void trace_report(void);

#endif
