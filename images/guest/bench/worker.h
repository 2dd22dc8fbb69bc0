// SPDX-License-Identifier: Apache-2.0
/*
 * Processes that run benchmarks: forked while memory is plenty, with their buffers in place,
 * and unkillable until they are given something to do. The supervisor sends a request and
 * waits for the answer; figures are in the shared log.
 */
#ifndef OOMLAB_BENCH_WORKER_H
#define OOMLAB_BENCH_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/child.h"
#include "bench/bench.h"
#include "bench/echo.h"

enum bench_op {
	BENCH_SERVE,  /* become context manager, answer once, then serve until told otherwise */
	BENCH_CALL,   /* calls to the server; the map stays for the next request */
	BENCH_FINISH, /* let the server serve no more, and give the map back */
	BENCH_STEPS,  /* steps of a kind that needs no server */
};

struct bench_request {
	enum bench_op op;
	enum echo_mode mode;
	const struct bench_step *step;
	size_t bytes;	  /* of the payload, or of a step */
	size_t map_bytes; /* of both ends of a transaction */
	struct bench_rule rule;
	unsigned held; /* maps of that size to hold meanwhile */
	bool pin;
	int adj; /* oom_score_adj from now on */
};

struct bench_worker {
	struct child *child;
	int channel;
	bool busy;
};

enum bench_wait { BENCH_ANSWERED, BENCH_GONE, BENCH_LATE };

/* Payloads of up to `bytes` (0: none at all). False with errno. */
bool bench_worker_start(struct bench_worker *worker, int index, size_t bytes, struct bench_log *log);

bool bench_worker_request(const struct bench_worker *worker, const struct bench_request *request);

/* Waits for the answer to a request; guest time. */
enum bench_wait bench_worker_await(const struct bench_worker *worker, uint64_t deadline_us,
				   struct bench_failure *failure);

#endif
