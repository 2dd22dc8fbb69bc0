// SPDX-License-Identifier: Apache-2.0
#include "stress_anonymous.h"

#include <sys/mman.h>
#include <unistd.h>

static struct {
	char *base;
	uint64_t limit, count;
	size_t page_bytes;
} area;

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
	return true;
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

uint64_t anonymous_count(void)
{
	return area.count;
}
