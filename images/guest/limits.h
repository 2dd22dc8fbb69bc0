// SPDX-License-Identifier: Apache-2.0
/*
 * The most that a recipe may ask for: one table for the agent, whose parser refuses more, and for the
 * scenario models, which read this file (orchestrator/scenario/limits.py) and refuse it before a boot.
 * A line is `#define LIMIT_NAME NUMBER`, a plain decimal number.
 */
#ifndef OOMLAB_LIMITS_H
#define OOMLAB_LIMITS_H

/* Processes that share the trigger's requests. */
#define LIMIT_PROCESSES 64
/* Requests of the trigger, all processes together. */
#define LIMIT_REQUESTS 1000000
/* Length of a binder map, in bytes. */
#define LIMIT_MAP_BYTES 1073741824
/* Transactions through each map of the trigger. */
#define LIMIT_MAP_TRANSACTIONS 1000
/* A message of a trigger's sockets, and the room for messages in one of them, in bytes. */
#define LIMIT_MESSAGE_BYTES 1048576
#define LIMIT_SOCKET_BYTES 268435456
/* Messages that a process sends without reading in between. */
#define LIMIT_BURST 10000
/* The trigger's command, in bytes of UTF-8. */
#define LIMIT_COMMAND 500
/* The gfp flags of the trigger's requests, by name, in bytes. */
#define LIMIT_GFP 300
#define LIMIT_BYSTANDERS 256
/* NUMA nodes. Debian's arm64 kernels know 16 (CONFIG_NODES_SHIFT=4). */
#define LIMIT_NODES 8
#define LIMIT_SYSCTLS 32
/* With /proc/sys/ before it a path of 159 bytes. */
#define LIMIT_SYSCTL_NAME 149
#define LIMIT_SYSCTL_VALUE 200
/* Of one variant, and of all that a block's forks may choose from. */
#define LIMIT_VARIANT_SETTINGS 32
#define LIMIT_SETTINGS 256
/* A file below /sys, with room for its end. */
#define LIMIT_SETTING_PATH 159
#define LIMIT_STRESSORS 12
/* MAX_ORDER of the kernels that are booted, less one. */
#define LIMIT_ORDER 10
/* Kernels that a block's forks may choose from. */
#define LIMIT_VARIANTS 32
#define LIMIT_BENCHMARKS 16
/* Sizes of one benchmark, each of which is measured by itself. */
#define LIMIT_SIZES 32
/* Benchmarks that are commands of the user's. */
#define LIMIT_PROGRAMS 8
/* Timed iterations, and those before them; each is kept for its percentiles. */
#define LIMIT_ITERATIONS 100000
/* A transaction's payload, and the map that it goes through, in bytes. */
#define LIMIT_PAYLOAD 1048576
#define LIMIT_TRANSACTION_MAP 4194304
/* Faults of huge pages that a benchmark makes; two mappings each. */
#define LIMIT_HUGE_PAGES 10000
/* Maps that a benchmark holds meanwhile. */
#define LIMIT_HELD 1000
/* oom_score_adj, and less than nothing as well (include/uapi/linux/oom.h). */
#define LIMIT_ADJ 1000

#endif
