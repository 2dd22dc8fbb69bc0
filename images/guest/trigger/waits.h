// SPDX-License-Identifier: Apache-2.0
/* How long the trigger's own processes waited in direct reclaim and compaction, those that the kernel killed too. */
#ifndef OOMLAB_TRIGGER_WAITS_H
#define OOMLAB_TRIGGER_WAITS_H

#include <stdbool.h>
#include <sys/types.h>

#include "agent/cost.h"

/* Before its processes are forked: they have accounts from now on, until waits_forked. */
void waits_prepare(void);
void waits_forked(void);

/* The processes, as they are let go: what they wait is counted from here on, until waits_end. */
void waits_begin(const int64_t *pids, size_t count);

/* Enters into a look at the costs what they have waited since; nothing where it is not known of each. */
void waits_tell(struct costs *costs);

void waits_end(void);

#endif
