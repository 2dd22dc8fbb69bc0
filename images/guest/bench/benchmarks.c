// SPDX-License-Identifier: Apache-2.0
#include "bench/benchmarks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "agent/clock.h"
#include "agent/cost.h"
#include "agent/emit.h"
#include "agent/file.h"
#include "agent/memory.h"
#include "agent/recipe_benchmark.h"
#include "bench/counters.h"
#include "bench/program.h"
#include "bench/report.h"
#include "bench/thp.h"
#include "bench/worker.h"
#include "trigger/audit.h"

/* Two at work, and those that take over when they are killed. */
#define WORKERS 10
#define NEVER_KILLED (-1000)
/* A task has died in the kernel: an Oops (Documentation/admin-guide/tainted-kernels.rst). */
#define TAINT_DIE (1u << 7)
/* How long the driver may take to forget the processes of what ran before. */
#define FORGET_US 5000000u
#define POLL_US 5000
#define SERVER_US 5000000u
#define DEATH_US 2000000u
/* Enough maps to see every path that is open; transactions ask for no page arrays. */
#define TRACED_MAPS 100u
#define TRACED_TRANSACTIONS 10u
#define TRACED_WARMUP 10u

static const char *const phases[] = { [WHEN_RELAXED] = "relaxed", [WHEN_TARGET] = "target",
				      [WHEN_AFTER] = "after" };

static struct {
	struct bench_worker workers[WORKERS];
	int count;
	struct bench_log *log; /* shared */
	atomic_ulong *maps;    /* shared: binder maps that the workers asked for */
	bool traced;
	uint64_t deadline_us;
	int adj;
	enum when when;
	/* Those of the benchmark that runs; NULL: to be taken. */
	struct bench_worker *server, *measurer;
} benchmarks;

static size_t largest_payload(const struct recipe *recipe)
{
	size_t largest = 0;

	for (size_t i = 0; i < recipe->benchmark_count; i++)
		for (size_t j = 0; j < recipe->benchmarks[i].size_count; j++)
			if (!bench_kinds[recipe->benchmarks[i].kind].step &&
			    recipe->benchmarks[i].sizes[j] > largest)
				largest = recipe->benchmarks[i].sizes[j];
	return largest;
}

/* By the stop rule there may be any number. */
static uint32_t samples_needed(const struct recipe *recipe)
{
	uint64_t most = 0;

	for (size_t i = 0; i < recipe->benchmark_count; i++) {
		uint64_t wanted = recipe->benchmarks[i].iterations;

		if (!wanted)
			wanted = BENCH_SAMPLES / 5;
		if (wanted > most)
			most = wanted;
	}
	return most < BENCH_SAMPLES ? (uint32_t)most : BENCH_SAMPLES;
}

