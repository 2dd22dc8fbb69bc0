// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "agent/rights.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "agent/child.h"
#include "agent/emit.h"
#include "agent/file.h"
#include "agent/guest.h"
#include "agent/settings.h"

/* 0 or the errno of each, by what is tried. */
static int refused[RIGHTS];

static int try_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

/* Without CAP_SYS_ADMIN the file can be read, and all frame numbers in it are 0. */
static int try_pagemap(void)
{
	static char page = 1;
	uint64_t entry = 0;
	long page_bytes = sysconf(_SC_PAGESIZE);
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0)
		return errno;
	page++;
	got = pread(fd, &entry, sizeof(entry), (off_t)((uintptr_t)&page / (uintptr_t)page_bytes * sizeof(entry)));
	close(fd);
	if (got != sizeof(entry))
		return EIO;
	return entry & ((UINT64_C(1) << 55) - 1) ? 0 : EPERM;
}

static int try_sndbuf(void)
{
	int unlimited = 1 << 30, error = 0, fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return errno;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &unlimited, sizeof(unlimited)) < 0)
		error = errno;
	close(fd);
	return error;
}

static int try_files(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= GUEST_DESCRIPTORS ? 0 : EPERM;
}

static int try_debugfs(void)
{
	struct statfs status;

	if (statfs("/sys/kernel/debug", &status) < 0)
		return errno;
	if (status.f_type != DEBUGFS_MAGIC)
		return ENOENT;
	return access("/sys/kernel/debug/.", R_OK | X_OK) < 0 ? errno : 0;
}

/* A device that is not there yet can be added by whoever may read this (drivers/block/zram: hot_add). */
static int try_zram(void)
{
	if (file_exists("/sys/block/zram0"))
		return try_open("/sys/block/zram0/disksize", O_WRONLY);
	if (!file_exists("/sys/class/zram-control/hot_add"))
		return ENOENT;
	return access("/sys/class/zram-control/hot_add", R_OK) < 0 ? errno : 0;
}

static int try_adj(void)
{
	return file_write_number("/proc/self/oom_score_adj", -1000) < 0 ? errno : 0;
}

static int try_mlock(void)
{
	return mlockall(MCL_CURRENT | MCL_FUTURE) < 0 ? errno : 0;
}

static int try_right(enum right right)
{
	switch (right) {
	case RIGHT_PAGETYPEINFO:
		return try_open("/proc/pagetypeinfo", O_RDONLY);
	case RIGHT_KPAGEFLAGS:
		return try_open("/proc/kpageflags", O_RDONLY);
	case RIGHT_PAGEMAP:
		return try_pagemap();
	case RIGHT_SYSCTL:
		return try_open("/proc/sys/vm/min_free_kbytes", O_WRONLY);
	case RIGHT_ADJ:
		return try_adj();
	case RIGHT_KMSG:
		return emit_has_marks() ? 0 : EACCES;
	case RIGHT_MLOCK:
		return try_mlock();
	case RIGHT_SNDBUF:
		return try_sndbuf();
	case RIGHT_FILES:
		return try_files();
	case RIGHT_TRACEFS:
		return try_open("/sys/kernel/tracing/kprobe_events", O_WRONLY);
	case RIGHT_DEBUGFS:
		return try_debugfs();
	default:
		return try_zram();
	}
}

void rights_look(void)
{
	for (enum right right = 0; right < RIGHTS; right++)
		refused[right] = try_right(right);
}

static const char *const names[RIGHTS] = { "pagetypeinfo", "kpageflags", "pagemap", "sysctl",
					   "adj",	   "kmsg",	 "mlock",   "sndbuf",
					   "files",	   "tracefs",	 "debugfs", "zram" };

size_t rights_lacking(const char *words[RIGHTS])
{
	size_t count = 0;

	for (enum right right = 0; right < RIGHTS; right++)
		if (refused[right])
			words[count++] = names[right];
	return count;
}

/* What is not there at all is told by whoever misses it, as in a guest of the agent's own. */
static bool is_refusal(int error)
{
	return error == EACCES || error == EPERM || error == EROFS;
}

