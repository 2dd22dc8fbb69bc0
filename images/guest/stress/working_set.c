// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "stress/working_set.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "agent/clock.h"
#include "agent/file.h"
#include "agent/memory.h"
#include "stress/page_cache.h"
#include "stress/page_tables.h"
#include "stress/picture.h"

/* One pinned page among so many: an aligned block of order 3 holds eight. */
#define PIN_EACH 8
#define PIPE_SLOTS 256
#define STRIDE 16
/* Where the second kind of page cache begins in the null device's 16 GiB. */
#define SECOND_HALF ((off_t)8 << 30)
/* mm/memory.c: fault_around_bytes */
#define FAULT_AROUND 65536

enum kind { ACTIVE_ANON, INACTIVE_ANON, LOCKED, ACTIVE_FILE, INACTIVE_FILE, KINDS };

static const enum picture_line lines[KINDS] = { LINE_ACTIVE_ANON, LINE_INACTIVE_ANON, LINE_UNEVICTABLE,
						LINE_ACTIVE_FILE, LINE_INACTIVE_FILE };

static struct {
	char *base[3];		/* of the anonymous kinds */
	uint64_t taken[KINDS];	/* pages */
	uint64_t activated[KINDS];
	int device, shared, self;
	off_t shared_bytes;
	char *mapped[2];
	uint64_t mapped_bytes[2];
	struct iovec pins[PIPE_SLOTS];
	unsigned pin_count;
	size_t page_bytes, area_bytes;
	unsigned turn, file_turn;
} set = { .device = -1, .shared = -1 };

static char *reserve(size_t bytes)
{
	char *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (base == MAP_FAILED)
		_exit(1);
	madvise(base, bytes, MADV_NOHUGEPAGE);
	return base;
}

void working_set_prepare(bool files)
{
	set.page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	set.area_bytes = (size_t)memory_meminfo_kb("MemTotal") * 1024 / set.page_bytes * set.page_bytes;
	for (int kind = 0; kind <= LOCKED; kind++)
		set.base[kind] = reserve(set.area_bytes);
	/* Locked as they come, not now. */
	if (mlock2(set.base[LOCKED], set.area_bytes, MLOCK_ONFAULT) < 0)
		_exit(1);
	set.shared = memfd_create("oomlab", MFD_CLOEXEC);
	set.self = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	if (set.shared < 0 || set.self < 0)
		_exit(1);
	if (!files)
		return;
	set.device = open(file_block_device(NULL_BLOCK_DEVICE), O_RDONLY | O_CLOEXEC);
	if (set.device < 0)
		_exit(1);
	posix_fadvise(set.device, 0, 0, POSIX_FADV_RANDOM);
}

static char *address(enum kind kind, uint64_t page)
{
	return set.base[kind] + page * set.page_bytes;
}

static off_t offset(enum kind kind, uint64_t page)
{
	return (kind == INACTIVE_FILE ? SECOND_HALF : 0) + (off_t)(page * set.page_bytes);
}

/* The references last as long as the pipe, which nobody reads. */
static int pin_all(void)
{
	struct iovec *from = set.pins;
	size_t left = set.pin_count;
	int ends[2];

	set.pin_count = 0;
	if (!left)
		return 0;
	if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) < 0)
		return errno;
	fcntl(ends[1], F_SETPIPE_SZ, PIPE_SLOTS * (int)set.page_bytes);
	while (left) {
		ssize_t done = vmsplice(ends[1], from, left, SPLICE_F_NONBLOCK);

		if (done <= 0)
			return errno == EAGAIN ? 0 : errno;
		from += (size_t)done / set.page_bytes;
		left -= (size_t)done / set.page_bytes;
	}
	return 0;
}

static int take_anonymous(enum kind kind, bool pinned)
{
	char *page = address(kind, set.taken[kind]);

	*page = 1;
	set.taken[kind]++;
	if (!pinned)
		return 0;
	set.pins[set.pin_count++] = (struct iovec){ page, set.page_bytes };
	return set.pin_count == PIPE_SLOTS ? pin_all() : 0;
}

