// SPDX-License-Identifier: Apache-2.0
/*
 * Allocations as Android's C library makes them, for benchmarks of what runs there (external/scudo, standalone/).
 *
 * Up to 64 KiB they come from size classes, whose pages stay in place (primary64.h; given back to the kernel once a
 * second at most). What is larger has a mapping of its own between two guard pages, the block at its end (secondary.h,
 * MapAllocator::allocate). Freed, the mapping is kept for the next one of about its size, but its pages go back to the
 * kernel at once (MapAllocatorCache::store, releasePagesToOS), because a native process has a release interval of 0
 * (allocator_config.h, AndroidConfig; applications have one second, which zygote sets). So each use of it faults
 * fresh, zeroed pages in.
 */
#ifndef OOMLAB_BENCH_SCUDO_H
#define OOMLAB_BENCH_SCUDO_H

#include <stddef.h>

/* One that is made again and again: in place beforehand, but for the pages that the allocator gives back. */
struct scudo_block {
	unsigned char *kept; /* of a size class */
	unsigned char *end;  /* of a mapping of its own; NULL where none is needed */
	unsigned char *large; /* where it begins while such a one is in use */
};

/* The most that comes from a size class, less the allocator's header. */
size_t scudo_largest_kept(void);

/* Allocations of up to `most` bytes; `kept` has room for as many, or for the largest of a size class. 0 or the errno. */
int scudo_prepare(struct scudo_block *block, unsigned char *kept, size_t most);

void *scudo_allocate(struct scudo_block *block, size_t bytes);

/* May be called for what is not allocated. */
void scudo_free(struct scudo_block *block);

#endif
