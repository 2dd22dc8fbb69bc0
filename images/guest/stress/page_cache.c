// SPDX-License-Identifier: Apache-2.0
#include "stress/page_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "agent/file.h"

static struct {
	int fd;
	uint64_t count;
	off_t page_bytes;
} cache = { .fd = -1 };

bool page_cache_open(void)
{
	cache.page_bytes = sysconf(_SC_PAGESIZE);
	cache.fd = open(file_block_device(NULL_BLOCK_DEVICE), O_RDONLY | O_CLOEXEC);
	if (cache.fd < 0)
		return false;
	/* No read-ahead: each read takes exactly one page. */
	posix_fadvise(cache.fd, 0, 0, POSIX_FADV_RANDOM);
	return true;
}

bool page_cache_take(void)
{
	char byte;

	if (pread(cache.fd, &byte, 1, (off_t)cache.count * cache.page_bytes) != 1) {
		if (!errno)
			errno = ENOSPC;
		return false;
	}
	cache.count++;
	return true;
}

void page_cache_give(uint64_t number)
{
	posix_fadvise(cache.fd, (off_t)number * cache.page_bytes, cache.page_bytes,
		      POSIX_FADV_DONTNEED);
}

uint64_t page_cache_count(void)
{
	return cache.count;
}
