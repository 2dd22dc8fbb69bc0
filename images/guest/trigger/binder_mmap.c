// SPDX-License-Identifier: Apache-2.0
/* Trigger `binder-mmap`: maps of the binder device, each of which makes its driver allocate a page array. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/binder.h"
#include "agent/clock.h"
#include "agent/recipe_value.h"
#include "trigger/kind.h"

static uint64_t map_bytes = 4u << 20;

static bool parse(const char *key, char *value)
{
	return !strcmp(key, "size") && value_number(value, &map_bytes) && map_bytes <= LIMIT_MAP_BYTES;
}

/* The descriptor table grows in high orders: let it, now, not among the measured maps. */
static void grow_descriptor_table(unsigned count)
{
	int last = (int)count + 64;

	if (dup2(0, last) >= 0)
		close(last);
}

/*
 * One map takes one open file (EBUSY ever after, even when unmapped), and only reading is
 * allowed; libbinder maps privately and without reserve.
 */
static void one_map(const struct trigger_job *job, unsigned number)
{
	int fd = open(BINDER_DEVICE, O_RDWR | O_CLOEXEC);
	void *map = MAP_FAILED;
	int error = fd < 0 ? errno : 0;
	uint64_t start_ns = clock_ns(), end_ns = start_ns;

	if (fd >= 0) {
		map = mmap(NULL, map_bytes, PROT_READ, MAP_PRIVATE | MAP_NORESERVE, fd, 0);
		end_ns = clock_ns();
		error = map == MAP_FAILED ? errno : 0;
	}
	requests_completed(job->log, number, end_ns - start_ns, error);
	if (map != MAP_FAILED && !job->recipe->hold)
		munmap(map, map_bytes);
	if (fd >= 0 && (map == MAP_FAILED || !job->recipe->hold))
		close(fd);
}

static int body(const struct trigger_job *job)
{
	grow_descriptor_table(job->log->planned);
	return requests_make(job, one_map);
}

const struct trigger_kind trigger_binder_mmap = {
	.name = "binder-mmap",
	.request = "mmap",
	.needs_binder = true,
	.parse = parse,
	.body = body,
};
