// SPDX-License-Identifier: Apache-2.0
#include "agent/cost.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/clock.h"
#include "agent/emit.h"
#include "agent/file.h"
#include "limits.h"

#define KTHREADD 2 /* the parent of all threads of the kernel */
#define NS_PER_US 1000

/*
 * By name the counters of /proc/vmstat (mm/vmstat.c, vmstat_text) that are added up for it. One that ends in
 * an underscore stands for all that begin so: a counter for each zone.
 */
static const struct counted {
	const char *name;
	const char *counters[2];
} counted[] = {
	{ "direct_reclaims", { "allocstall_" } },
	{ "pages_scanned_direct", { "pgscan_direct" } },
	{ "pages_reclaimed_direct", { "pgsteal_direct" } },
	{ "kswapd_runs", { "pageoutrun" } },
	{ "pages_scanned_kswapd", { "pgscan_kswapd" } },
	{ "pages_reclaimed_kswapd", { "pgsteal_kswapd" } },
	{ "direct_compactions", { "compact_stall" } },
	{ "direct_compactions_succeeded", { "compact_success" } },
	{ "direct_compactions_failed", { "compact_fail" } },
	{ "kcompactd_runs", { "compact_daemon_wake" } },
	{ "pages_scanned_to_migrate", { "compact_migrate_scanned" } },
	{ "pages_scanned_free", { "compact_free_scanned" } },
	{ "pages_migrated", { "pgmigrate_success" } },
	{ "refaults", { "workingset_refault_anon", "workingset_refault_file" } },
	{ "pages_swapped_in", { "pswpin" } },
	{ "pages_swapped_out", { "pswpout" } },
};

#define COUNTED (sizeof(counted) / sizeof(counted[0]))

/* Threads of the kernel by the beginning of their name, which a number follows: the NUMA node. */
static struct threads {
	const char *name, *thread;
	clockid_t clocks[LIMIT_NODES];
	int count;
} threads[] = {
	{ .name = "kswapd_cpu_ns", .thread = "kswapd" },
	{ .name = "kcompactd_cpu_ns", .thread = "kcompactd" },
};

#define THREADS (sizeof(threads) / sizeof(threads[0]))

/* Lines of /proc/pressure/memory (kernel/sched/psi.c, psi_show). */
static const struct pressure {
	const char *name, *line;
} pressures[] = {
	{ "memory_some_ns", "some " },
	{ "memory_full_ns", "full " },
};

#define PRESSURES (sizeof(pressures) / sizeof(pressures[0]))

/* Of the trigger's own processes (trigger/waits.c). */
static const char *const own[] = { "trigger_reclaim_ns", "trigger_compaction_ns" };

#define OWN (sizeof(own) / sizeof(own[0]))
#define FIGURES (OWN + THREADS + PRESSURES + COUNTED)

_Static_assert(FIGURES <= COST_FIGURES, "no room for all figures");

static int vmstat = -1, pressure = -1;
static char text[16 * 1024];

static bool is_thread(const char *name, const char *thread)
{
	size_t length = strlen(thread);

	return !strncmp(name, thread, length) && isdigit((unsigned char)name[length]);
}

/* "PID (NAME) STATE PPID ...": anybody may call a process kswapd0, but only kthreadd starts one. */
static void take_thread(const char *pid)
{
	char path[64], line[256], name[16];
	int parent;

	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	if (file_read(path, line, sizeof(line)) <= 0 ||
	    sscanf(line, "%*d (%15[^)]) %*c %d", name, &parent) != 2 || parent != KTHREADD)
		return;
	for (size_t i = 0; i < THREADS; i++)
		if (is_thread(name, threads[i].thread) && threads[i].count < LIMIT_NODES &&
		    clock_getcpuclockid(atoi(pid), &threads[i].clocks[threads[i].count]) == 0)
			threads[i].count++;
}

static void find_threads(void)
{
	DIR *processes = opendir("/proc");
	struct dirent *entry;

	while (processes && (entry = readdir(processes)))
		if (isdigit((unsigned char)entry->d_name[0]))
			take_thread(entry->d_name);
	if (processes)
		closedir(processes);
}

