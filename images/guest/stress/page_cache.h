// SPDX-License-Identifier: Apache-2.0
/*
 * Clean page cache: pages read from a null block device, which has no data of its own, so
 * they cost the host no storage. Reclaimable at once.
 */
#ifndef OOMLAB_STRESS_PAGE_CACHE_H
#define OOMLAB_STRESS_PAGE_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#define NULL_BLOCK_DEVICE "nullb0"

/* False with errno when the device is not there. */
bool page_cache_open(void);
/* Reads the next page in; false with errno. */
bool page_cache_take(void);
/* Drops page `number` (as counted by take). */
void page_cache_give(uint64_t number);
uint64_t page_cache_count(void);

#endif