bool rights_refuse(int error, const char *what, const char *word)
{
	char message[200];

	snprintf(message, sizeof(message), "%s needs `%s`, which %s (uid %u): %s", what, word,
		 getuid() ? "takes root" : "this device does not even give root", getuid(), strerror(error));
	emit_error("rights", error, message);
	return false;
}

bool rights_allow(enum right right, const char *what)
{
	return !is_refusal(refused[right]) || rights_refuse(refused[right], what, names[right]);
}

/* Who may not go below what was set for it can still have the rest. */
static bool allows_adj(int adj, const char *what)
{
	char before[16];
	bool allowed;

	if (!refused[RIGHT_ADJ])
		return true;
	if (file_read("/proc/self/oom_score_adj", before, sizeof(before)) <= 0)
		return rights_allow(RIGHT_ADJ, what);
	allowed = file_write_number("/proc/self/oom_score_adj", adj) == 0;
	file_write("/proc/self/oom_score_adj", before);
	return allowed || rights_allow(RIGHT_ADJ, what);
}

static bool has_units(const struct recipe *recipe)
{
	for (int order = 0; order < RECIPE_ORDERS; order++) {
		if (recipe->units[order].min != UNLIMITED || recipe->units[order].max != UNLIMITED)
			return true;
		for (int node = 0; node < LIMIT_NODES; node++)
			if (recipe->node_units[node][order].min != UNLIMITED ||
			    recipe->node_units[node][order].max != UNLIMITED)
				return true;
	}
	return false;
}

/* Each by itself: a security module labels one file of /proc/sys otherwise than another. */
static bool allows_settings(const struct recipe *recipe)
{
	for (size_t i = 0; i < recipe->setting_count; i++) {
		const char *name = recipe->settings[i].setting.name;
		char path[SETTING_PATH_BYTES];
		int error;

		if (recipe->settings[i].variant != recipe->variant_index)
			continue;
		settings_path(name, path);
		error = try_open(path, O_WRONLY);
		if (is_refusal(error))
			return rights_refuse(error, name, *name == '/' ? "sysfs" : "sysctl");
	}
	return true;
}

bool rights_suffice(const struct recipe *recipe)
{
	/* In the order in which people will ask for them. */
	const struct {
		bool wanted;
		enum right right;
		const char *what;
	} needs[] = {
		{ has_units(recipe), RIGHT_PAGETYPEINFO, "a target of usable units" },
		{ recipe->stressor_count > 0, RIGHT_PAGETYPEINFO, "a stressor, which counts usable units," },
		{ recipe->stressor_count > 0, RIGHT_ADJ, "a stressor, whose memory must stay," },
		{ recipe->stressor_count > 0, RIGHT_SNDBUF, "a stressor, which begins with seeded blocks in sockets," },
		{ recipe_has_stressor(recipe, STRESS_PIPES), RIGHT_FILES, "the stressor pipes" },
		{ recipe_has_stressor(recipe, STRESS_ANONYMOUS), RIGHT_PAGEMAP, "the stressor anonymous" },
		{ recipe_has_stressor(recipe, STRESS_BALLAST), RIGHT_SYSCTL, "the stressor ballast" },
		{ recipe->picture.wanted, RIGHT_SYSCTL, "a memory picture" },
		{ recipe->picture.min_kb != UNLIMITED, RIGHT_SYSCTL, "watermarks" },
		{ recipe->hard != HARD_UNCHECKED, RIGHT_SYSCTL, "`hard`, which compacts memory," },
		{ recipe->sysctl_count > 0, RIGHT_SYSCTL, "a sysctl" },
		{ recipe->stage == STAGE_RELAXED, RIGHT_SYSCTL, "memory that is relaxed" },
		{ recipe->trace, RIGHT_TRACEFS, "the audit" },
	};

	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++)
		if (needs[i].wanted && !rights_allow(needs[i].right, needs[i].what))
			return false;
	if (!allows_settings(recipe))
		return false;
	if (recipe->trigger && !allows_adj(recipe->adj, "the trigger's oom_score_adj"))
		return false;
	return !recipe->bystander_count || allows_adj(recipe->bystander_adj, "the bystanders' oom_score_adj");
}