static int take_file(enum kind kind, int64_t *tables)
{
	char byte;

	errno = 0;
	if (pread(set.device, &byte, 1, offset(kind, set.taken[kind])) != 1)
		return errno ? errno : ENOSPC;
	set.taken[kind]++;
	if (++set.file_turn % (PIN_EACH - 1) == 0 && *tables > 0 && page_tables_take())
		--*tables;
	return 0;
}

/* The kind that lags most behind its share; among pinned ones only what can be pinned. */
static enum kind next_kind(const uint64_t done[KINDS], const uint64_t wanted[KINDS], bool pinned)
{
	enum kind best = KINDS;

	for (enum kind kind = 0; kind < (pinned ? ACTIVE_FILE : KINDS); kind++) {
		if (done[kind] >= wanted[kind])
			continue;
		if (best == KINDS || done[kind] * wanted[best] < done[best] * wanted[kind])
			best = kind;
	}
	return best;
}

/* Two looks make a page active; a second one of the same kind would change nothing. */
static void activate(enum kind kind)
{
	char byte;

	for (int look = 0; look < (kind == ACTIVE_ANON ? 2 : 1); look++) {
		for (uint64_t page = set.activated[kind]; page < set.taken[kind]; page++) {
			if (kind == ACTIVE_ANON)
				pread(set.self, &byte, 1, (off_t)(uintptr_t)address(kind, page));
			else
				pread(set.device, &byte, 1, offset(kind, page));
		}
	}
	set.activated[kind] = set.taken[kind];
}

void working_set_take(const struct holder_request *request, struct holder_answer *answer)
{
	uint64_t wanted[KINDS], done[KINDS] = { 0 };
	int64_t tables = request->amounts[LINE_PAGETABLES] / memory_page_kb(), pages = 0;

	for (int kind = 0; kind < KINDS; kind++)
		wanted[kind] = (uint64_t)(request->amounts[lines[kind]] / memory_page_kb());
	while (!answer->error) {
		bool pinned = set.turn++ % PIN_EACH == 0;
		enum kind kind = next_kind(done, wanted, pinned);

		if (kind == KINDS && pinned)
			kind = next_kind(done, wanted, false);
		if (kind == KINDS)
			break;
		if (pages % STRIDE == 0 && (memory_quick_free_kb() <= request->floor_kb ||
					    clock_us() >= request->deadline_us))
			break;
		answer->error = kind < ACTIVE_FILE ? take_anonymous(kind, pinned) : take_file(kind, &tables);
		if (answer->error)
			break;
		done[kind]++;
		pages++;
	}
	if (!answer->error)
		answer->error = pin_all();
	activate(ACTIVE_ANON);
	activate(ACTIVE_FILE);
	answer->done_kb = pages * memory_page_kb();
}

void working_set_share(const struct holder_request *request, struct holder_answer *answer)
{
	int64_t bytes = request->amount * 1024 / (int64_t)set.page_bytes * (int64_t)set.page_bytes;

	if (bytes <= 0)
		return;
	if (fallocate(set.shared, 0, set.shared_bytes, bytes) < 0) {
		answer->error = errno;
		return;
	}
	set.shared_bytes += bytes;
	answer->done_kb = bytes / 1024;
}

/* One touch maps what lies around it, too, as long as it is in the cache. */
static int64_t map_more(int half, enum kind kind, int64_t bytes)
{
	uint64_t cached = set.taken[kind] * set.page_bytes, from = set.mapped_bytes[half];
	uint64_t to = from + (uint64_t)bytes < cached ? from + (uint64_t)bytes : cached;

	if (!set.mapped[half]) {
		void *base = mmap(NULL, set.area_bytes, PROT_READ, MAP_SHARED, set.device,
				  offset(kind, 0));

		if (base == MAP_FAILED)
			return 0;
		set.mapped[half] = base;
	}
	for (uint64_t at = from; at < to; at += FAULT_AROUND)
		(void)*(volatile char *)(set.mapped[half] + at);
	set.mapped_bytes[half] = to;
	return (int64_t)(to - from);
}

void working_set_map(const struct holder_request *request, struct holder_answer *answer)
{
	int64_t bytes = request->amount * 1024, done;

	if (set.device < 0 || bytes <= 0)
		return;
	done = map_more(0, ACTIVE_FILE, bytes);
	if (done < bytes)
		done += map_more(1, INACTIVE_FILE, bytes - done);
	answer->done_kb = done / 1024;
}
