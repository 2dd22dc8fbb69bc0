// SPDX-License-Identifier: Apache-2.0
#include "bench/counters.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "agent/file.h"

#define STATS "/sys/kernel/debug/binder/stats"
/* The global part is at the head and short; each process has a part of its own below it. */
#define HEAD_BYTES 4096
#define NAMES 64
#define NAME_BYTES 48

struct counter {
	char name[NAME_BYTES];
	uint64_t count;
};

static struct counter before[NAMES], after[NAMES];
static char text[HEAD_BYTES];

/* Lines of the global part begin with BC_ or BR_, those of processes are indented (print_binder_stats). */
static size_t take(struct counter *counters)
{
	char *rest = text;
	size_t count = 0;

	if (file_read(STATS, text, sizeof(text)) <= 0)
		return 0;
	for (char *line; count < NAMES && (line = strtok_r(rest, "\n", &rest));) {
		struct counter *counter = &counters[count];

		if (!strncmp(line, "proc ", 5))
			break;
		if (!strncmp(line, "BC_", 3) || !strncmp(line, "BR_", 3))
			count += sscanf(line, "%47[A-Z_]: %" SCNu64, counter->name, &counter->count) == 2;
	}
	return count;
}

static void start(void)
{
	size_t count = take(before);

	if (count < NAMES)
		before[count].name[0] = '\0';
}

static uint64_t count_before(const char *name)
{
	for (size_t i = 0; i < NAMES && before[i].name[0]; i++)
		if (!strcmp(before[i].name, name))
			return before[i].count;
	return 0;
}

static void stop(char *moved, size_t size)
{
	size_t count = take(after);
	size_t used = 0;

	moved[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		uint64_t by = after[i].count - count_before(after[i].name);
		int length;

		if (!by)
			continue;
		length = snprintf(moved + used, size - used, "%s%s %" PRIu64, used ? "," : "",
				  after[i].name, by);
		if (length < 0 || (size_t)length >= size - used) {
			moved[used] = '\0';
			return;
		}
		used += (size_t)length;
	}
}

const struct bench_counting bench_counters = { start, stop };

int bench_counters_processes(void)
{
	const char *line;
	int active = -1;

	if (file_read(STATS, text, sizeof(text)) <= 0)
		return -1;
	line = strstr(text, "\nproc: active ");
	if (line)
		sscanf(line, "\nproc: active %d", &active);
	return active;
}
