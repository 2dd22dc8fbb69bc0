// SPDX-License-Identifier: Apache-2.0
#include "agent/probe.h"

#include "agent/clock.h"
#include "agent/emit.h"
#include "agent/rng.h"

/* About 0.2 s of an emulated 64-bit CPU on a present-day machine. */
#define LOOPS 5000000

void probe_run(void)
{
	struct rng rng = { .state = 1 };
	volatile uint64_t sink;
	uint64_t sum = 0, start_us = clock_us();

	for (int i = 0; i < LOOPS; i++)
		sum += rng_next(&rng);
	sink = sum;
	(void)sink;
	emit_begin("probe");
	emit_number("loops", LOOPS);
	emit_number("elapsed_us", (int64_t)(clock_us() - start_us));
	emit_end();
}
