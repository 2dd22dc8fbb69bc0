// SPDX-License-Identifier: Apache-2.0
#include "stress/pressure.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/clock.h"
#include "agent/emit.h"
#include "stress/ballast.h"
#include "stress/compose.h"
#include "stress/correct.h"
#include "stress/high_order.h"
#include "stress/movable.h"
#include "stress/pipes.h"
#include "stress/step.h"
#include "stress/target.h"

#define IDLE_STEPS 4
#define TOP_UPS 8
#define TOUCH_UP_US 10000000u

static struct {
	bool filled;
	int64_t oom_kills;
	int idle;
} pressure;

/* Takes `amount` kB, or all down to `floor_kb` free, in pieces. */
static void fill(int at, enum place_holder who, int64_t amount, int64_t floor_kb, const char *action)
{
	while (amount > 0 && !step.gone && clock_us() < step.deadline_us) {
		int64_t piece = amount < CHUNK_KB ? amount : CHUNK_KB;
		struct holder_request request = { .op = HOLD_FILL, .amount = piece, .floor_kb = floor_kb };

		if (!step_do(at, who, request, action) || place_memory(at)->free_kb <= floor_kb)
			return;
		amount -= piece;
	}
}

/*
 * How far high_order may go when others follow: a checkerboard frees at most half of what
 * it filled, so twice the free memory wanted must be left to it, and some.
 */
static int64_t leave_to_others_kb(const struct recipe *recipe, int at)
{
	int64_t wanted = recipe->free_kb.min == UNLIMITED ? 0 : recipe->free_kb.min;

	return step_lowest_kb(at) + place_share(at, wanted) * 5 / 2;
}

/* The line of a picture that a stressor makes, where there is one. */
static const enum picture_line lines_of[] = {
	[STRESS_SLAB] = LINE_SLAB_UNRECLAIMABLE,
	[STRESS_SLAB_RECLAIMABLE] = LINE_SLAB_RECLAIMABLE,
	[STRESS_PAGE_TABLES] = LINE_PAGETABLES,
	[STRESS_THREADS] = LINE_KERNEL_STACK,
};

static void fill_line(enum picture_line line, int64_t kb)
{
	int64_t taken = compose_take(line, kb, step.deadline_us);

	if (taken < 0)
		step.gone = true;
	step_look();
	if (!step.gone && taken + SLACK_KB < kb)
		emit_note("%s: %lld of %lld kB", picture_names[line], (long long)taken, (long long)kb);
	step_tell(picture_names[line]);
}

static void fill_place(const struct recipe *recipe, int at, const struct stressor *stressor, bool last)
{
	int64_t amount = stressor->fixed_kb == UNLIMITED ? INT64_MAX : place_share(at, stressor->fixed_kb);
	int64_t floor_kb = step_lowest_kb(at);

	if (stressor->kind == STRESS_PIPES) {
		fill(at, PIPES, amount, floor_kb, "pipes");
	} else if (stressor->kind == STRESS_HIGH_ORDER) {
		if (!last && amount == INT64_MAX)
			floor_kb = leave_to_others_kb(recipe, at);
		fill(at, EATER, amount, floor_kb, "high_order");
	} else if (place_held_kb(at, MOVABLE) == 0) {
		/* One holder for both: the first of the two fills with both. */
		fill(at, MOVABLE, INT64_MAX, floor_kb, "movable");
	}
}

static void fill_stressor(const struct recipe *recipe, const struct stressor *stressor, bool last)
{
	switch (stressor->kind) {
	case STRESS_BALLAST:
		step.ballast_kb = ballast_reserve(stressor->fixed_kb);
		if (step.ballast_kb < 0)
			emit_note("ballast: %s", strerror(errno));
		step_look();
		step_tell("ballast");
		break;
	case STRESS_HIGH_ORDER:
	case STRESS_PIPES:
	case STRESS_PAGE_CACHE:
	case STRESS_ANONYMOUS:
		for (int at = 0; at < places_count(); at++)
			fill_place(recipe, at, stressor, last);
		break;
	default:
		fill_line(lines_of[stressor->kind], stressor->fixed_kb);
	}
}

/* What the picture leaves over: unmovable pages, of which the free list is made. */
static void fill_picture(const struct recipe *recipe)
{
	if (!compose_build(recipe, step.deadline_us))
		step.gone = true;
	step_look();
	step_tell("picture");
	fill(0, PIPES, INT64_MAX, step_lowest_kb(0), "pipes");
	if (!compose_fill_cma(recipe))
		step.gone = true;
	step_look();
	pressure.filled = true;
}

static void fill_all(const struct recipe *recipe)
{
	for (size_t i = 0; i < recipe->stressor_count && !step.gone; i++)
		fill_stressor(recipe, &recipe->stressors[i], i + 1 == recipe->stressor_count);
	pressure.filled = true;
}

