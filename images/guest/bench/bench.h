// SPDX-License-Identifier: Apache-2.0
/* One benchmark as its process runs it: warm-up, timed iterations, and what they came to. */
#ifndef OOMLAB_BENCH_BENCH_H
#define OOMLAB_BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "limits.h"

/* The longest list of the driver's commands that moved. */
#define BENCH_COUNTERS_BYTES 1024
/* Latencies that are kept for percentiles; later iterations count in the sums alone. */
#define BENCH_SAMPLES LIMIT_ITERATIONS

/* What could not be done. */
enum bench_where {
	BENCH_ALL_DONE,
	BENCH_OPEN,
	BENCH_MAP,
	BENCH_MANAGER,
	BENCH_SERVER,
	BENCH_WORKER,
	BENCH_TRANSACTION,
	BENCH_PAYLOAD,
	BENCH_CYCLE,
	BENCH_THP,	/* no transparent huge pages in this kernel */
	BENCH_THP_SIZE, /* none of that size */
	BENCH_DEADLINE,
	BENCH_DIED, /* a process of it, not by the OOM killer */
	BENCH_OOPS, /* the kernel has crashed: what is measured now means nothing */
};

struct bench_failure {
	enum bench_where where;
	uint32_t reply; /* BR_*, if the driver said so */
	int error;	/* errno, or the driver's extended error */
};

/*
 * In memory shared with the supervisor and touched beforehand: it survives the process.
 * Times are those of served iterations.
 */
struct bench_log {
	uint64_t iterations; /* timed ones, refused ones included */
	uint64_t failed;
	uint64_t real_ns, cpu_ns;
	uint64_t failed_ns; /* wall time of those that were refused */
	struct bench_failure failure; /* the last one */
	char counters[BENCH_COUNTERS_BYTES];
	uint32_t sample_limit, samples;
	uint32_t latency_ns[];
};

enum bench_result { BENCH_SERVED, BENCH_REFUSED, BENCH_OVER };

/* Counters of the kernel, read before and after the timed part. */
struct bench_counting {
	void (*start)(void);
	void (*stop)(char *moved, size_t size); /* those that moved, as "BC_TRANSACTION 200,BC_REPLY 200" */
};

/* What is measured: `step` is timed, `settle` (if any) comes between two steps and is not. */
struct bench_subject {
	enum bench_result (*step)(void *context, struct bench_failure *failure);
	void (*settle)(void);
	bool (*served)(void); /* if any, and not timed: whether a step that says so got what it asked for */
	const struct bench_counting *counting; /* if any */
	void *context;
};

/*
 * A subject that needs no other process: `once` does it for a size, `settle` and `served` as above. `begin` makes
 * what all iterations need and `end` gives it back; neither is timed.
 */
struct bench_step {
	enum bench_result (*once)(size_t bytes, struct bench_failure *failure);
	void (*settle)(void);
	bool (*served)(void);
	struct bench_failure (*begin)(size_t bytes, uint64_t iterations);
	void (*end)(void);
	const struct bench_counting *counting;
	bool needs_binder;
};

struct bench_rule {
	uint64_t warmup;
	uint64_t iterations; /* 0: batches grow by the stop rule of min_ns */
	uint64_t min_ns;
};

/* Runs the subject by the rule; ends early when a step says that it is over. */
void bench_measure(const struct bench_subject *subject, const struct bench_rule *rule,
		   struct bench_log *log);

#endif
