// SPDX-License-Identifier: Apache-2.0
#include "agent/memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "agent/file.h"

#define TEXT_BYTES (128 * 1024)
/* mm/page_alloc.c, nr_pcp_alloc: a batch doubles up to CONFIG_PCP_BATCH_SCALE_MAX times (6.7+). */
#define BATCH_SCALE_MAX 5

static char text[TEXT_BYTES];
static int64_t page_kb = 4;
static int orders = 11;

static bool zone_counts(const char *zone)
{
	return strncmp(zone, "Movable", 7) && strncmp(zone, "HighMem", 7);
}

static bool type_counts(const char *type)
{
	return !strncmp(type, "Unmovable ", 10) || !strncmp(type, "Reclaimable ", 12) ||
	       !strncmp(type, "Movable ", 8);
}

/* MAX_ORDER depends on version, architecture and page size: the header lists the orders. */
static int count_orders(const char *header)
{
	const char *at = strstr(header, "at order");
	int count = 0;

	if (!at)
		return 0;
	at += strlen("at order");
	for (char *end; *at && *at != '\n'; at = end) {
		strtol(at, &end, 10);
		if (end == at)
			break;
		count++;
	}
	return count < RECIPE_ORDERS ? count : RECIPE_ORDERS;
}

void memory_init(void)
{
	page_kb = sysconf(_SC_PAGESIZE) / 1024;
	if (file_read("/proc/pagetypeinfo", text, sizeof(text)) > 0 && count_orders(text))
		orders = count_orders(text);
}

int64_t memory_page_kb(void)
{
	return page_kb;
}

int memory_orders(void)
{
	return orders;
}

/* "Node 0, zone DMA, type Movable  2 1 >100000 ...": counts stop at 100000 (mm/vmstat.c). */
static void add_blocks(const char *counts, struct memory *memory)
{
	for (int order = 0; order < memory->orders; order++) {
		char *end;
		int64_t blocks;

		counts += strspn(counts, " >");
		blocks = strtoll(counts, &end, 10);
		if (end == counts)
			return;
		counts = end;
		for (int unit = 0; unit <= order; unit++)
			memory->units[unit] += blocks << (order - unit);
	}
}

/* Whoever reads one node gets its lines alone; NULL where it is one beyond the limit. */
static struct memory *node_of(struct numa_memory *memory, int node)
{
	if (node < 0 || node >= LIMIT_NODES) {
		memory->nodes = LIMIT_NODES + 1;
		return NULL;
	}
	if (node >= memory->nodes)
		memory->nodes = node + 1;
	return &memory->node[node];
}

static void read_line(const char *line, struct numa_memory *memory)
{
	const char *zone = strstr(line, "zone");
	const char *type = strstr(line, ", type");
	struct memory *node;

	if (!zone || !type)
		return;
	zone += strlen("zone");
	zone += strspn(zone, " ");
	type += strlen(", type");
	type += strspn(type, " ");
	if (!zone_counts(zone) || !type_counts(type))
		return;
	add_blocks(type + strcspn(type, " "), &memory->all);
	node = node_of(memory, atoi(line + strlen("Node")));
	if (node)
		add_blocks(type + strcspn(type, " "), node);
}

/* The file has each node by itself: its free lists, then its pageblocks (pagetypeinfo_show). */
static bool read_pagetypeinfo(struct numa_memory *memory)
{
	char *rest = text;
	bool free_lists = true;

	/* Root's alone (mm/vmstat.c). Who is not root has free memory, and no units of any order. */
	if (file_read("/proc/pagetypeinfo", text, sizeof(text)) <= 0)
		return errno == EACCES && getuid();
	memory->all.orders = orders;
	for (int node = 0; node < LIMIT_NODES; node++)
		memory->node[node].orders = orders;
	for (char *line; (line = strtok_r(rest, "\n", &rest));) {
		if (!strncmp(line, "Free pages", 10))
			free_lists = true;
		else if (!strncmp(line, "Number of blocks", 16))
			free_lists = false;
		else if (free_lists && !strncmp(line, "Node", 4))
			read_line(line, memory);
	}
	return true;
}

struct zone {
	char name[16];
	int node;
	int64_t free, low, cma, reserve, managed, batches;
};

