// SPDX-License-Identifier: Apache-2.0
/*
 * The allocation audit: which allocations processes ask for, and what the kernel does to serve
 * them. Histograms of trace events that the kernel keeps itself (Documentation/trace/histogram.rst):
 * nothing is written to a ring buffer and nobody has to read along.
 *
 * They prove which variant ran (gfp flags), how many requests were served or failed, and the
 * reclaim and compaction on the way, with time. A kernel without an event costs a note, never
 * the trial.
 */
#ifndef OOMLAB_TRIGGER_AUDIT_H
#define OOMLAB_TRIGGER_AUDIT_H

#include <stdint.h>
#include <sys/types.h>

/* Makes what takes memory; to be called while there is plenty. */
void audit_prepare(void);

/*
 * Counts the events of the processes [first, last] from now on, for a phase: "relaxed", "target",
 * "trigger" or "after". What was traced before is traced no more.
 */
void audit_begin(const char *phase, pid_t first, pid_t last);

/*
 * Emits what was counted since audit_begin, one `histogram` record a table; `requests` is how
 * many the processes say they made (-1: they do not say). Nothing when nothing is traced.
 */
void audit_report(int64_t requests);

/* Traces no more: what follows goes undisturbed. Costs nothing when nothing is traced. */
void audit_stop(void);

/* Takes the events away that audit_prepare made. The ring buffer stays as small as it made it. */
void audit_remove(void);

#endif