/* Of one place. False with errno. */
static bool start_holders(int at, uint64_t seed, const struct movable_plan *whole_plan)
{
	struct movable_plan plan = *whole_plan;

	plan.anonymous_kb = place_share(at, plan.anonymous_kb);
	plan.page_cache_kb = place_share(at, plan.page_cache_kb);
	plan.part_kb = places_count() > 1 ? place_memory(at)->managed_kb : 1;
	plan.whole_kb = places_count() > 1 ? step_whole()->managed_kb : 1;
	stress_pipes_seed(seed);
	stress_high_order_seed(seed);
	stress_movable_plan(&plan, seed);
	return place_start(at, EATER, &stress_high_order) &&
	       (!step.used[PIPES] || place_start(at, PIPES, &stress_pipes)) &&
	       (!step.used[MOVABLE] || place_start(at, MOVABLE, &stress_movable));
}

bool pressure_prepare(const struct recipe *recipe)
{
	struct movable_plan plan = { .anonymous_kb = UNLIMITED, .page_cache_kb = UNLIMITED };
	bool started = true;

	pressure.oom_kills = memory_vmstat("oom_kill");
	step.used[PIPES] = recipe->picture.wanted;
	step.wanted_kb = UNLIMITED;
	if (recipe->picture.wanted && recipe->units[0].max != UNLIMITED)
		step.wanted_kb = recipe->units[0].max * memory_page_kb();
	for (size_t i = 0; i < recipe->stressor_count; i++) {
		const struct stressor *stressor = &recipe->stressors[i];

		step.used[PIPES] |= stressor->kind == STRESS_PIPES;
		step.used[EATER] |= stressor->kind == STRESS_HIGH_ORDER;
		if (stressor->kind == STRESS_ANONYMOUS) {
			plan.anonymous = true;
			plan.anonymous_kb = stressor->fixed_kb;
		} else if (stressor->kind == STRESS_PAGE_CACHE) {
			plan.page_cache = true;
			plan.page_cache_kb = stressor->fixed_kb;
		}
	}
	step.used[MOVABLE] = plan.anonymous || plan.page_cache;
	if (!recipe->stressor_count && !recipe->picture.wanted)
		return true;
	if (!compose_prepare(recipe) || !places_prepare(recipe))
		return false;
	for (int at = 0; at < places_count() && started; at++)
		started = start_holders(at, recipe->seed + (uint64_t)at, &plan);
	return started;
}

static const char *trouble(void)
{
	if (memory_vmstat("oom_kill") > pressure.oom_kills)
		return "oom";
	if (step.gone)
		return "holder";
	return clock_us() >= step.deadline_us ? "deadline" : NULL;
}

/* The composition as it is by now; correcting the free list takes from it, and it from the free list. */
static bool top_up(const struct recipe *recipe)
{
	int64_t taken = compose_top_up(recipe, step.deadline_us);

	if (taken < 0)
		step.gone = true;
	step_look();
	if (taken > 0)
		step_tell("top-up");
	return taken > 0;
}

static const char *shape(const struct recipe *recipe)
{
	const char *reason;
	int top_ups = 0;

	while (!(reason = trouble())) {
		if (target_holds(recipe, places_memory())) {
			if (top_ups++ < TOP_UPS && top_up(recipe))
				continue;
			return compose_holds(recipe) ? "reached" : "picture";
		}
		if ((!recipe->stressor_count && !recipe->picture.wanted) || pressure.idle == IDLE_STEPS)
			return "exhausted";
		pressure.idle = correct(recipe) ? 0 : pressure.idle + 1;
	}
	return reason;
}

const char *pressure_run(const struct recipe *recipe, uint64_t deadline_us,
			 struct numa_memory *memory)
{
	const char *reason = NULL;

	step.deadline_us = deadline_us;
	pressure.idle = 0;
	if (!places_look())
		return "memory";
	if (!pressure.filled && recipe->picture.wanted)
		fill_picture(recipe);
	else if (!pressure.filled)
		fill_all(recipe);
	reason = shape(recipe);
	*memory = *places_memory();
	return reason;
}

void pressure_touch_up(const struct recipe *recipe)
{
	static struct numa_memory memory;
	const char *reason;

	if (!recipe->picture.wanted)
		return;
	reason = pressure_run(recipe, clock_us() + TOUCH_UP_US, &memory);
	if (strcmp(reason, "reached"))
		emit_note("the memory picture is not whole when the trigger starts: %s", reason);
}

void pressure_tell_taken(void)
{
	static const char *const names[PLACE_HOLDERS] = { "pipes_kb", "high_order_kb", "movable_kb" };
	int64_t other_kb = step.ballast_kb + compose_held_kb();

	for (int who = 0; who < PLACE_HOLDERS; who++) {
		int64_t sum = 0;

		for (int at = 0; at < places_count(); at++)
			sum += place_held_kb(at, who);
		if (sum > 0)
			emit_number(names[who], sum);
	}
	if (other_kb > 0)
		emit_number("other_kb", other_kb);
}

void pressure_settle(void)
{
	places_settle(step.deadline_us);
	compose_settle(step.deadline_us);
}