static void account(const struct zone *zone, struct memory *memory)
{
	if (!zone_counts(zone->name)) {
		memory->outside_kb += zone->free * page_kb;
		return;
	}
	memory->free_kb += (zone->free - zone->cma) * page_kb;
	memory->outside_kb += zone->cma * page_kb;
	memory->floor_kb += (zone->low + zone->reserve) * page_kb;
	memory->refill_kb += (zone->batches << BATCH_SCALE_MAX) * page_kb;
	memory->managed_kb += zone->managed * page_kb;
}

static void account_twice(const struct zone *zone, struct numa_memory *memory)
{
	struct memory *node;

	if (!zone->name[0] || !zone->managed)
		return;
	account(zone, &memory->all);
	node = node_of(memory, zone->node);
	if (node)
		account(zone, node);
}

/* The largest of "protection: (a, b, ...)": what allocations from higher zones must leave. */
static int64_t largest(const char *list)
{
	int64_t most = 0;

	while (*list && *list != ')') {
		char *end;
		int64_t value = strtoll(list, &end, 10);

		if (end == list)
			list++;
		else
			list = end;
		if (value > most)
			most = value;
	}
	return most;
}

static void read_field(char *line, struct zone *zone)
{
	long long value;
	char name[40];

	if (sscanf(line, " pages free %lld", &value) == 1)
		zone->free = value;
	else if (!strncmp(line + strspn(line, " "), "protection:", 11))
		zone->reserve = largest(strchr(line, '('));
	else if (sscanf(line, " %39s %lld", name, &value) != 2)
		return;
	else if (!strcmp(name, "low"))
		zone->low = value;
	else if (!strcmp(name, "managed"))
		zone->managed = value;
	else if (!strcmp(name, "nr_free_cma"))
		zone->cma = value;
	else if (!strcmp(name, "batch:"))
		zone->batches += value; /* one for each CPU */
}

static bool read_zoneinfo(struct numa_memory *memory)
{
	struct zone zone = { .name = "" };
	char *rest = text;

	if (file_read("/proc/zoneinfo", text, sizeof(text)) <= 0)
		return false;
	for (char *line; (line = strtok_r(rest, "\n", &rest));) {
		char name[16];
		int node;

		if (sscanf(line, "Node %d, zone %15s", &node, name) == 2) {
			account_twice(&zone, memory);
			zone = (struct zone){ .name = "", .node = node };
			snprintf(zone.name, sizeof(zone.name), "%s", name);
		} else {
			read_field(line, &zone);
		}
	}
	account_twice(&zone, memory);
	return true;
}

bool memory_read_nodes(struct numa_memory *memory)
{
	int64_t free_kb;

	memset(memory, 0, sizeof(*memory));
	if (!read_pagetypeinfo(memory) || !read_zoneinfo(memory))
		return false;
	if (memory->nodes > LIMIT_NODES || memory->nodes < 2) {
		memory->nodes = 1;
		memory->node[0] = memory->all;
	}
	free_kb = memory->all.free_kb + memory->all.outside_kb;
	for (int node = 0; node < memory->nodes; node++)
		memory->node[node].outside_kb = free_kb - memory->node[node].free_kb;
	return true;
}

bool memory_read(struct memory *memory)
{
	static struct numa_memory numa;

	if (!memory_read_nodes(&numa))
		return false;
	*memory = numa.all;
	return true;
}

int64_t memory_quick_free_kb(void)
{
	struct sysinfo info;

	if (sysinfo(&info) < 0)
		return 0;
	return (int64_t)((uint64_t)info.freeram * info.mem_unit / 1024);
}

static int64_t find(const char *name)
{
	size_t length = strlen(name);

	for (const char *at = text; (at = strstr(at, name)); at += length) {
		bool first = at == text || at[-1] == '\n';

		if (first && strchr(" :", at[length]))
			return strtoll(at + length + 1, NULL, 10);
	}
	return -1;
}

int64_t memory_vmstat(const char *name)
{
	if (file_read("/proc/vmstat", text, sizeof(text)) <= 0)
		return -1;
	return find(name);
}

int64_t memory_meminfo_kb(const char *name)
{
	if (file_read("/proc/meminfo", text, sizeof(text)) <= 0)
		return -1;
	return find(name);
}
