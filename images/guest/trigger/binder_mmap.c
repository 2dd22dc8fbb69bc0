// SPDX-License-Identifier: Apache-2.0
#include "trigger/binder_mmap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/clock.h"

/* The descriptor table grows in high orders: let it, now, not among the measured maps. */
static void grow_descriptor_table(unsigned count)
{
	int last = (int)count + 64;

	if (dup2(0, last) >= 0)
		close(last);
}

/* The shared pages are there; this makes the page tables of this process too. */
static void touch(const struct binder_log *log)
{
	volatile int64_t sink = 0;

	for (unsigned i = 0; i < log->planned; i += 64)
		sink += log->latency_ns[i] + log->error[i];
}

/*
 * One map takes one open file (EBUSY ever after, even when unmapped), and only reading is
 * allowed; libbinder maps privately and without reserve.
 */
static void one_map(const struct binder_job *job, unsigned number)
{
	struct binder_log *log = job->log;
	int fd = open(BINDER_DEVICE, O_RDWR | O_CLOEXEC);
	void *map = MAP_FAILED;
	int error = fd < 0 ? errno : 0;
	uint64_t start_ns = clock_ns(), end_ns = start_ns;

	if (fd >= 0) {
		map = mmap(NULL, job->map_bytes, PROT_READ, MAP_PRIVATE | MAP_NORESERVE, fd, 0);
		end_ns = clock_ns();
		error = map == MAP_FAILED ? errno : 0;
	}
	log->latency_ns[number] = (int64_t)(end_ns - start_ns);
	log->error[number] = error;
	if (!error)
		atomic_fetch_add(&log->ok, 1);
	atomic_fetch_add(&log->completed, 1);
	if (map != MAP_FAILED && !job->hold)
		munmap(map, job->map_bytes);
	if (fd >= 0 && (map == MAP_FAILED || !job->hold))
		close(fd);
}

int trigger_binder_body(void *argument)
{
	const struct binder_job *job = argument;
	struct binder_log *log = job->log;
	char byte;

	grow_descriptor_table(log->planned);
	touch(log);
	if (read(job->gate, &byte, 1) != 1)
		return 1;
	for (unsigned number = 0; number < log->planned && !atomic_load(job->stop); number++) {
		atomic_fetch_add(&log->attempted, 1);
		one_map(job, number);
		if (job->pause_us)
			clock_sleep_us(job->pause_us);
	}
	atomic_store(&log->parked, 1);
	for (;;)
		pause();
}
