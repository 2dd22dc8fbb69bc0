// SPDX-License-Identifier: Apache-2.0
/* A benchmark's record: its name as Google Benchmark writes it, sums and percentiles. */
#ifndef OOMLAB_BENCH_REPORT_H
#define OOMLAB_BENCH_REPORT_H

#include "agent/recipe.h"
#include "bench/bench.h"

struct bench_report {
	const struct benchmark *benchmark;
	size_t bytes;
	enum when when;
	struct bench_failure failure;
	bool killed;
	int64_t oom_kills;
	char settings[64]; /* of the kernel, that the figures depend on; may be empty */
};

/* As Google Benchmark writes it; until the next call. */
const char *bench_report_name(const struct bench_report *report);

/* Emits the record; sorts the log's latencies in place, without a byte of memory. */
void bench_report(const struct bench_report *report, struct bench_log *log);

#endif
