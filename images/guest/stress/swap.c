// SPDX-License-Identifier: Apache-2.0
#include "stress/swap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/swap.h>
#include <unistd.h>

#include "agent/file.h"

/* The header that mkswap writes (include/linux/swap.h, union swap_header). */
struct swap_header {
	char boot_bits[1024];
	uint32_t version;
	uint32_t last_page;
	uint32_t bad_pages;
};

static int write_header(const char *device, uint64_t bytes)
{
	size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	char *page = calloc(1, page_bytes);
	struct swap_header *header = (struct swap_header *)page;
	int fd = open(device, O_WRONLY | O_CLOEXEC);
	int error = 0;

	if (fd < 0 || !page) {
		error = errno;
		free(page);
		return error;
	}
	header->version = 1;
	header->last_page = (uint32_t)(bytes / page_bytes - 1);
	memcpy(page + page_bytes - 10, "SWAPSPACE2", 10);
	if (write(fd, page, page_bytes) != (ssize_t)page_bytes || fsync(fd) < 0)
		error = errno;
	close(fd);
	free(page);
	return error;
}

int swap_on_zram(uint64_t kb)
{
	int error;

	if (file_write_number("/sys/block/zram0/disksize", (long long)kb * 1024) < 0)
		return errno;
	error = write_header("/dev/zram0", kb * 1024);
	if (!error && swapon("/dev/zram0", 0) < 0)
		error = errno;
	return error;
}
