// SPDX-License-Identifier: Apache-2.0
#include "bench/bench.h"

#include <time.h>

#include "agent/clock.h"

/* Google Benchmark 1.7.1, src/benchmark_runner.cc: PredictNumItersNeeded, ShouldReportIterationResults. */
#define GROWTH_PERCENT 140
#define MOST_GROWTH 10
#define WALL_FACTOR 5
#define MOST_ITERATIONS 1000000
/* In which the other side comes to wait: counters are read between two round trips, not within one. */
#define REST_US 1000

static uint64_t cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The CPU time is read outside the wall time: unlike that it takes a system call. */
static bool one(const struct bench_subject *subject, struct bench_log *log)
{
	uint64_t cpu_start = cpu_ns();
	uint64_t start = clock_ns();
	enum bench_result result = subject->step(subject->context, &log->failure);
	uint64_t took = clock_ns() - start;
	uint64_t cpu_took = cpu_ns() - cpu_start;

	if (result == BENCH_SERVED && subject->served && !subject->served())
		result = BENCH_REFUSED;
	if (result == BENCH_SERVED) {
		log->real_ns += took;
		log->cpu_ns += cpu_took;
		if (log->samples < log->sample_limit)
			log->latency_ns[log->samples++] = took < UINT32_MAX ? (uint32_t)took : UINT32_MAX;
	} else {
		log->failed++;
		log->failed_ns += took;
	}
	log->iterations++;
	if (subject->settle)
		subject->settle();
	return result != BENCH_OVER;
}

static bool batch(const struct bench_subject *subject, uint64_t iterations, struct bench_log *log)
{
	bool on = true;

	log->iterations = log->failed = log->real_ns = log->cpu_ns = log->failed_ns = 0;
	log->samples = 0;
	log->failure = (struct bench_failure){ 0 };
	log->counters[0] = '\0';
	clock_yield_us(REST_US);
	if (subject->counting)
		subject->counting->start();
	while (on && log->iterations < iterations)
		on = one(subject, log);
	clock_yield_us(REST_US);
	if (subject->counting)
		subject->counting->stop(log->counters, sizeof(log->counters));
	return on;
}

static uint64_t grown(uint64_t iterations, uint64_t min_ns, uint64_t cpu_took_ns)
{
	uint64_t took = cpu_took_ns ? cpu_took_ns : 1;
	uint64_t next = iterations * min_ns / took * GROWTH_PERCENT / 100;

	if (took * 10 <= min_ns && next > iterations * MOST_GROWTH)
		next = iterations * MOST_GROWTH;
	if (next <= iterations)
		next = iterations * 2;
	return next < MOST_ITERATIONS ? next : MOST_ITERATIONS;
}

static void by_rule(const struct bench_subject *subject, uint64_t min_ns, struct bench_log *log)
{
	uint64_t iterations = 1;

	while (batch(subject, iterations, log) && log->cpu_ns < min_ns &&
	       log->real_ns < WALL_FACTOR * min_ns && iterations < MOST_ITERATIONS)
		iterations = grown(iterations, min_ns, log->cpu_ns);
}

void bench_measure(const struct bench_subject *subject, const struct bench_rule *rule,
		   struct bench_log *log)
{
	struct bench_failure failure = { 0 };

	for (uint64_t i = 0; i < rule->warmup; i++) {
		if (subject->step(subject->context, &failure) == BENCH_OVER) {
			log->failure = failure;
			return;
		}
		if (subject->settle)
			subject->settle();
	}
	if (rule->iterations)
		batch(subject, rule->iterations, log);
	else
		by_rule(subject, rule->min_ns, log);
}
