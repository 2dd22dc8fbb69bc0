// SPDX-License-Identifier: Apache-2.0
#include "agent/clock.h"

#include <errno.h>
#include <sched.h>
#include <time.h>

uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t clock_us(void)
{
	return clock_ns() / 1000;
}

void clock_sleep_us(uint64_t us)
{
	struct timespec left = { .tv_sec = (time_t)(us / 1000000),
				 .tv_nsec = (long)(us % 1000000) * 1000 };

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

void clock_yield_us(uint64_t us)
{
	uint64_t end_us = clock_us() + us;

	while (clock_us() < end_us)
		sched_yield();
}
