// SPDX-License-Identifier: Apache-2.0
#include "bench/cycle.h"

#include "agent/binder.h"
#include "agent/clock.h"

/* Long against the work of a release, and short against the cycle's share of a benchmark's time. */
#define SETTLE_US 1000

enum bench_result cycle_step(void *argument, struct bench_failure *failure)
{
	const struct cycle *cycle = argument;
	struct binder_end end;
	int error = binder_open(&end);

	if (!error)
		error = binder_map(&end, cycle->bytes);
	binder_close(&end);
	if (error)
		*failure = (struct bench_failure){ .where = BENCH_CYCLE, .error = error };
	return error ? BENCH_REFUSED : BENCH_SERVED;
}

void cycle_settle(void)
{
	clock_yield_us(SETTLE_US);
}
