// SPDX-License-Identifier: Apache-2.0
/*
 * Parking: the guest pauses itself at its target, so that a snapshot is taken at an instant
 * of the guest's own making. A pause asked for by the host would land somewhere else each time.
 */
#ifndef OOMLAB_PARK_H
#define OOMLAB_PARK_H

#include <stdbool.h>

#include "recipe.h"

/* Finds and maps the pvpanic device, while memory is plenty. False with errno. */
bool park_prepare(void);

/*
 * Tells the host, pauses the virtual machine, and once it runs on reads from the control line
 * which variant this continuation is to load. False when that was not understood.
 */
bool park(struct recipe *recipe);

#endif
