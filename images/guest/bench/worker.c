// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "bench/worker.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/clock.h"
#include "agent/recipe.h"
#include "bench/counters.h"

/* The role of a manager that has just ended is given up in a work queue. */
#define MANAGER_PATIENCE_US 2000000u
#define MANAGER_POLL_US 1000
#define NEVER_KILLED (-1000)

struct start {
	int channel;
	size_t bytes;
	struct bench_log *log;
};

static struct binder_end end = { .fd = -1 };
static struct binder_end held[LIMIT_HELD];
static unsigned held_count;

static void obey(const struct bench_request *request)
{
	cpu_set_t first;

	CPU_ZERO(&first);
	CPU_SET(0, &first);
	if (request->pin)
		sched_setaffinity(0, sizeof(first), &first);
	child_set_adj(request->adj);
}

static struct bench_failure map(struct binder_end *to, size_t bytes)
{
	struct bench_failure failure = { .where = BENCH_OPEN };

	if (to->fd >= 0)
		return (struct bench_failure){ 0 };
	failure.error = binder_open(to);
	if (failure.error)
		return failure;
	failure.where = BENCH_MAP;
	failure.error = binder_map(to, bytes ? bytes : binder_default_map_bytes());
	return failure.error ? failure : (struct bench_failure){ 0 };
}

/* They take what contiguous memory there is, so that what follows has to do without. */
static struct bench_failure hold(const struct bench_request *request, size_t bytes)
{
	struct bench_failure failure = { 0 };

	while (!failure.where && held_count < request->held) {
		held[held_count].fd = -1;
		failure = map(&held[held_count], bytes);
		held_count++;
	}
	return failure;
}

static void release(void)
{
	while (held_count)
		binder_close(&held[--held_count]);
	binder_close(&end);
}

static struct bench_failure manage(void)
{
	struct bench_failure failure = { .where = BENCH_MANAGER };
	uint64_t deadline_us = clock_us() + MANAGER_PATIENCE_US;

	while ((failure.error = binder_become_manager(&end)) == EBUSY && clock_us() < deadline_us)
		clock_yield_us(MANAGER_POLL_US);
	return failure.error ? failure : (struct bench_failure){ 0 };
}

static struct bench_failure call(const struct bench_request *request, struct bench_log *log)
{
	struct echo_client client = { .end = &end, .mode = request->mode, .bytes = request->bytes };
	struct bench_subject subject = { .step = echo_step, .counting = &bench_counters, .context = &client };
	struct bench_failure failure = map(&end, request->map_bytes);

	if (failure.where)
		return failure;
	if (echo_check(&client, &failure) != BENCH_SERVED)
		return failure;
	bench_measure(&subject, &request->rule, log);
	echo_settle_debt(&client);
	return log->failure;
}

static enum bench_result step(void *context, struct bench_failure *failure)
{
	const struct bench_request *request = context;

	return request->step->once(request->bytes, failure);
}

static struct bench_failure steps(const struct bench_request *request, struct bench_log *log)
{
	struct bench_request own = *request;
	const struct bench_step *kind = request->step;
	struct bench_subject subject = {
		.step = step,
		.settle = kind->settle,
		.served = kind->served,
		.counting = kind->counting,
		.context = &own,
	};
	struct bench_failure failure = hold(request, request->bytes);

	if (!failure.where && kind->begin)
		failure = kind->begin(request->bytes, request->rule.warmup + request->rule.iterations);
	if (!failure.where) {
		bench_measure(&subject, &request->rule, log);
		failure = log->failure;
	}
	if (kind->end)
		kind->end();
	release();
	return failure;
}

static struct bench_failure finish(void)
{
	struct echo_client client = { .end = &end };
	struct bench_failure failure = { 0 };

	if (echo_quit(&client, &failure) == BENCH_SERVED)
		failure.where = BENCH_ALL_DONE;
	release();
	return failure;
}

static struct bench_failure execute(const struct bench_request *request, struct bench_log *log)
{
	struct bench_failure failure = { 0 };

	switch (request->op) {
	case BENCH_SERVE:
		failure = hold(request, request->map_bytes);
		failure = failure.where ? failure : map(&end, request->map_bytes);
		return failure.where ? failure : manage();
	case BENCH_CALL:
		return call(request, log);
	case BENCH_FINISH:
		return finish();
	case BENCH_STEPS:
		return steps(request, log);
	}
	return failure;
}

/* Also a worker that is done lives on: its pages, given back, would mend what was broken up. */
static int work(void *argument)
{
	const struct start *start = argument;
	struct bench_request request;

	if (start->bytes && echo_prepare(start->bytes))
		return 1;
	while (recv(start->channel, &request, sizeof(request), 0) == sizeof(request)) {
		struct bench_failure failure;

		obey(&request);
		failure = execute(&request, start->log);
		if (send(start->channel, &failure, sizeof(failure), MSG_NOSIGNAL) < 0)
			return 1;
		if (request.op == BENCH_SERVE && !failure.where) {
			echo_serve(&end);
			release();
			child_set_adj(NEVER_KILLED);
		}
	}
	return 0;
}

bool bench_worker_start(struct bench_worker *worker, int index, size_t bytes, struct bench_log *log)
{
	struct start start = { .bytes = bytes, .log = log };
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return false;
	start.channel = pair[1];
	worker->channel = pair[0];
	worker->child = child_start(ROLE_BENCHMARK, index, NEVER_KILLED, work, &start);
	close(pair[1]);
	return worker->child != NULL;
}

bool bench_worker_request(const struct bench_worker *worker, const struct bench_request *request)
{
	return send(worker->channel, request, sizeof(*request), MSG_NOSIGNAL) == sizeof(*request);
}

enum bench_wait bench_worker_await(const struct bench_worker *worker, uint64_t deadline_us,
				   struct bench_failure *failure)
{
	struct pollfd waiting = { .fd = worker->channel, .events = POLLIN };

	for (;;) {
		uint64_t now_us = clock_us();
		int ready;

		if (now_us >= deadline_us)
			return BENCH_LATE;
		ready = poll(&waiting, 1, (int)((deadline_us - now_us) / 1000 + 1));
		if (ready > 0)
			break;
		if (ready < 0 && errno != EINTR)
			return BENCH_GONE;
	}
	if (recv(worker->channel, failure, sizeof(*failure), 0) != sizeof(*failure))
		return BENCH_GONE;
	return BENCH_ANSWERED;
}
