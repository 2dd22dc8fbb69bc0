// SPDX-License-Identifier: Apache-2.0
#include "bench/scudo.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* size_class_map.h, AndroidSizeClassConfig: 1 << MaxSizeLog, and SizeDelta for the chunk's header. */
#define LARGEST_CLASS 0x10010
#define CHUNK_HEADER 16
#define ALIGNMENT 16
/* Written before each block of a mapping: LargeBlock::Header and that of the chunk. */
#define LARGE_HEADERS 64

static size_t page_bytes(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static size_t up(size_t bytes, size_t to)
{
	return (bytes + to - 1) / to * to;
}

size_t scudo_largest_kept(void)
{
	return LARGEST_CLASS - CHUNK_HEADER;
}

int scudo_prepare(struct scudo_block *block, unsigned char *kept, size_t most)
{
	size_t page = page_bytes();
	size_t committed = up(up(most, ALIGNMENT) + LARGE_HEADERS, page);
	unsigned char *mapping;

	*block = (struct scudo_block){ .kept = kept };
	if (most <= scudo_largest_kept())
		return 0;
	mapping = mmap(NULL, committed + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (mapping == MAP_FAILED || mprotect(mapping + page, committed, PROT_READ | PROT_WRITE) < 0)
		return errno;
	/* Refused for locked memory, say: known now, it need not be looked at while something is timed. */
	if (madvise(mapping + page, committed, MADV_DONTNEED) < 0)
		return errno;
	block->end = mapping + page + committed;
	return 0;
}

void *scudo_allocate(struct scudo_block *block, size_t bytes)
{
	if (bytes <= scudo_largest_kept())
		return block->kept;
	block->large = (unsigned char *)(((uintptr_t)block->end - bytes) / ALIGNMENT * ALIGNMENT);
	memset(block->large - LARGE_HEADERS, 0, LARGE_HEADERS);
	return block->large;
}

void scudo_free(struct scudo_block *block)
{
	size_t page = page_bytes();
	unsigned char *first;

	if (!block->large)
		return;
	first = (unsigned char *)((uintptr_t)(block->large - LARGE_HEADERS) / page * page);
	madvise(first, (size_t)(block->end - first), MADV_DONTNEED);
	block->large = NULL;
}
