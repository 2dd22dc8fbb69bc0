// SPDX-License-Identifier: Apache-2.0
#include "stress/compose.h"

#include <errno.h>
#include <string.h>

#include "agent/clock.h"
#include "agent/emit.h"
#include "agent/sample.h"
#include "agent/settings.h"
#include "stress/ballast.h"
#include "stress/composer.h"
#include "stress/holder.h"

#define CHUNK_KB (32 * 1024)
/* Where nobody says how much is to be free. */
#define FREE_KB (16 * 1024)
/*
 * The free list is shaped from so many times its size: single pages stay apart only where every
 * second one is taken, and what is given back in runs needs room, too.
 */
#define SHAPING_TIMES 3
#define SHAPING_KB (8 * 1024)
/* What making the lines takes beside them: tables of descriptors, nodes of the page cache, ... */
#define OVERHEAD_PERCENT 2
/* The free list is shaped with pipes: what their inodes, files and rings take. */
#define PIPES_SLAB_PERCENT 4
#define ROUNDS 4
/* Beyond the holders of pressure.c. */
#define COMPOSE_INDEX 32
/* Closer than this a line need not come. */
#define CLOSE_KB 512

static const enum picture_line mixed[] = { LINE_ACTIVE_ANON, LINE_INACTIVE_ANON, LINE_ACTIVE_FILE,
					   LINE_INACTIVE_FILE, LINE_UNEVICTABLE };
#define MIXED (sizeof(mixed) / sizeof(mixed[0]))

static struct {
	struct holder holder;
	int64_t ballast_kb;
	uint64_t deadline_us;
	int64_t now_kb[PICTURE_LINES];
	int64_t held_back_kb[PICTURE_LINES]; /* anonymous memory that is to go into CMA */
	int64_t cma_left_kb;
	bool into_cma;
	bool gone;
} compose;

static bool prepare_picture(void)
{
	/* Two lists each for anonymous memory and page cache, as in the report; absent in most kernels. */
	settings_write("/sys/kernel/mm/lru_gen/enabled", "0");
	return picture_relax_watermarks() && sample_picture_open();
}

bool compose_prepare(const struct recipe *recipe)
{
	bool stressors = false;

	for (size_t i = 0; i < recipe->stressor_count; i++)
		stressors |= recipe->stressors[i].kind >= STRESS_SLAB &&
			     recipe->stressors[i].kind <= STRESS_THREADS;
	if (!recipe->picture.wanted && !stressors)
		return true;
	if (recipe->picture.wanted && !prepare_picture())
		return false;
	stress_compose_plan(&recipe->picture);
	return holder_start(&compose.holder, COMPOSE_INDEX, &stress_compose, HOLDER_ANY_NODE);
}

static void look(void)
{
	if (!picture_read(compose.now_kb))
		compose.gone = true;
}

static int64_t missing(const struct recipe *recipe, enum picture_line line)
{
	int64_t kb = picture_missing_kb(&recipe->picture, compose.now_kb, line);

	return kb > 0 ? kb : 0;
}

static int64_t request_of_holder(struct holder_request *request, const char *what)
{
	struct holder_answer answer;
	struct memory memory;
	int64_t outside_kb;

	if (!memory_read(&memory)) {
		compose.gone = true;
		return 0;
	}
	request->deadline_us = compose.deadline_us;
	/* What is free elsewhere is of no use, but to movable pages that are meant to go there. */
	outside_kb = compose.into_cma ? compose.cma_left_kb : memory.outside_kb;
	/* Single pages on per-CPU lists are not seen by watermarks, but few compared with this. */
	request->floor_kb = memory.floor_kb + outside_kb + CLOSE_KB;
	if (!holder_do(&compose.holder, request, &answer)) {
		compose.gone = true;
		return 0;
	}
	if (answer.error)
		emit_note("%s: %s", what, strerror(answer.error));
	return answer.done_kb;
}

