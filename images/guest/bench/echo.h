// SPDX-License-Identifier: Apache-2.0
/*
 * BM_sendVec_binder: a byte array goes to the server, behind handle 0, and comes back.
 *
 * `libbinder` does what AOSP's benchmark does on the wire and in memory: a token of 80 bytes
 * and the length before the bytes (84 + N), a status and the length before those of the reply
 * (8 + N), five copies of the payload in user space beside the driver's two, four ioctls, and the page faults
 * of parcels that Android's allocator has given back (scudo.h).
 * `raw` sends N bytes and has the very same bytes sent back, in three ioctls: the driver
 * hands out the completion of a reply at once, so the server cannot have it with the next call.
 */
#ifndef OOMLAB_BENCH_ECHO_H
#define OOMLAB_BENCH_ECHO_H

#include "agent/binder.h"
#include "bench/bench.h"

/* Codes of transactions; ECHO_QUIT is answered, and then the server serves no more. */
enum echo_mode { ECHO_LIBBINDER = 1, ECHO_RAW, ECHO_QUIT };

struct echo_client {
	struct binder_end *end;
	enum echo_mode mode;
	size_t bytes;
	binder_uintptr_t owed; /* raw: the last reply's buffer, given back with the next call */
};

/* Buffers for payloads of up to `bytes`, in place before memory is short; 0 or the errno. */
int echo_prepare(size_t bytes);

/* Answers calls until one says that it was the last. */
void echo_serve(struct binder_end *end);

/* Gives back what the last round trip left to the next one. */
void echo_settle_debt(struct echo_client *client);

/* Makes the last call. */
enum bench_result echo_quit(struct echo_client *client, struct bench_failure *failure);

/* Makes one call and looks at what comes back; BENCH_SERVED when it is what was sent. */
enum bench_result echo_check(struct echo_client *client, struct bench_failure *failure);

/* One round trip, as a step of a benchmark. */
enum bench_result echo_step(void *client, struct bench_failure *failure);

#endif
