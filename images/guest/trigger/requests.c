// SPDX-License-Identifier: Apache-2.0
#include "trigger/requests.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/clock.h"
#include "agent/emit.h"
#include "trigger/kind.h"

#define A_RECORD 100

static struct {
	struct request_log *logs; /* shared */
	unsigned processes;
} requests;

void *requests_shared(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static unsigned share_of(const struct recipe *recipe, unsigned process)
{
	unsigned rest = recipe->request_count % recipe->processes;

	return recipe->request_count / recipe->processes + (process < rest ? 1 : 0);
}

int requests_prepare(const struct recipe *recipe)
{
	bool fall_back = recipe->trigger->may_fall_back && recipe->trigger->may_fall_back();

	requests.logs = requests_shared(recipe->processes * sizeof(struct request_log));
	if (!requests.logs)
		return errno;
	for (unsigned i = 0; i < recipe->processes; i++) {
		struct request_log *log = &requests.logs[i];

		log->planned = share_of(recipe, i);
		log->latency_ns = requests_shared((log->planned + 1) * sizeof(int64_t));
		log->error = requests_shared((log->planned + 1) * sizeof(int64_t));
		if (fall_back)
			log->fell_back = requests_shared((log->planned + 1) * sizeof(int64_t));
		if (!log->latency_ns || !log->error || (fall_back && !log->fell_back))
			return errno;
	}
	requests.processes = recipe->processes;
	return 0;
}

struct request_log *requests_log(unsigned process)
{
	return process < requests.processes ? &requests.logs[process] : NULL;
}

struct request_sums requests_sums(void)
{
	struct request_sums sums = { 0 };

	for (unsigned i = 0; i < requests.processes; i++) {
		struct request_log *log = &requests.logs[i];
		unsigned attempted = atomic_load(&log->attempted);
		unsigned completed = atomic_load(&log->completed);

		sums.attempted += attempted;
		sums.succeeded += atomic_load(&log->succeeded);
		sums.failed += completed - atomic_load(&log->succeeded);
		sums.in_flight += attempted - completed;
	}
	return sums;
}

static void report_process(unsigned process)
{
	struct request_log *log = &requests.logs[process];
	unsigned completed = atomic_load(&log->completed);

	for (unsigned first = 0; first < completed; first += A_RECORD) {
		unsigned left = completed - first;
		size_t count = left < A_RECORD ? left : A_RECORD;

		emit_begin("latencies");
		emit_number("process", process);
		emit_number("first", first);
		emit_numbers("latency_ns", log->latency_ns + first, count);
		emit_numbers("errno", log->error + first, count);
		if (log->fell_back)
			emit_numbers("fell_back", log->fell_back + first, count);
		emit_end();
	}
}

void requests_report(void)
{
	for (unsigned i = 0; i < requests.processes; i++)
		report_process(i);
}

/* The shared pages are there; this makes the page tables of this process too. */
static void touch(const struct request_log *log)
{
	volatile int64_t sink = 0;

	for (unsigned i = 0; i < log->planned; i += 64)
		sink += log->latency_ns[i] + log->error[i] + (log->fell_back ? log->fell_back[i] : 0);
}

bool requests_wait(const struct trigger_job *job)
{
	char byte;

	touch(job->log);
	return read(job->gate, &byte, 1) == 1;
}

void requests_attempted(struct request_log *log)
{
	atomic_fetch_add(&log->attempted, 1);
}

_Noreturn void requests_hold(struct request_log *log)
{
	atomic_store(&log->parked, 1);
	for (;;)
		pause();
}

int requests_make(const struct trigger_job *job,
		  void (*make)(const struct trigger_job *job, unsigned number))
{
	struct request_log *log = job->log;

	if (!requests_wait(job))
		return 1;
	for (unsigned number = 0; number < log->planned && !atomic_load(job->stop); number++) {
		requests_attempted(log);
		make(job, number);
		if (job->recipe->stop_at_first_failure && log->error[number])
			atomic_store(job->stop, true);
		if (job->recipe->pause_us)
			clock_sleep_us(job->recipe->pause_us);
	}
	requests_hold(log);
}

void requests_fell_back(struct request_log *log, unsigned number)
{
	log->fell_back[number] = 1;
}

void requests_completed(struct request_log *log, unsigned number, uint64_t latency_ns, int error)
{
	log->latency_ns[number] = (int64_t)latency_ns;
	log->error[number] = error;
	if (!error)
		atomic_fetch_add(&log->succeeded, 1);
	atomic_fetch_add(&log->completed, 1);
}
