// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "stress/holder.h"

#include <errno.h>
#include <linux/mempolicy.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/clock.h"

#define GRACE_US 5000000u

struct start {
	int channel;
	const struct holder_work *work;
	int node;
};

/*
 * Else pages of the node that the processor is on come first, and others when that is full. Bound it is
 * while it takes what it was asked for, which ends above the node's watermarks. What it needs for itself
 * may come from elsewhere (MPOL_PREFERRED): a node can be full of the kernel alone, and the OOM killer
 * would come for a page of a table. NUMA balancing touches neither (mm/mempolicy.c, vma_policy_mof).
 */
static bool set_policy(int mode, int node)
{
	unsigned long mask;

	if (node == HOLDER_ANY_NODE)
		return true;
	mask = 1ul << node;
	/* The kernel counts one bit less than it is told (get_nodes). */
	return syscall(SYS_set_mempolicy, mode, &mask, 8 * sizeof(mask)) == 0;
}

static bool execute(const struct start *start, const struct holder_request *request,
		    struct holder_answer *answer)
{
	if (!set_policy(MPOL_BIND, start->node))
		return false;
	start->work->execute(request, answer);
	return set_policy(MPOL_PREFERRED, start->node);
}

static int serve(void *argument)
{
	const struct start *start = argument;
	struct holder_request request;

	if (!set_policy(MPOL_PREFERRED, start->node))
		return 1;
	start->work->prepare();
	while (recv(start->channel, &request, sizeof(request), 0) == sizeof(request)) {
		struct holder_answer answer = { 0 };

		if (request.op == HOLD_SETTLE)
			child_set_adj(-1000);
		else if (!execute(start, &request, &answer))
			return 1;
		if (send(start->channel, &answer, sizeof(answer), MSG_NOSIGNAL) < 0)
			return 1;
	}
	return 0;
}

bool holder_start(struct holder *holder, int index, const struct holder_work *work, int node)
{
	struct start start = { .work = work, .node = node };
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return false;
	start.channel = pair[1];
	holder->channel = pair[0];
	/* Killable while it grows: an unkillable one could leave the kernel no victim at all. */
	holder->child = child_start(ROLE_HOLDER, index, 0, serve, &start);
	close(pair[1]);
	return holder->child != NULL;
}

bool holder_do(struct holder *holder, const struct holder_request *request,
	       struct holder_answer *answer)
{
	struct pollfd waiting = { .fd = holder->channel, .events = POLLIN };
	uint64_t end_us = request->deadline_us + GRACE_US;

	*answer = (struct holder_answer){ .error = EPIPE };
	if (send(holder->channel, request, sizeof(*request), MSG_NOSIGNAL) != sizeof(*request))
		return false;
	for (;;) {
		uint64_t now_us = clock_us();
		int ready;

		if (now_us >= end_us)
			return false;
		ready = poll(&waiting, 1, (int)((end_us - now_us) / 1000 + 1));
		if (ready > 0)
			break;
		if (ready < 0 && errno != EINTR)
			return false;
	}
	if (recv(holder->channel, answer, sizeof(*answer), 0) != sizeof(*answer))
		return false;
	if (request->op != HOLD_SETTLE)
		holder->held_kb = answer->held_kb;
	return true;
}
