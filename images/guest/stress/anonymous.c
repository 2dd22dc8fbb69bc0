// SPDX-License-Identifier: Apache-2.0
#include "stress/anonymous.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

/* /proc/PID/pagemap, 64 bits a page: Documentation/admin-guide/mm/pagemap.rst */
#define PAGEMAP_PRESENT (UINT64_C(1) << 63)
#define PAGEMAP_FRAME ((UINT64_C(1) << 55) - 1)

static struct {
	char *base;
	uint64_t limit, count;
	size_t page_bytes;
	int pagemap;
} area = { .pagemap = -1 };

bool anonymous_reserve(uint64_t pages)
{
	area.page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	area.base = mmap(NULL, pages * area.page_bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (area.base == MAP_FAILED)
		return false;
	/* One page at a time is the point. */
	madvise(area.base, pages * area.page_bytes, MADV_NOHUGEPAGE);
	area.limit = pages;
	area.pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	return area.pagemap >= 0;
}

bool anonymous_take(void)
{
	if (area.count == area.limit)
		return false;
	area.base[area.count * area.page_bytes] = 1;
	area.count++;
	return true;
}

void anonymous_give(uint64_t number)
{
	madvise(area.base + number * area.page_bytes, area.page_bytes, MADV_DONTNEED);
}

bool anonymous_frames(uint64_t first, size_t count, uint64_t *frames)
{
	uint64_t at = (uintptr_t)area.base / area.page_bytes + first;
	size_t bytes = count * sizeof(*frames);
	ssize_t got = pread(area.pagemap, frames, bytes, (off_t)(at * sizeof(*frames)));

	if (got != (ssize_t)bytes) {
		if (got >= 0)
			errno = EIO;
		return false;
	}
	for (size_t i = 0; i < count; i++)
		frames[i] = frames[i] & PAGEMAP_PRESENT ? frames[i] & PAGEMAP_FRAME : 0;
	return true;
}

uint64_t anonymous_count(void)
{
	return area.count;
}
