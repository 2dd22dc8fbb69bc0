// SPDX-License-Identifier: Apache-2.0
#include "stress/high_order.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/clock.h"
#include "agent/memory.h"
#include "agent/rng.h"

/* net/unix/af_unix.c: UNIX_SKB_FRAGS_SZ, the most one message keeps in fragments. */
#define MESSAGE_BYTES (32 * 1024)
/* The kernel never asks for more than PAGE_ALLOC_COSTLY_ORDER here. */
#define LARGEST_ORDER 3

static char zeros[MESSAGE_BYTES];

static struct {
	int channel[2];
	uint64_t seed;
	int64_t held_kb;
} eater;

void stress_high_order_seed(uint64_t seed)
{
	eater.seed = seed;
}

static int largest_order(void)
{
	int order = 0;

	while (order < LARGEST_ORDER && (memory_page_kb() << (order + 1)) * 1024 <= MESSAGE_BYTES)
		order++;
	return order;
}

static int eat_block(int order)
{
	size_t bytes = (size_t)(memory_page_kb() * 1024) << order;

	if (send(eater.channel[0], zeros, bytes, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)bytes)
		return errno ? errno : ENOBUFS;
	eater.held_kb += (int64_t)bytes / 1024;
	return 0;
}

/* A few blocks of random orders that stay: seeded blocks must differ from their very start. */
static void preamble(void)
{
	struct rng rng = { .state = eater.seed };
	uint64_t blocks = 4 + rng_below(&rng, 28);

	while (blocks--)
		eat_block((int)rng_below(&rng, (uint64_t)largest_order() + 1));
}

static void prepare(void)
{
	int unlimited = 1 << 30;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, eater.channel) < 0)
		_exit(1);
	setsockopt(eater.channel[0], SOL_SOCKET, SO_SNDBUFFORCE, &unlimited, sizeof(unlimited));
	preamble();
}

static void execute(const struct holder_request *request, struct holder_answer *answer)
{
	bool by_amount = request->op == HOLD_FILL;
	int piece = by_amount || request->order > largest_order() ? largest_order() : request->order;
	int64_t piece_kb = memory_page_kb() << piece;
	int64_t goal_kb = by_amount ? request->amount : request->amount * (memory_page_kb() << request->order);
	int64_t start_kb = eater.held_kb;

	if (request->op != HOLD_FILL && request->op != HOLD_EAT) {
		answer->exhausted = true;
		goal_kb = 0;
	}
	while (!answer->error && eater.held_kb - start_kb < goal_kb) {
		if (memory_quick_free_kb() - piece_kb < request->floor_kb ||
		    clock_us() >= request->deadline_us) {
			answer->exhausted = true;
			break;
		}
		answer->error = eat_block(piece);
	}
	answer->done_kb = eater.held_kb - start_kb;
	answer->held_kb = eater.held_kb;
}

const struct holder_work stress_high_order = { prepare, execute };
