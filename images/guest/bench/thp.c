// SPDX-License-Identifier: Apache-2.0
/* BM_thp_fault: the first touch of an aligned piece of anonymous memory, which the kernel may serve with a huge page. */
#include "bench/thp.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/emit.h"
#include "agent/file.h"
#include "agent/memory.h"
#include "bench/kinds.h"

#define THP "/sys/kernel/mm/transparent_hugepage"

/*
 * Pieces of memory, each in a mapping of its own that is exactly as long as a huge page: none larger fits in it
 * (mm/huge_memory.c, thp_vma_suitable_order), and between two of them lies as much that cannot be touched.
 */
static struct {
	unsigned char *map, *first;
	size_t map_bytes, bytes, page;
	uint64_t at;
} pieces;

size_t thp_pmd_bytes(void)
{
	char text[24];

	return file_read(THP "/hpage_pmd_size", text, sizeof(text)) > 0 ? strtoul(text, NULL, 10) : 0;
}

/* Linux 6.8 and later have a directory for each size. */
static const char *setting_of(size_t bytes)
{
	static char path[96];

	snprintf(path, sizeof(path), THP "/hugepages-%zukB/enabled", bytes / 1024);
	return path;
}

/* False where it is on already, or stays off. */
static bool turn_on(const char *path)
{
	char text[64];

	if (file_read(path, text, sizeof(text)) <= 0 || !strstr(text, "[never]"))
		return false;
	if (file_write(path, "madvise") == 0)
		return true;
	emit_note("%s stays `never`: %s", path, strerror(errno));
	return false;
}

void thp_enable(const uint64_t *sizes, size_t count)
{
	if (turn_on(THP "/enabled"))
		turn_on(THP "/defrag");
	for (size_t i = 0; i < count; i++)
		if (sizes[i] && sizes[i] != thp_pmd_bytes())
			turn_on(setting_of(sizes[i]));
}

/* The word between brackets: that of the choices which holds. */
static const char *chosen(const char *path)
{
	static char text[96];
	char *from, *to;

	if (file_read(path, text, sizeof(text)) <= 0)
		return "";
	from = strchr(text, '[');
	to = from ? strchr(from, ']') : NULL;
	if (!to)
		return "";
	*to = '\0';
	return from + 1;
}

void thp_settings(size_t bytes, char *text, size_t size)
{
	size_t used = 0;
	const char *const names[] = { "enabled", "defrag" };
	char path[96];

	text[0] = '\0';
	for (size_t i = 0; i < 2 && used < size; i++) {
		snprintf(path, sizeof(path), THP "/%s", names[i]);
		used += (size_t)snprintf(text + used, size - used, "%s%s=%s", used ? "," : "", names[i], chosen(path));
	}
	if (bytes != thp_pmd_bytes() && used < size)
		snprintf(text + used, size - used, ",size=%s", chosen(setting_of(bytes)));
}

static struct bench_failure unknown(size_t bytes)
{
	size_t pmd = thp_pmd_bytes();

	if (!pmd)
		return (struct bench_failure){ .where = BENCH_THP, .error = ENOENT };
	if (bytes != pmd && !file_exists(setting_of(bytes)))
		return (struct bench_failure){ .where = BENCH_THP_SIZE, .error = ENOENT };
	return (struct bench_failure){ 0 };
}

static unsigned char *piece(uint64_t number)
{
	return pieces.first + number * 2 * pieces.bytes;
}

static struct bench_failure reserve(size_t bytes, uint64_t count, int advice)
{
	struct bench_failure failure = unknown(bytes);

	if (failure.where)
		return failure;
	pieces.bytes = bytes;
	pieces.page = (size_t)sysconf(_SC_PAGESIZE);
	pieces.at = 0;
	pieces.map_bytes = (2 * count + 1) * bytes;
	pieces.map = mmap(NULL, pieces.map_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (pieces.map == MAP_FAILED)
		return (struct bench_failure){ .where = BENCH_MAP, .error = errno };
	pieces.first = (unsigned char *)(((uintptr_t)pieces.map + bytes - 1) / bytes * bytes);
	for (uint64_t i = 0; i < count; i++)
		if (mprotect(piece(i), bytes, PROT_READ | PROT_WRITE) < 0 ||
		    (advice && madvise(piece(i), bytes, advice) < 0))
			return (struct bench_failure){ .where = BENCH_MAP, .error = errno };
	return failure;
}

static struct bench_failure begin_advised(size_t bytes, uint64_t count)
{
	return reserve(bytes, count, MADV_HUGEPAGE);
}

static struct bench_failure begin_plain(size_t bytes, uint64_t count)
{
	return reserve(bytes, count, 0);
}

static enum bench_result fault(size_t bytes, struct bench_failure *failure)
{
	(void)bytes;
	(void)failure;
	*(volatile unsigned char *)piece(pieces.at) = 1;
	return BENCH_SERVED;
}

/* One touch made the whole of it present, so that its last page is, too. */
static bool is_huge(void)
{
	unsigned char present = 0;

	return mincore(piece(pieces.at) + pieces.bytes - pieces.page, pieces.page, &present) == 0 && present & 1;
}

static void next(void)
{
	pieces.at++;
}

static void give_back(void)
{
	if (pieces.map && pieces.map != MAP_FAILED)
		munmap(pieces.map, pieces.map_bytes);
	pieces.map = NULL;
}

/* Of /proc/vmstat, beside what any benchmark's `costs` tell: all of compaction's scanners, and kcompactd's. */
static const char *const counted[] = {
	"thp_fault_alloc",
	"thp_fault_fallback",
	"thp_collapse_alloc",
	"compact_migrate_scanned",
	"compact_free_scanned",
	"compact_daemon_migrate_scanned",
	"compact_daemon_free_scanned",
};
#define COUNTED (sizeof(counted) / sizeof(counted[0]))

static int64_t before[COUNTED];

void thp_count(void)
{
	for (size_t i = 0; i < COUNTED; i++)
		before[i] = memory_vmstat(counted[i]);
}

void thp_counted(char *moved, size_t size)
{
	size_t used = 0;

	moved[0] = '\0';
	for (size_t i = 0; i < COUNTED && used < size; i++) {
		int64_t by = memory_vmstat(counted[i]) - before[i];

		if (by > 0)
			used += (size_t)snprintf(moved + used, size - used, "%s%s %lld", used ? "," : "",
						 counted[i], (long long)by);
	}
}

const struct bench_step bench_thp = {
	.once = fault,
	.settle = next,
	.served = is_huge,
	.begin = begin_advised,
	.end = give_back,
};

const struct bench_step bench_thp_plain = {
	.once = fault,
	.settle = next,
	.served = is_huge,
	.begin = begin_plain,
	.end = give_back,
};
