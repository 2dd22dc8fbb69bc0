// SPDX-License-Identifier: Apache-2.0
/*
 * Parking: the guest has itself paused at its target, so that a snapshot is taken at an instant
 * of the guest's own making. A pause asked for by the host would land somewhere else each time.
 *
 * A watchdog whose action is to pause the machine ends its countdown while the guest is idle. A
 * register that pauses at once (pvpanic) does not do: the CPU is then stopped before the
 * machine is, and QEMU's main loop may or may not take that for an idle guest and move its
 * clock on to the next timer (icount_start_warp_timer() with sleep=off): 3 of 8 snapshots on a
 * loaded host were 3 ms of guest time off, 0 of 12 are with the watchdog.
 */
#ifndef OOMLAB_AGENT_PARK_H
#define OOMLAB_AGENT_PARK_H

#include <stdbool.h>

#include "agent/recipe.h"

/* Finds and maps the watchdog, while memory is plenty. False with errno. */
bool park_prepare(void);

/*
 * Tells the host, lets the watchdog pause the virtual machine, and once it runs on reads from
 * the control line which variant this continuation is to load. False when that was not
 * understood.
 */
bool park(struct recipe *recipe);

#endif
