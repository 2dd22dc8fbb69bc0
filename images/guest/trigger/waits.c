// SPDX-License-Identifier: Apache-2.0
#include "trigger/waits.h"

#include "agent/child.h"
#include "agent/delays.h"
#include "limits.h"

static struct {
	bool prepared, begun, known;
	pid_t pids[LIMIT_PROCESSES];
	struct delays delays[LIMIT_PROCESSES];
	bool over[LIMIT_PROCESSES]; /* has ended, and was looked at for the last time */
	size_t count;
} waits;

void waits_prepare(void)
{
	waits.prepared = delays_prepare() && delays_account(true);
}

void waits_forked(void)
{
	if (waits.prepared)
		delays_account(false);
}

/* A process that has ended has its account until it is waited for. */
static void ended(pid_t pid)
{
	for (size_t i = 0; i < waits.count; i++)
		if (waits.pids[i] == pid) {
			waits.known &= delays_of(pid, &waits.delays[i]);
			waits.over[i] = true;
		}
}

void waits_begin(const int64_t *pids, size_t count)
{
	waits.begun = waits.known = waits.prepared && delays_account(true);
	waits.count = count;
	for (size_t i = 0; i < count; i++)
		waits.pids[i] = (pid_t)pids[i];
	if (waits.begun)
		child_before_reaped(ended);
}

void waits_tell(struct costs *costs)
{
	int64_t reclaim_ns = 0, compact_ns = 0;

	for (size_t i = 0; i < waits.count; i++) {
		if (waits.begun && !waits.over[i])
			waits.known &= delays_of(waits.pids[i], &waits.delays[i]);
		reclaim_ns += waits.delays[i].reclaim_ns;
		compact_ns += waits.delays[i].compact_ns;
	}
	if (waits.begun && waits.known)
		costs_enter_own(costs, reclaim_ns, compact_ns);
}

void waits_end(void)
{
	if (!waits.begun)
		return;
	child_before_reaped(NULL);
	delays_account(false);
	waits.begun = false;
}
