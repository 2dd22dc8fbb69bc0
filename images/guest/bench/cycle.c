// SPDX-License-Identifier: Apache-2.0
/* BM_mmap_binder: open, mmap, munmap and close of the binder device. */
#include "agent/binder.h"
#include "agent/clock.h"
#include "bench/counters.h"
#include "bench/kinds.h"

/* Long against the work of a release, and short against the cycle's share of a benchmark's time. */
#define SETTLE_US 1000

static enum bench_result cycle(size_t bytes, struct bench_failure *failure)
{
	struct binder_end end;
	int error = binder_open(&end);

	if (!error)
		error = binder_map(&end, bytes);
	binder_close(&end);
	if (error)
		*failure = (struct bench_failure){ .where = BENCH_CYCLE, .error = error };
	return error ? BENCH_REFUSED : BENCH_SERVED;
}

/* The driver frees in a work queue: gives it time, so that one map is held at a time. */
static void settle(void)
{
	clock_yield_us(SETTLE_US);
}

const struct bench_step bench_cycle = {
	.once = cycle,
	.settle = settle,
	.counting = &bench_counters,
	.needs_binder = true,
};
