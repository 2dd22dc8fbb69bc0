// SPDX-License-Identifier: Apache-2.0
#include "stress/movable.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "agent/clock.h"
#include "agent/memory.h"
#include "agent/recipe.h"
#include "agent/rng.h"
#include "stress/anonymous.h"
#include "stress/page_cache.h"

/* sysinfo(2) is asked once in so many pages. */
#define STRIDE 16
/*
 * Page cache is punched in passes over all pages: number % 8 == spread[pass]. Anonymous pages
 * go by their frames: frame % 8 == residues[pass].
 *
 * Of frames the first of each order-3 block comes last. Where reclaim makes no progress, one
 * attempt at light compaction decides whether an order-3 request is served. It starts where the
 * last one gave up, unless __reset_isolation_suitable() (mm/compaction.c) has found it blocks to begin anew with:
 * from the bottom of the zone one to take pages from, from the top one to put them into. The
 * latter must show a free page, and __reset_isolation_pfn() looks at every eighth frame of a
 * block only (1 << PAGE_ALLOC_COSTLY_ORDER), from its first. If none of those is free, both
 * scanners are left in the middle of the zone with nothing between them, and the kernel kills; if
 * some are, it compacts. Page numbers are not frame numbers: holes by number left it to chance.
 *
 * Odd residues before even ones: two odd frames are never buddies, so up to half of memory is
 * given back as single pages.
 */
#define PASSES 8
/* Frames are read so many at a time, right before their pages are given back. */
#define WINDOW 4096

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
static uint32_t residues[PASSES] = { 1, 3, 5, 7, 2, 4, 6, 0 };
static uint64_t frames[WINDOW];

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
	rng_shuffle(&rng, residues, 4);
	rng_shuffle(&rng, residues + 4, 3);
	/* Makes the buffer this process's own while there is memory for it. */
	memset(frames, 0xff, sizeof(frames));
	movable.expected_kb = memory_quick_free_kb() * movable.plan.part_kb / movable.plan.whole_kb;
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

static void fill(const struct holder_request *request, struct holder_answer *answer)
{
	int64_t pages = 0;

	while (pages * memory_page_kb() < request->amount) {
		if (pages % STRIDE == 0 && (memory_quick_free_kb() <= request->floor_kb ||
					    clock_us() >= request->deadline_us))
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
	answer->exhausted = answer->done_kb < request->amount;
}

static int64_t wanted_pages(const struct holder_request *request)
{
	return (request->amount + memory_page_kb() - 1) / memory_page_kb();
}

/* Gives back up to `wanted` pages of one window; those already given have no frame. */
static int64_t punch_window(uint64_t first, size_t count, uint32_t residue, int64_t wanted)
{
	int64_t pages = 0;

	for (size_t i = 0; i < count && pages < wanted; i++) {
		if (!frames[i] || frames[i] % PASSES != residue)
			continue;
		anonymous_give(first + i);
		pages++;
	}
	return pages;
}

/* From the start each time: compaction may have moved pages since the last request. */
static void punch_anonymous(const struct holder_request *request, struct holder_answer *answer)
{
	int64_t pages = 0, wanted = wanted_pages(request);
	uint64_t all = anonymous_count();

	for (unsigned pass = 0; pass < PASSES && pages < wanted; pass++) {
		for (uint64_t first = 0; first < all && pages < wanted; first += WINDOW) {
			size_t count = all - first < WINDOW ? (size_t)(all - first) : WINDOW;

			if (!anonymous_frames(first, count, frames)) {
				answer->error = errno;
				wanted = pages;
				break;
			}
			pages += punch_window(first, count, residues[pass], wanted - pages);
		}
	}
	movable.given += pages;
	answer->done_kb = pages * memory_page_kb();
	answer->exhausted = answer->done_kb < request->amount;
}

static void punch_page_cache(const struct holder_request *request, struct holder_answer *answer)
{
	int64_t pages = 0, wanted = wanted_pages(request);

	while (pages < wanted && movable.pass < PASSES) {
		uint64_t number = movable.at + (spread[movable.pass] + movable.shift) % PASSES;

		if (number >= page_cache_count()) {
			movable.pass++;
			movable.at = 0;
			continue;
		}
		page_cache_give(number);
		movable.at += PASSES;
		pages++;
	}
	movable.given += pages;
	answer->done_kb = pages * memory_page_kb();
	answer->exhausted = movable.pass >= PASSES;
}

/* Page cache alone is punched itself; beside anonymous memory it stays, to be reclaimable. */
static void punch(const struct holder_request *request, struct holder_answer *answer)
{
	if (movable.plan.anonymous)
		punch_anonymous(request, answer);
	else
		punch_page_cache(request, answer);
}

static void execute(const struct holder_request *request, struct holder_answer *answer)
{
	uint64_t taken;

	if (request->op == HOLD_FILL)
		fill(request, answer);
	else if (request->op == HOLD_PUNCH)
		punch(request, answer);
	else
		answer->exhausted = true;
	taken = anonymous_count() + page_cache_count();
	answer->held_kb = ((int64_t)taken - movable.given) * memory_page_kb();
}

const struct holder_work stress_movable = { prepare, execute };
