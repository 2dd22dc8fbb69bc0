// SPDX-License-Identifier: Apache-2.0
#include "stress_movable.h"

#include <errno.h>
#include <unistd.h>

#include "clock.h"
#include "memory.h"
#include "recipe.h"
#include "rng.h"
#include "stress_anonymous.h"
#include "stress_page_cache.h"

/* sysinfo(2) is asked once in so many pages. */
#define STRIDE 16
/* Holes are punched in passes over all pages: number % 8 == spread[pass]. */
#define PASSES 8

static struct {
	struct movable_plan plan;
	uint64_t seed;
	unsigned shift;
	unsigned pass;
	uint64_t at;
	int64_t given; /* pages */
	int64_t cache_debt; /* Bresenham: when it is positive a cache page is due */
	int64_t expected_kb;
} movable;

static const unsigned spread[PASSES] = { 0, 4, 2, 6, 1, 5, 3, 7 };

void stress_movable_plan(const struct movable_plan *plan, uint64_t seed)
{
	movable.plan = *plan;
	movable.seed = seed;
}

static void prepare(void)
{
	struct rng rng = { .state = movable.seed };
	int64_t total_kb = memory_meminfo_kb("MemTotal");

	movable.shift = (unsigned)rng_below(&rng, PASSES);
	movable.expected_kb = memory_quick_free_kb();
	if (movable.plan.anonymous && !anonymous_reserve((uint64_t)(total_kb / memory_page_kb()) * 4))
		_exit(1);
	if (movable.plan.page_cache && !page_cache_open())
		_exit(1);
}

static bool within(uint64_t pages, int64_t limit_kb)
{
	return limit_kb == UNLIMITED || (int64_t)pages * memory_page_kb() < limit_kb;
}

/* A fixed amount of cache is spread over what is expected to be filled. */
static bool cache_is_due(void)
{
	int64_t share = movable.plan.page_cache_kb;

	if (!movable.plan.page_cache || !within(page_cache_count(), share))
		return false;
	if (!movable.plan.anonymous)
		return true;
	movable.cache_debt += share == UNLIMITED ? movable.expected_kb / 2 : share;
	if (movable.cache_debt < movable.expected_kb)
		return false;
	movable.cache_debt -= movable.expected_kb;
	return true;
}

static int take_page(void)
{
	if (cache_is_due())
		return page_cache_take() ? 0 : errno;
	if (!movable.plan.anonymous || !within(anonymous_count(), movable.plan.anonymous_kb))
		return ENOSPC;
	return anonymous_take() ? 0 : ENOSPC;
}

static void fill(const struct holder_order *order, struct holder_answer *answer)
{
	int64_t pages = 0;

	while (pages * memory_page_kb() < order->amount) {
		if (pages % STRIDE == 0 && (memory_quick_free_kb() <= order->floor_kb ||
					    clock_us() >= order->deadline_us))
			break;
		answer->error = take_page();
		if (answer->error)
			break;
		pages++;
	}
	/* A fixed amount that is used up is no failure. */
	if (answer->error == ENOSPC)
		answer->error = 0;
	answer->done_kb = pages * memory_page_kb();
	answer->exhausted = answer->done_kb < order->amount;
}

/* Page cache alone is punched itself; beside anonymous memory it stays, to be reclaimable. */
static void give_page(uint64_t number)
{
	if (movable.plan.anonymous)
		anonymous_give(number);
	else
		page_cache_give(number);
	movable.given++;
}

static uint64_t count_pages(void)
{
	return movable.plan.anonymous ? anonymous_count() : page_cache_count();
}

static void punch(const struct holder_order *order, struct holder_answer *answer)
{
	int64_t pages = 0;

	while (pages * memory_page_kb() < order->amount && movable.pass < PASSES) {
		uint64_t number = movable.at + (spread[movable.pass] + movable.shift) % PASSES;

		if (number >= count_pages()) {
			movable.pass++;
			movable.at = 0;
			continue;
		}
		give_page(number);
		movable.at += PASSES;
		pages++;
	}
	answer->done_kb = pages * memory_page_kb();
	answer->exhausted = movable.pass >= PASSES;
}

static void execute(const struct holder_order *order, struct holder_answer *answer)
{
	uint64_t taken;

	if (order->op == HOLD_FILL)
		fill(order, answer);
	else if (order->op == HOLD_PUNCH)
		punch(order, answer);
	else
		answer->exhausted = true;
	taken = anonymous_count() + page_cache_count();
	answer->held_kb = ((int64_t)taken - movable.given) * memory_page_kb();
}

const struct holder_work stress_movable = { prepare, execute };
