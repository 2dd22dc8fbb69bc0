// SPDX-License-Identifier: Apache-2.0
#include "bench/report.h"

#include <linux/android/binder.h>
#include <stdio.h>
#include <string.h>

#include "agent/emit.h"

static const char *const places[] = {
	[BENCH_ALL_DONE] = "",	    [BENCH_OPEN] = "open",
	[BENCH_MAP] = "map",	    [BENCH_MANAGER] = "manager",
	[BENCH_SERVER] = "server",  [BENCH_WORKER] = "worker",
	[BENCH_TRANSACTION] = "transaction",
	[BENCH_PAYLOAD] = "payload", [BENCH_CYCLE] = "cycle",
	[BENCH_DEADLINE] = "deadline", [BENCH_OOPS] = "oops",
	[BENCH_DIED] = "died",	     [BENCH_THP] = "thp",
	[BENCH_THP_SIZE] = "thp_size",
};

/* As a C compiler knows them: the header of another kernel may know more. */
static const char *reply_name(uint32_t reply)
{
	static char number[24];

	switch (reply) {
	case 0:
		return "";
	case BR_DEAD_REPLY:
		return "BR_DEAD_REPLY";
	case BR_FAILED_REPLY:
		return "BR_FAILED_REPLY";
	case BR_ERROR:
		return "BR_ERROR";
#ifdef BINDER_FREEZE
	case BR_FROZEN_REPLY:
		return "BR_FROZEN_REPLY";
#endif
	}
	snprintf(number, sizeof(number), "BR_0x%x", reply);
	return number;
}

const char *bench_report_name(const struct bench_report *report)
{
	static char name[80];
	const struct benchmark *benchmark = report->benchmark;
	int used = snprintf(name, sizeof(name), "%s/%zu", bench_kinds[benchmark->kind].name, report->bytes);

	if (!report->bytes)
		used = snprintf(name, sizeof(name), "%s/pmd", bench_kinds[benchmark->kind].name);

	if (benchmark->map_bytes)
		used += snprintf(name + used, sizeof(name) - (size_t)used, "/map:%llu",
				 (unsigned long long)benchmark->map_bytes);
	if (benchmark->held)
		snprintf(name + used, sizeof(name) - (size_t)used, "/held:%u", benchmark->held);
	return name;
}

static void sift(uint32_t *values, size_t root, size_t count)
{
	for (size_t child; (child = 2 * root + 1) < count; root = child) {
		uint32_t held;

		if (child + 1 < count && values[child] < values[child + 1])
			child++;
		if (values[root] >= values[child])
			return;
		held = values[root];
		values[root] = values[child];
		values[child] = held;
	}
}

/* Heap sort: qsort(3) may ask for memory. */
static void sort(uint32_t *values, size_t count)
{
	for (size_t root = count / 2; root-- > 0;)
		sift(values, root, count);
	for (size_t last = count; last-- > 1;) {
		uint32_t largest = values[0];

		values[0] = values[last];
		values[last] = largest;
		sift(values, 0, last);
	}
}

/* Between the two nearest values, in proportion: as Python's statistics.quantiles, "inclusive". */
static int64_t percentile(const uint32_t *sorted, size_t count, unsigned percent)
{
	uint64_t place = (uint64_t)(count - 1) * percent;
	uint64_t low = place / 100, part = place % 100;
	uint64_t next = low + 1 < count ? low + 1 : low;

	return (int64_t)((sorted[low] * (100 - part) + sorted[next] * part + 50) / 100);
}

static void emit_percentiles(struct bench_log *log)
{
	if (!log->samples)
		return;
	sort(log->latency_ns, log->samples);
	emit_number("p50_ns", percentile(log->latency_ns, log->samples, 50));
	emit_number("p99_ns", percentile(log->latency_ns, log->samples, 99));
	emit_number("max_ns", log->latency_ns[log->samples - 1]);
}

void bench_report(const struct bench_report *report, struct bench_log *log)
{
	static const char *const whens[] = { [WHEN_RELAXED] = "relaxed", [WHEN_TARGET] = "target",
					     [WHEN_AFTER] = "after" };

	emit_begin("benchmark");
	emit_text("name", bench_report_name(report));
	emit_text("when", whens[report->when]);
	emit_number("iterations", (int64_t)log->iterations);
	emit_number("failed", (int64_t)log->failed);
	emit_number("warmup", (int64_t)report->benchmark->warmup);
	emit_number("real_ns", (int64_t)log->real_ns);
	emit_number("cpu_ns", (int64_t)log->cpu_ns);
	emit_number("failed_ns", (int64_t)log->failed_ns);
	emit_percentiles(log);
	emit_flag("killed", report->killed);
	emit_number("oom_kills", report->oom_kills);
	emit_text("where", places[report->failure.where]);
	emit_text("reply", reply_name(report->failure.reply));
	emit_number("errno", report->failure.error);
	emit_text("counters", log->counters);
	if (report->settings[0])
		emit_text("settings", report->settings);
	emit_end();
}
