// SPDX-License-Identifier: Apache-2.0
#include "trace.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "emit.h"
#include "file.h"

#define ROOT "/sys/kernel/tracing/"
#define KMALLOC ROOT "events/kmem/kmalloc/"
#define PAGE_ALLOC ROOT "events/kmem/mm_page_alloc/"
#define SEPARATOR "# event histogram"

/* Smallest kmalloc worth a row, bytes. */
#define LEAST_BYTES "2048"
/* Three keys is the most there can be (TRACING_MAP_KEYS_MAX); bytes_alloc follows from bytes_req. */
#define KMALLOC_KEYS "call_site.sym,gfp_flags,bytes_req"

/*
 * Two triggers on one event must differ in their filter. A failed kmalloc has a NULL ptr;
 * a failed page allocation has pfn -1 (include/trace/events/kmem.h).
 */
static const struct {
	const char *table;
	const char *directory;
	const char *keys;
	const char *filter;
} tables[] = {
	{ "kmalloc", KMALLOC, KMALLOC_KEYS, "bytes_req>=" LEAST_BYTES "&&ptr!=0" },
	{ "kmalloc_failed", KMALLOC, KMALLOC_KEYS, "bytes_req>=" LEAST_BYTES "&&ptr==0" },
	{ "page_alloc", PAGE_ALLOC, "order,gfp_flags", "order>=1&&pfn!=0xffffffffffffffff" },
	{ "page_alloc_failed", PAGE_ALLOC, "order,gfp_flags", "order>=1&&pfn==0xffffffffffffffff" },
};

#define TABLES (sizeof(tables) / sizeof(tables[0]))

static bool armed[TABLES];
static char text[128 * 1024];

void trace_arm(pid_t first, pid_t last)
{
	char command[320];
	char path[128];

	/* Otherwise the first trigger would allocate a full-sized ring buffer. */
	file_write(ROOT "buffer_size_kb", "16");
	for (size_t i = 0; i < TABLES; i++) {
		/* 128 rows is the least there is; more would only take memory. */
		snprintf(command, sizeof(command),
			 "hist:keys=%s:size=128 if %s&&common_pid>=%d&&common_pid<=%d",
			 tables[i].keys, tables[i].filter, (int)first, (int)last);
		snprintf(path, sizeof(path), "%strigger", tables[i].directory);
		armed[i] = file_write(path, command) == 0;
		if (!armed[i])
			emit_note("trace: %s not counted: %s", tables[i].table, strerror(errno));
	}
}

/*
 * The hist file of an event shows all its triggers, each with its own "trigger info" line:
 * finds the part that carries our filter and cuts it out in place.
 */
static char *cut_section(char *all, const char *filter)
{
	for (char *section = strstr(all, SEPARATOR); section;) {
		char *next = strstr(section + 1, SEPARATOR);
		char *info;

		if (next)
			*next = '\0';
		info = strstr(section, filter);
		if (info)
			return section;
		if (next)
			*next = SEPARATOR[0];
		section = next;
	}
	return NULL;
}

void trace_report(void)
{
	for (size_t i = 0; i < TABLES; i++) {
		char path[128];
		char *section;

		snprintf(path, sizeof(path), "%shist", tables[i].directory);
		if (!armed[i] || file_read(path, text, sizeof(text)) <= 0)
			continue;
		section = cut_section(text, tables[i].filter);
		if (!section)
			continue;
		emit_begin("requests");
		emit_text("table", tables[i].table);
		emit_text("text", section);
		emit_end();
	}
}
