// SPDX-License-Identifier: Apache-2.0
/*
 * Movable pages: private anonymous memory, touched page by page, then given back page by
 * page with MADV_DONTNEED. Not locked: the kernel may move it, and swap it if it can.
 */
#ifndef OOMLAB_STRESS_ANONYMOUS_H
#define OOMLAB_STRESS_ANONYMOUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* False with errno when there is no room in the address space, or no /proc/self/pagemap. */
bool anonymous_reserve(uint64_t pages);
/* Touches the next page; false at the end of the reservation. */
bool anonymous_take(void);
/* Gives back page `number` (as counted by take). */
void anonymous_give(uint64_t number);
/*
 * Page frame numbers of `count` pages from `first` on, 0 for a page that is not in memory
 * (given back, or swapped). They hold until the kernel moves a page. False with errno.
 */
bool anonymous_frames(uint64_t first, size_t count, uint64_t *frames);
uint64_t anonymous_count(void);

#endif
