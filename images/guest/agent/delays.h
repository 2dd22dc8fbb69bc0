// SPDX-License-Identifier: Apache-2.0
/*
 * How long a process waited for memory, from the kernel's delay accounting (Documentation/accounting/
 * delay-accounting.rst): nothing is traced. A process has an account if it was forked while the accounting was on, and
 * something is entered into it while it is on. Elsewhere it costs a jump that is not taken.
 */
#ifndef OOMLAB_AGENT_DELAYS_H
#define OOMLAB_AGENT_DELAYS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct delays {
	int64_t reclaim_ns; /* in direct reclaim: do_try_to_free_pages, mm/vmscan.c */
	int64_t compact_ns; /* in direct compaction: __alloc_pages_direct_compact, mm/page_alloc.c */
};

/* Opens the way to ask, while memory is plenty. False: this kernel has no accounts, or does not show them. */
bool delays_prepare(void);

/* False: it cannot be switched. */
bool delays_account(bool on);

/* Of a process that lives, or has ended and was not waited for. False: there is no account. */
bool delays_of(pid_t pid, struct delays *delays);

#endif
