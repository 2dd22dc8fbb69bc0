// SPDX-License-Identifier: Apache-2.0
#include "stress/picture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/file.h"
#include "agent/memory.h"
#include "agent/recipe.h"
#include "agent/settings.h"

/* Lines below this are shown and not judged: the kernel's own share of them is too large. */
#define JUDGED_KB 20000
#define TOLERANCE_PERCENT 10
/*
 * While a picture is made. Each zone has its share of it, and below that share nobody gets the
 * large blocks that are left there, so they could not be taken out of the free list.
 */
#define BUILD_MIN_KB 256
/*
 * Likewise: what is given back is to appear in the free list, not wait for megabytes of company on
 * a per-CPU list (from 6.7 on these grow by themselves).
 */
#define SMALL_LISTS 1000000
#define MIN_FREE "/proc/sys/vm/min_free_kbytes"
#define SCALE_FACTOR "/proc/sys/vm/watermark_scale_factor"
#define PER_CPU_LISTS "/proc/sys/vm/percpu_pagelist_high_fraction"
/* kernel/sysctl.c: SYSCTL_THREE_THOUSAND */
#define SCALE_FACTOR_MAX 3000

const char *const picture_names[PICTURE_LINES + 1] = {
	"active_anon", "inactive_anon", "active_file",	"inactive_file",
	"unevictable", "slab_reclaimable", "slab_unreclaimable", "pagetables",
	"kernel_stack", "mapped",	"shmem",	"free_cma",
};

static const char *const fields[PICTURE_LINES] = {
	"Active(anon)", "Inactive(anon)", "Active(file)", "Inactive(file)",
	"Unevictable",	"SReclaimable",	  "SUnreclaim",	  "PageTables",
	"KernelStack",	"Mapped",	  "Shmem",	  "CmaFree",
};

static char text[8192];

static struct {
	int64_t min_kb, factor, per_cpu_fraction;
} at_boot;

bool picture_read(int64_t kb[PICTURE_LINES])
{
	char *rest = text;

	memset(kb, 0, PICTURE_LINES * sizeof(*kb));
	if (file_read("/proc/meminfo", text, sizeof(text)) <= 0)
		return false;
	for (char *line; (line = strtok_r(rest, "\n", &rest));) {
		char *colon = strchr(line, ':');

		if (!colon)
			continue;
		*colon = '\0';
		for (int i = 0; i < PICTURE_LINES; i++)
			if (!strcmp(line, fields[i]))
				kb[i] = strtoll(colon + 1, NULL, 10);
	}
	return true;
}

int64_t picture_missing_kb(const struct picture *picture, const int64_t now_kb[PICTURE_LINES],
			   enum picture_line line)
{
	if (picture->kb[line] == UNLIMITED)
		return 0;
	return picture->kb[line] - now_kb[line];
}

enum picture_line picture_worst(const struct picture *picture, const int64_t now_kb[PICTURE_LINES])
{
	enum picture_line worst = PICTURE_LINES;
	int64_t most = TOLERANCE_PERCENT;

	for (enum picture_line line = 0; line < PICTURE_LINES; line++) {
		int64_t off;

		if (picture->kb[line] < JUDGED_KB)
			continue;
		off = llabs(picture_missing_kb(picture, now_kb, line)) * 100 / picture->kb[line];
		if (off < most)
			continue;
		most = off;
		worst = line;
	}
	return worst;
}

static bool set_watermarks(int64_t min_kb, int64_t scale_factor)
{
	return settings_write_number(SCALE_FACTOR, scale_factor) == 0 &&
	       settings_write_number(MIN_FREE, min_kb) == 0;
}

/* As a fraction of a zone; 0: the kernel's own (mm/page_alloc.c, zone_highsize). */
static bool set_per_cpu_lists(int64_t fraction)
{
	return settings_write_number(PER_CPU_LISTS, fraction) == 0;
}

static int64_t setting(const char *path)
{
	char number[32];

	return file_read(path, number, sizeof(number)) > 0 ? strtoll(number, NULL, 10) : -1;
}

bool picture_relax_watermarks(void)
{
	at_boot.min_kb = setting(MIN_FREE);
	at_boot.factor = setting(SCALE_FACTOR);
	at_boot.per_cpu_fraction = setting(PER_CPU_LISTS);
	return set_per_cpu_lists(SMALL_LISTS) && set_watermarks(BUILD_MIN_KB, 1);
}

void picture_keep_setting(const char *path)
{
	if (!strcmp(path, MIN_FREE))
		at_boot.min_kb = setting(MIN_FREE);
	else if (!strcmp(path, SCALE_FACTOR))
		at_boot.factor = setting(SCALE_FACTOR);
	else if (!strcmp(path, PER_CPU_LISTS))
		at_boot.per_cpu_fraction = setting(PER_CPU_LISTS);
}

/* Pages that the buddy allocator manages, which the gap between watermarks is a share of. */
static int64_t managed_kb(void)
{
	static char zones[64 * 1024];
	int64_t pages = 0;

	if (file_read("/proc/zoneinfo", zones, sizeof(zones)) <= 0)
		return 0;
	for (const char *at = zones; (at = strstr(at, " managed ")); at++)
		pages += strtoll(at + strlen(" managed "), NULL, 10);
	return pages * memory_page_kb();
}

bool picture_set_watermarks(const struct picture *picture)
{
	int64_t total_kb = managed_kb(), factor = at_boot.factor;

	if (!picture->wanted)
		return true;
	if (!set_per_cpu_lists(at_boot.per_cpu_fraction))
		return false;
	if (picture->min_kb == UNLIMITED)
		return set_watermarks(at_boot.min_kb, at_boot.factor);
	if (picture->low_kb != UNLIMITED && total_kb > 0) {
		int64_t gap_kb = picture->low_kb - picture->min_kb;

		factor = (gap_kb * 10000 + total_kb / 2) / total_kb;
		factor = factor < 1 ? 1 : factor;
		factor = factor > SCALE_FACTOR_MAX ? SCALE_FACTOR_MAX : factor;
	}
	return set_watermarks(picture->min_kb, factor);
}