/* Returns what was taken of `kb` of a line, in pieces. */
static int64_t take(enum picture_line line, int64_t kb)
{
	int64_t sum = 0;

	while (sum < kb && !compose.gone && clock_us() < compose.deadline_us) {
		struct holder_request request = { .op = HOLD_GROW, .line = line };
		int64_t done;

		request.amount = kb - sum < CHUNK_KB ? kb - sum : CHUNK_KB;
		done = request_of_holder(&request, picture_names[line]);
		if (done <= 0)
			break;
		sum += done;
	}
	return sum;
}

int64_t compose_take(enum picture_line line, int64_t kb, uint64_t deadline_us)
{
	int64_t sum;

	compose.deadline_us = deadline_us;
	sum = take(line, kb);
	return compose.gone ? -1 : sum;
}

/* One line, until `short_kb` are missing or nothing more comes. Returns the kB taken. */
static int64_t grow_to(const struct recipe *recipe, enum picture_line line, int64_t short_kb)
{
	int64_t sum = 0;

	for (int round = 0; round < ROUNDS && !compose.gone; round++) {
		int64_t left, done;

		look();
		left = missing(recipe, line) - short_kb;
		if (left < CLOSE_KB)
			break;
		done = take(line, left);
		sum += done;
		if (done < left)
			break;
	}
	return sum;
}

static int64_t grow(const struct recipe *recipe, enum picture_line line)
{
	return grow_to(recipe, line, 0);
}

static int64_t mix(const struct recipe *recipe)
{
	int64_t amounts[PICTURE_LINES] = { 0 }, sum = 0, taken = 0;
	int64_t chunks;

	look();
	for (size_t i = 0; i < MIXED; i++) {
		int64_t kb = missing(recipe, mixed[i]);

		kb -= compose.held_back_kb[mixed[i]];
		amounts[mixed[i]] = kb < CLOSE_KB ? 0 : kb;
		sum += amounts[mixed[i]];
	}
	amounts[LINE_PAGETABLES] = missing(recipe, LINE_PAGETABLES);
	chunks = (sum + CHUNK_KB - 1) / CHUNK_KB;
	for (int64_t chunk = 0; chunk < chunks && !compose.gone; chunk++) {
		struct holder_request request = { .op = HOLD_MIX };
		int64_t done;

		for (int line = 0; line < PICTURE_LINES; line++)
			request.amounts[line] = amounts[line] * (chunk + 1) / chunks -
					      amounts[line] * chunk / chunks;
		done = request_of_holder(&request, "working set");
		if (done <= 0)
			break;
		taken += done;
	}
	return taken;
}

static int64_t to_be_free(const struct recipe *recipe)
{
	if (recipe->units[0].max != UNLIMITED)
		return recipe->units[0].max * memory_page_kb();
	if (recipe->free_kb.max != UNLIMITED)
		return recipe->free_kb.max;
	return recipe->free_kb.min == UNLIMITED ? FREE_KB : recipe->free_kb.min;
}

static int64_t for_shaping_kb(const struct recipe *recipe)
{
	return to_be_free(recipe) * SHAPING_TIMES + SHAPING_KB;
}

static int64_t usable_free_kb(void)
{
	struct memory memory;

	if (!memory_read(&memory))
		compose.gone = true;
	return memory.free_kb;
}

static void set_ballast(int64_t kb)
{
	int64_t now_kb = ballast_reserve(kb > 0 ? kb : 0);

	if (now_kb < 0)
		emit_note("ballast: %s", strerror(errno));
	else
		compose.ballast_kb = now_kb;
}

/* What no line accounts for. First, while all of memory is in one piece. */
static void set_rest_aside(const struct recipe *recipe)
{
	static const enum picture_line kernels[] = { LINE_SLAB_RECLAIMABLE, LINE_SLAB_UNRECLAIMABLE,
						     LINE_PAGETABLES, LINE_KERNEL_STACK };
	int64_t wanted = 0;

	look();
	for (size_t i = 0; i < MIXED; i++)
		wanted += missing(recipe, mixed[i]);
	for (size_t i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++)
		wanted += missing(recipe, kernels[i]);
	wanted -= compose.held_back_kb[LINE_INACTIVE_ANON] + compose.held_back_kb[LINE_ACTIVE_ANON];
	wanted += wanted * OVERHEAD_PERCENT / 100;
	set_ballast(usable_free_kb() - wanted - for_shaping_kb(recipe));
}

