// SPDX-License-Identifier: Apache-2.0
/*
 * Movable pages: private anonymous memory, touched page by page, then given back page by
 * page with MADV_DONTNEED. Not locked: the kernel may move it, and swap it if it can.
 */
#ifndef OOMLAB_STRESS_ANONYMOUS_H
#define OOMLAB_STRESS_ANONYMOUS_H

#include <stdbool.h>
#include <stdint.h>

/* False when there is no room in the address space. */
bool anonymous_reserve(uint64_t pages);
/* Touches the next page; false at the end of the reservation. */
bool anonymous_take(void);
/* Gives back page `number` (as counted by take). */
void anonymous_give(uint64_t number);
uint64_t anonymous_count(void);

#endif
