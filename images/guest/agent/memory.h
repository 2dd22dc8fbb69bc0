// SPDX-License-Identifier: Apache-2.0
/* The state of memory as the kernel tells it: free lists, zones, counters. */
#ifndef OOMLAB_AGENT_MEMORY_H
#define OOMLAB_AGENT_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/recipe.h"

/* Of all memory, or of one NUMA node. */
struct memory {
	/* Free memory of the zones that count, free CMA pages left out. */
	int64_t free_kb;
	/*
	 * Free, but not to be had by who works here: CMA, ZONE_MOVABLE, ZONE_HIGHMEM, of no use to
	 * GFP_KERNEL; and of a node, all that is free on other nodes.
	 */
	int64_t outside_kb;
	/* Below this the kernel begins to reclaim: low watermarks plus lowmem reserves. */
	int64_t floor_kb;
	/* The most that one refill of the per-CPU lists may take off the free lists at once. */
	int64_t refill_kb;
	/* What the page allocator has of the zones that count, taken or free. */
	int64_t managed_kb;
	/*
	 * units[k] = sum over j >= k of blocks of order j * 2^(j-k), over the unmovable,
	 * reclaimable and movable lists of the zones that count (/proc/pagetypeinfo).
	 */
	int64_t units[RECIPE_ORDERS];
	int orders;
};

/* All memory, and each node by its number. */
struct numa_memory {
	struct memory all;
	struct memory node[LIMIT_NODES];
	int nodes; /* that have memory; where they are more than the limit: 1, which is all */
};

/* Sets the orders and the page size; call once /proc is mounted. */
void memory_init(void);

int64_t memory_page_kb(void);
int memory_orders(void);

/* False with errno when /proc cannot be read or understood. */
bool memory_read(struct memory *memory);

/* Likewise, node by node. */
bool memory_read_nodes(struct numa_memory *memory);

/* Free kB of the whole guest, straight from sysinfo(2): cheap enough to ask often. */
int64_t memory_quick_free_kb(void);

/* A counter of /proc/vmstat; -1 when it is not there. */
int64_t memory_vmstat(const char *name);

/* A value of /proc/meminfo in kB; -1 when it is not there. */
int64_t memory_meminfo_kb(const char *name);

#endif
