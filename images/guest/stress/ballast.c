// SPDX-License-Identifier: Apache-2.0
#include "stress/ballast.h"

#include <errno.h>

#include "agent/memory.h"
#include "agent/settings.h"

int64_t ballast_reserve(int64_t kb)
{
	int64_t page_kb = memory_meminfo_kb("Hugepagesize");

	if (page_kb <= 0) {
		errno = ENOSYS;
		return -1;
	}
	if (settings_write_number("/proc/sys/vm/nr_hugepages", kb / page_kb) < 0)
		return -1;
	return memory_meminfo_kb("HugePages_Total") * page_kb;
}