void costs_prepare(void)
{
	find_threads();
	vmstat = open("/proc/vmstat", O_RDONLY | O_CLOEXEC);
	/* Not there without CONFIG_PSI, or where that waits for psi=1 on the command line. */
	pressure = open("/proc/pressure/memory", O_RDONLY | O_CLOEXEC);
}

/* The whole file from its beginning; false where it cannot be read. */
static bool look(int fd)
{
	size_t have = 0;
	ssize_t got;

	text[0] = '\0';
	if (fd < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return false;
	while (have + 1 < sizeof(text) && (got = read(fd, text + have, sizeof(text) - 1 - have)) > 0)
		have += (size_t)got;
	text[have] = '\0';
	return have > 0;
}

static bool counts(const struct counted *figure, const char *counter, size_t length)
{
	for (size_t i = 0; i < 2 && figure->counters[i]; i++) {
		size_t wanted = strlen(figure->counters[i]);
		bool whole = figure->counters[i][wanted - 1] != '_';

		if ((whole ? length == wanted : length > wanted) && !strncmp(counter, figure->counters[i], wanted))
			return true;
	}
	return false;
}

static void read_counters(int64_t *figures)
{
	char *rest = text;

	for (size_t i = 0; i < COUNTED; i++)
		figures[i] = COST_UNKNOWN;
	if (!look(vmstat))
		return;
	for (char *line; (line = strtok_r(rest, "\n", &rest));) {
		size_t length = strcspn(line, " ");

		for (size_t i = 0; i < COUNTED; i++)
			if (counts(&counted[i], line, length))
				figures[i] = (figures[i] == COST_UNKNOWN ? 0 : figures[i]) +
					     strtoll(line + length, NULL, 10);
	}
}

static int64_t cpu_ns(const struct threads *of)
{
	int64_t sum = of->count ? 0 : COST_UNKNOWN;

	for (int i = 0; i < of->count; i++) {
		struct timespec time;

		if (clock_gettime(of->clocks[i], &time) < 0)
			return COST_UNKNOWN;
		sum += (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
	}
	return sum;
}

static int64_t stalled_ns(const struct pressure *of)
{
	const char *line = strstr(text, of->line);
	const char *total = line ? strstr(line, "total=") : NULL;

	return total ? strtoll(total + strlen("total="), NULL, 10) * NS_PER_US : COST_UNKNOWN;
}

void costs_read(struct costs *costs)
{
	int64_t *figure = costs->figures;

	costs->at_ns = clock_ns();
	for (size_t i = 0; i < OWN; i++)
		*figure++ = COST_UNKNOWN;
	/* First, for looking at files takes time. */
	for (size_t i = 0; i < THREADS; i++)
		*figure++ = cpu_ns(&threads[i]);
	look(pressure);
	for (size_t i = 0; i < PRESSURES; i++)
		*figure++ = stalled_ns(&pressures[i]);
	read_counters(figure);
}

void costs_enter_own(struct costs *costs, int64_t reclaim_ns, int64_t compact_ns)
{
	costs->figures[0] = reclaim_ns;
	costs->figures[1] = compact_ns;
}

size_t costs_count(void)
{
	return FIGURES;
}

const char *costs_name(size_t figure)
{
	if (figure < OWN)
		return own[figure];
	figure -= OWN;
	if (figure < THREADS)
		return threads[figure].name;
	figure -= THREADS;
	return figure < PRESSURES ? pressures[figure].name : counted[figure - PRESSURES].name;
}

void costs_tell(const char *phase, const char *benchmark, const struct costs *before,
		const struct costs *after)
{
	const char *names[FIGURES];
	int64_t values[FIGURES];
	size_t count = 0;

	emit_begin("costs");
	emit_text("phase", phase);
	if (benchmark)
		emit_text("benchmark", benchmark);
	emit_number("elapsed_ns", (int64_t)(after->at_ns - before->at_ns));
	for (size_t i = 0; i < FIGURES; i++) {
		if (before->figures[i] == COST_UNKNOWN || after->figures[i] == COST_UNKNOWN)
			continue;
		names[count] = costs_name(i);
		values[count++] = after->figures[i] - before->figures[i];
	}
	emit_texts("names", names, count);
	emit_numbers("values", values, count);
	emit_end();
}
