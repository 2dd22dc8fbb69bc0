// SPDX-License-Identifier: Apache-2.0
#include "stress/swap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/swap.h>
#include <unistd.h>

#include "agent/emit.h"
#include "agent/file.h"
#include "agent/namespace.h"
#include "limits.h"

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

static const char *node_of(int number)
{
	char name[16];

	snprintf(name, sizeof(name), "zram%d", number);
	return file_block_device(name);
}

static int make_ready(int number, uint64_t kb)
{
	char disksize[64];

	snprintf(disksize, sizeof(disksize), "/sys/block/zram%d/disksize", number);
	if (file_write_number(disksize, (long long)kb * 1024) < 0)
		return errno;
	return write_header(node_of(number), kb * 1024);
}

static int start(int number, uint64_t kb)
{
	int error = make_ready(number, kb);

	if (!error && namespace_swap_on(node_of(number)) < 0)
		error = errno;
	return error;
}

int swap_on_zram(uint64_t kb)
{
	return start(0, kb);
}

static struct {
	uint64_t kb;
	int number;
} prepared[LIMIT_VARIANTS];
static int prepared_count;

/* Reading adds one (drivers/block/zram/zram_drv.c, hot_add_show); the first came with the driver. */
static int next_device(int *number)
{
	char text[16];

	*number = 0;
	if (!prepared_count && file_exists("/sys/block/zram0"))
		return 0;
	if (file_read("/sys/class/zram-control/hot_add", text, sizeof(text)) <= 0)
		return errno ? errno : ENODEV;
	*number = atoi(text);
	return 0;
}

int swap_prepare_zram(uint64_t kb)
{
	int number, error;

	for (int i = 0; i < prepared_count; i++)
		if (prepared[i].kb == kb)
			return 0;
	error = next_device(&number);
	if (!error)
		error = make_ready(number, kb);
	prepared[prepared_count].kb = kb;
	prepared[prepared_count++].number = number;
	return error;
}

int swap_on_prepared_zram(uint64_t kb)
{
	for (int i = 0; i < prepared_count; i++)
		if (prepared[i].kb == kb)
			return namespace_swap_on(node_of(prepared[i].number)) < 0 ? errno : 0;
	return ENODEV;
}

/* The first swap on zram: its path, number and size, which leaves the header out. False: there is none. */
static bool find(char path[64], int *number, uint64_t *kb)
{
	char text[4096];
	char *rest = text;

	if (file_read("/proc/swaps", text, sizeof(text)) < 0)
		return false;
	for (char *line; (line = strtok_r(rest, "\n", &rest));) {
		unsigned long long size;
		const char *name;

		if (sscanf(line, "%63s %*s %llu", path, &size) != 2 || !(name = strrchr(path, '/')) ||
		    sscanf(name, "/zram%d", number) != 1)
			continue;
		*kb = size + (uint64_t)sysconf(_SC_PAGESIZE) / 1024;
		return true;
	}
	return false;
}

bool swap_on_zram_is_there(uint64_t kb)
{
	char path[64];
	uint64_t there_kb, off_kb;
	int number;

	if (!find(path, &number, &there_kb))
		return false;
	off_kb = there_kb > kb ? there_kb - kb : kb - there_kb;
	if (off_kb > kb / 100)
		return false;
	emit_note("zram: %s of %llu kB was there, and is taken as it is", path, (unsigned long long)there_kb);
	return true;
}

/* One whose pages do not fit into memory stays, with ENOMEM. */
static int remove_swap(const char *path, int number)
{
	char reset[64];

	if (swapoff(path) < 0)
		return errno;
	snprintf(reset, sizeof(reset), "/sys/block/zram%d/reset", number);
	return file_write(reset, "1") < 0 ? errno : 0;
}

/* Reading adds one (drivers/block/zram/zram_drv.c, hot_add_show). */
static int add_device(int *number)
{
	char text[16];

	*number = 0;
	if (file_exists("/sys/block/zram0")) {
		/* It may have been given a size for something else; while that uses it, it stays. */
		file_write("/sys/block/zram0/reset", "1");
		return 0;
	}
	if (file_read("/sys/class/zram-control/hot_add", text, sizeof(text)) <= 0)
		return errno ? errno : ENODEV;
	*number = atoi(text);
	return 0;
}

int swap_on_zram_instead(uint64_t kb)
{
	char path[64];
	uint64_t there_kb;
	int number, error;

	if (find(path, &number, &there_kb)) {
		emit_note("zram: %s had %llu kB, and is made anew with %llu kB", path,
			  (unsigned long long)there_kb, (unsigned long long)kb);
		error = remove_swap(path, number);
	} else {
		emit_note("zram: there was no swap on it; one of %llu kB is made", (unsigned long long)kb);
		error = add_device(&number);
	}
	return error ? error : start(number, kb);
}