static void *shared(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

int benchmarks_prepare(const struct recipe *recipe)
{
	uint32_t samples = samples_needed(recipe);
	int error = programs_prepare(recipe);

	if (error || !recipe->benchmark_count)
		return error;
	benchmarks.adj = recipe->adj;
	benchmarks.log = shared(sizeof(struct bench_log) + samples * sizeof(uint32_t));
	benchmarks.maps = shared(sizeof(*benchmarks.maps));
	if (!benchmarks.log || !benchmarks.maps)
		return errno;
	benchmarks.log->sample_limit = samples;
	binder_count_maps(benchmarks.maps);
	for (size_t i = 0; i < recipe->benchmark_count; i++)
		if (bench_kind_is_of_huge_pages(recipe->benchmarks[i].kind))
			thp_enable(recipe->benchmarks[i].sizes, recipe->benchmarks[i].size_count);
	for (; benchmarks.count < WORKERS; benchmarks.count++)
		if (!bench_worker_start(&benchmarks.workers[benchmarks.count], benchmarks.count,
					largest_payload(recipe), benchmarks.log))
			return errno;
	return 0;
}

static struct bench_worker *take_worker(void)
{
	child_reap();
	for (int i = 0; i < benchmarks.count; i++) {
		struct bench_worker *worker = &benchmarks.workers[i];

		if (!worker->busy && worker->child->alive) {
			worker->busy = true;
			return worker;
		}
	}
	return NULL;
}

/* One that cannot be relied on any more stays busy for good. */
static void drop(struct bench_worker **worker)
{
	if (*worker)
		child_dismiss((*worker)->child);
	*worker = NULL;
}

static void give_back(struct bench_worker **worker)
{
	if (*worker)
		(*worker)->busy = false;
	*worker = NULL;
}

/* True when someone else than the supervisor ended it. */
static bool was_killed(const struct bench_worker *worker)
{
	return worker && !worker->child->alive && !worker->child->dismissed &&
	       WIFSIGNALED(worker->child->status);
}

static void await_forgotten(void)
{
	uint64_t end_us = clock_us() + FORGET_US;

	do
		clock_yield_us(POLL_US);
	while (bench_counters_processes() > 0 && clock_us() < end_us);
}

static uint64_t at_most(uint64_t limit, uint64_t count)
{
	return count < limit ? count : limit;
}

/* Traced, it is not for its times: some iterations show how maps are served. */
static struct bench_rule rule_for(const struct benchmark *benchmark)
{
	uint64_t most = bench_kinds[benchmark->kind].step ? TRACED_MAPS : TRACED_TRANSACTIONS;

	if (benchmarks.traced)
		return (struct bench_rule){ at_most(TRACED_WARMUP, benchmark->warmup),
					    at_most(most, benchmark->iterations ?: most), 0 };
	return (struct bench_rule){ benchmark->warmup, benchmark->iterations,
				    benchmark->min_us * 1000 };
}

static struct bench_request request_for(const struct benchmark *benchmark, size_t bytes)
{
	return (struct bench_request){
		.op = bench_kinds[benchmark->kind].step ? BENCH_STEPS : BENCH_CALL,
		.step = bench_kinds[benchmark->kind].step,
		.mode = benchmark->kind == BENCHMARK_RAW ? ECHO_RAW : ECHO_LIBBINDER,
		.bytes = bytes,
		.map_bytes = benchmark->map_bytes,
		.rule = rule_for(benchmark),
		.held = benchmark->held,
		.pin = benchmark->pin,
		.adj = benchmarks.adj,
	};
}

static struct bench_failure get_server_ready(struct bench_request request)
{
	struct bench_failure failure = { .where = BENCH_SERVER };
	uint64_t end_us = clock_us() + SERVER_US;

	benchmarks.server = take_worker();
	if (!benchmarks.server)
		return (struct bench_failure){ .where = BENCH_WORKER };
	request.op = BENCH_SERVE;
	if (end_us > benchmarks.deadline_us)
		end_us = benchmarks.deadline_us;
	if (!bench_worker_request(benchmarks.server, &request) ||
	    bench_worker_await(benchmarks.server, end_us, &failure) != BENCH_ANSWERED)
		failure.where = BENCH_SERVER;
	return failure;
}

static struct bench_failure get_ready(const struct bench_request *request)
{
	struct bench_failure failure = { 0 };

	/* Else maps of what ran before would be freed while this runs. */
	if (!benchmarks.server)
		await_forgotten();
	if (request->op == BENCH_CALL && !benchmarks.server)
		failure = get_server_ready(*request);
	if (!failure.where && !benchmarks.measurer) {
		benchmarks.measurer = take_worker();
		if (!benchmarks.measurer)
			failure.where = BENCH_WORKER;
	}
	return failure;
}

static struct bench_failure measure(const struct bench_request *request)
{
	struct bench_failure failure = { .where = BENCH_DEADLINE };

	if (clock_us() >= benchmarks.deadline_us)
		return failure;
	failure = get_ready(request);
	if (failure.where)
		return failure;
	if (!bench_worker_request(benchmarks.measurer, request))
		return (struct bench_failure){ .where = BENCH_WORKER };
	switch (bench_worker_await(benchmarks.measurer, benchmarks.deadline_us, &failure)) {
	case BENCH_ANSWERED:
		return failure;
	case BENCH_GONE:
		return (struct bench_failure){ 0 };
	case BENCH_LATE:
		break;
	}
	return (struct bench_failure){ .where = BENCH_DEADLINE };
}

bool benchmarks_kernel_has_crashed(void)
{
	char text[24];

	return file_read("/proc/sys/kernel/tainted", text, sizeof(text)) > 0 &&
	       strtoul(text, NULL, 10) & TAINT_DIE;
}

/* A process that the kernel is killing is given time to die of that; then its end is seen. */
static bool see_deaths(bool expected)
{
	uint64_t end_us = clock_us() + DEATH_US;

	do {
		child_reap();
		if (was_killed(benchmarks.server) || was_killed(benchmarks.measurer))
			return true;
		if (expected)
			clock_yield_us(POLL_US);
	} while (expected && clock_us() < end_us);
	return false;
}

/* A refused iteration leaves its processes as they were; after anything else they may be in any state. */
static bool is_sound(const struct bench_report *report)
{
	return !report->killed &&
	       (!report->failure.where || report->failure.where == BENCH_CYCLE ||
		report->failure.reply == BR_FAILED_REPLY);
}

/* Of no bytes: the size of a huge page, which depends on the kernel's page size. */
static void run_one(const struct benchmark *benchmark, size_t asked)
{
	size_t bytes = asked ? asked : thp_pmd_bytes();
	struct bench_request request = request_for(benchmark, bytes);
	int64_t kills = memory_vmstat("oom_kill");
	struct bench_report report = { .benchmark = benchmark, .bytes = bytes };
	uint32_t limit = benchmarks.log->sample_limit;
	struct costs before, after;
	bool died;

	memset(benchmarks.log, 0, sizeof(*benchmarks.log));
	benchmarks.log->sample_limit = limit;
	report.failure.where = BENCH_OOPS;
	thp_count();
	costs_read(&before);
	if (!benchmarks_kernel_has_crashed())
		report.failure = measure(&request);
	costs_read(&after);
	if (bench_kind_is_of_huge_pages(benchmark->kind))
		thp_counted(benchmarks.log->counters, sizeof(benchmarks.log->counters));
	report.oom_kills = memory_vmstat("oom_kill") - kills;
	died = see_deaths(report.oom_kills > 0);
	report.killed = died && report.oom_kills > 0;
	if (died && !report.killed)
		report.failure = (struct bench_failure){ .where = BENCH_DIED };
	report.when = benchmarks.when;
	if (bench_kind_is_of_huge_pages(benchmark->kind))
		thp_settings(bytes, report.settings, sizeof(report.settings));
	if (benchmarks_kernel_has_crashed())
		report.failure = (struct bench_failure){ .where = BENCH_OOPS };
	bench_report(&report, benchmarks.log);
	if (!benchmarks.traced)
		costs_tell(phases[benchmarks.when], bench_report_name(&report), &before, &after);
	if (!is_sound(&report)) {
		drop(&benchmarks.measurer);
		drop(&benchmarks.server);
	}
}

static void finish(void)
{
	struct bench_request request = { .op = BENCH_FINISH, .adj = NEVER_KILLED };
	struct bench_failure failure;

	if (benchmarks.server &&
	    (!bench_worker_request(benchmarks.measurer, &request) ||
	     bench_worker_await(benchmarks.measurer, benchmarks.deadline_us, &failure) != BENCH_ANSWERED ||
	     failure.where)) {
		drop(&benchmarks.measurer);
		drop(&benchmarks.server);
	}
	give_back(&benchmarks.measurer);
	give_back(&benchmarks.server);
}

static void begin_audit(enum when when)
{
	audit_begin(phases[when], benchmarks.workers[0].child->pid,
		    benchmarks.workers[benchmarks.count - 1].child->pid);
}

static void run_all(const struct recipe *recipe, enum when when)
{
	struct costs before, after;

	costs_read(&before);
	costs_timeline_begin(&before);
	for (size_t i = 0; i < recipe->benchmark_count; i++) {
		const struct benchmark *benchmark = &recipe->benchmarks[i];

		for (size_t j = 0; (benchmark->when & when) && j < benchmark->size_count; j++) {
			run_one(benchmark, benchmark->sizes[j]);
			costs_timeline_look();
		}
		finish();
	}
	/* Traced, commands are not run: what they measure would mean nothing. */
	if (!recipe->trace)
		programs_run(recipe, when, benchmarks.deadline_us);
	costs_read(&after);
	if (recipe->trace)
		return;
	costs_tell(phases[when], NULL, &before, &after);
	costs_timeline_tell(phases[when], &after);
}

void benchmarks_run(const struct recipe *recipe, enum when when)
{
	if (!recipe_has_benchmarks(recipe, when))
		return;
	emit_phase("benchmark");
	benchmarks.deadline_us = clock_us() + recipe->benchmark_ms * 1000;
	benchmarks.when = when;
	if (when == WHEN_AFTER)
		child_dismiss_all(ROLE_TRIGGER, DEATH_US);
	else
		child_protect(ROLE_TRIGGER); /* It waits for a start that never comes. */
	await_forgotten();
	benchmarks.traced = recipe->trace && recipe->benchmark_count;
	if (benchmarks.traced)
		begin_audit(when);
	run_all(recipe, when);
	if (benchmarks.traced)
		audit_report((int64_t)atomic_load(benchmarks.maps));
	child_dismiss_all(ROLE_BENCHMARK, DEATH_US);
}