/*
 * Too little is left for the free list: some of the ballast goes back. The other way round would
 * be dangerous, for huge pages asked for now would make the kernel reclaim what was just
 * made; pipes take whatever is left over.
 */
static void correct_rest(const struct recipe *recipe)
{
	int64_t short_kb = for_shaping_kb(recipe) - usable_free_kb();

	if (short_kb > 0)
		set_ballast(compose.ballast_kb - short_kb);
}

/*
 * Free CMA that the picture does not have is taken by anonymous memory, which is movable, once
 * nothing else is left to it: the kernel goes there last (mm/page_alloc.c, __rmqueue).
 */
static void hold_back_for_cma(const struct recipe *recipe)
{
	static const enum picture_line anonymous[] = { LINE_INACTIVE_ANON, LINE_ACTIVE_ANON };
	int64_t left_kb = recipe->picture.kb[LINE_FREE_CMA], excess;

	look();
	excess = compose.now_kb[LINE_FREE_CMA] - left_kb;
	if (left_kb == UNLIMITED || excess < CLOSE_KB)
		return;
	compose.cma_left_kb = left_kb;
	for (int i = 0; i < 2; i++) {
		int64_t kb = missing(recipe, anonymous[i]);

		kb = kb < excess ? kb : excess;
		compose.held_back_kb[anonymous[i]] = kb;
		excess -= kb;
	}
}

bool compose_fill_cma(const struct recipe *recipe)
{
	if (!compose.held_back_kb[LINE_INACTIVE_ANON] && !compose.held_back_kb[LINE_ACTIVE_ANON])
		return true;
	memset(compose.held_back_kb, 0, sizeof(compose.held_back_kb));
	compose.into_cma = true;
	mix(recipe);
	compose.into_cma = false;
	return !compose.gone;
}

bool compose_build(const struct recipe *recipe, uint64_t deadline_us)
{
	compose.deadline_us = deadline_us;
	hold_back_for_cma(recipe);
	set_rest_aside(recipe);
	/* A thread is a task structure, too, so threads come before slab; shared memory is anonymous. */
	grow(recipe, LINE_KERNEL_STACK);
	grow(recipe, LINE_SHMEM);
	mix(recipe);
	grow(recipe, LINE_PAGETABLES);
	grow(recipe, LINE_MAPPED);
	grow(recipe, LINE_SLAB_RECLAIMABLE);
	grow_to(recipe, LINE_SLAB_UNRECLAIMABLE, for_shaping_kb(recipe) * PIPES_SLAB_PERCENT / 100);
	correct_rest(recipe);
	return !compose.gone;
}

int64_t compose_top_up(const struct recipe *recipe, uint64_t deadline_us)
{
	int64_t sum = 0;

	if (!recipe->picture.wanted)
		return 0;
	compose.deadline_us = deadline_us;
	sum += grow(recipe, LINE_KERNEL_STACK) + grow(recipe, LINE_PAGETABLES);
	sum += grow(recipe, LINE_SHMEM) + mix(recipe) + grow(recipe, LINE_MAPPED);
	sum += grow(recipe, LINE_SLAB_RECLAIMABLE) + grow(recipe, LINE_SLAB_UNRECLAIMABLE);
	return compose.gone ? -1 : sum;
}

bool compose_holds(const struct recipe *recipe)
{
	enum picture_line line;

	if (!recipe->picture.wanted)
		return true;
	look();
	line = picture_worst(&recipe->picture, compose.now_kb);
	if (line != PICTURE_LINES)
		emit_note("picture: %s is %lld kB, wanted are %lld kB", picture_names[line],
			  (long long)compose.now_kb[line], (long long)recipe->picture.kb[line]);
	return line == PICTURE_LINES;
}

void compose_settle(uint64_t deadline_us)
{
	struct holder_request request = { .op = HOLD_SETTLE, .deadline_us = deadline_us };
	struct holder_answer answer;

	if (compose.holder.child)
		holder_do(&compose.holder, &request, &answer);
}

int64_t compose_held_kb(void)
{
	return compose.holder.held_kb + compose.ballast_kb;
}
