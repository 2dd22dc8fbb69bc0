// SPDX-License-Identifier: Apache-2.0
#include "stress/page_tables.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/clock.h"
#include "agent/memory.h"

static struct {
	volatile const char *base;
	uint64_t limit, count; /* tables */
	uint64_t stride_bytes;
} tables;

void page_tables_prepare(void)
{
	uint64_t page_bytes = (uint64_t)memory_page_kb() * 1024;
	void *base;

	/* One table has page_bytes / 8 entries: 2 MiB with pages of 4 KiB, 32 MiB with 16 KiB. */
	tables.stride_bytes = page_bytes / 8 * page_bytes;
	tables.limit = (uint64_t)(memory_meminfo_kb("MemTotal") / memory_page_kb());
	base = mmap(NULL, tables.limit * tables.stride_bytes, PROT_READ,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		_exit(1);
	tables.base = base;
}

bool page_tables_take(void)
{
	if (tables.count == tables.limit)
		return false;
	(void)tables.base[tables.count++ * tables.stride_bytes];
	return true;
}

void page_tables_grow(const struct holder_request *request, struct holder_answer *answer)
{
	int64_t wanted = request->amount / memory_page_kb(), done = 0;

	while (done < wanted) {
		if (done % 64 == 0 && (memory_quick_free_kb() <= request->floor_kb ||
				       clock_us() >= request->deadline_us))
			break;
		if (!page_tables_take())
			break;
		done++;
	}
	answer->done_kb = done * memory_page_kb();
}
