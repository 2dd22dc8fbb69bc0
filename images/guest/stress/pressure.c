// SPDX-License-Identifier: Apache-2.0
#include "stress/pressure.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/clock.h"
#include "agent/emit.h"
#include "stress/ballast.h"
#include "stress/compose.h"
#include "stress/high_order.h"
#include "stress/holder.h"
#include "stress/movable.h"
#include "stress/pipes.h"
#include "stress/target.h"

/* What one request to a holder takes or gives at most, so that progress is seen. */
#define CHUNK_KB (32 * 1024)
/* Kept above the floor while filling: an OOM kill before the trigger ruins the trial. */
#define MARGIN_PAGES 96
/* A bit more than is missing, because the kernel itself takes pages meanwhile. */
#define SLACK_KB 512
#define STATE_INTERVAL_US 100000
#define IDLE_STEPS 4
#define TOP_UPS 8
#define TOUCH_UP_US 10000000u

enum { PIPES, EATER, MOVABLE, HOLDERS };

static struct {
	struct holder holders[HOLDERS];
	bool used[HOLDERS];
	bool filled;
	int64_t ballast_kb;
	int64_t wanted_kb; /* free memory of a picture; UNLIMITED without */
	int64_t oom_kills;
	uint64_t deadline_us;
	int step, idle;
	uint64_t told_us;
	bool gone;
	struct memory memory;
} pressure;

static int64_t held_kb(void)
{
	int64_t sum = pressure.ballast_kb + compose_held_kb();

	for (int i = 0; i < HOLDERS; i++)
		sum += pressure.holders[i].held_kb;
	return sum;
}

static void tell(const char *action)
{
	uint64_t now_us = clock_us();

	pressure.step++;
	if (now_us - pressure.told_us < STATE_INTERVAL_US && pressure.step > 1)
		return;
	pressure.told_us = now_us;
	emit_begin("state");
	emit_number("step", pressure.step);
	emit_text("action", action);
	emit_number("free_kb", pressure.memory.free_kb);
	emit_numbers("units", pressure.memory.units, (size_t)pressure.memory.orders);
	emit_number("held_kb", held_kb());
	emit_end();
}

/* Makes a request of a holder; the state afterwards is in pressure.memory. False: nothing happened. */
static bool act(int who, struct holder_request request, const char *action)
{
	struct holder_answer answer;

	request.deadline_us = pressure.deadline_us;
	request.floor_kb += pressure.memory.outside_kb;
	if (!holder_do(&pressure.holders[who], &request, &answer)) {
		pressure.gone = true;
		return false;
	}
	if (answer.error)
		emit_note("%s: %s", action, strerror(answer.error));
	if (!memory_read(&pressure.memory))
		pressure.gone = true;
	tell(action);
	return answer.done_kb > 0;
}

/* Takes `amount` kB, or all down to `floor_kb` free, in pieces. */
static void fill(int who, int64_t amount, int64_t floor_kb, const char *action)
{
	while (amount > 0 && !pressure.gone && clock_us() < pressure.deadline_us) {
		int64_t piece = amount < CHUNK_KB ? amount : CHUNK_KB;
		struct holder_request request = { .op = HOLD_FILL, .amount = piece, .floor_kb = floor_kb };

		if (!act(who, request, action) || pressure.memory.free_kb <= floor_kb)
			return;
		amount -= piece;
	}
}

/*
 * Where filling stops. The kernel's watermarks do not see the per-CPU lists: a refill just
 * above them would leave pages enough there, and invoke the OOM killer all the same. A picture may
 * want to have less free than the largest refill there can be: then half of that must do.
 */
static int64_t lowest_kb(void)
{
	int64_t refill_kb = pressure.memory.refill_kb;

	if (pressure.wanted_kb != UNLIMITED && refill_kb > pressure.wanted_kb / 2)
		refill_kb = pressure.wanted_kb / 2;
	return pressure.memory.floor_kb + refill_kb + MARGIN_PAGES * memory_page_kb();
}

/*
 * How far high_order may go when others follow: a checkerboard frees at most half of what
 * it filled, so twice the free memory wanted must be left to it, and some.
 */
static int64_t leave_to_others_kb(const struct recipe *recipe)
{
	int64_t wanted = recipe->free_kb.min == UNLIMITED ? 0 : recipe->free_kb.min;

	return lowest_kb() + wanted * 5 / 2;
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
	int64_t taken = compose_take(line, kb, pressure.deadline_us);

	if (taken < 0 || !memory_read(&pressure.memory))
		pressure.gone = true;
	else if (taken + SLACK_KB < kb)
		emit_note("%s: %lld of %lld kB", picture_names[line], (long long)taken, (long long)kb);
	tell(picture_names[line]);
}

static void fill_stressor(const struct recipe *recipe, const struct stressor *stressor, bool last)
{
	int64_t amount = stressor->fixed_kb == UNLIMITED ? INT64_MAX : stressor->fixed_kb;

	switch (stressor->kind) {
	case STRESS_BALLAST:
		pressure.ballast_kb = ballast_reserve(amount);
		if (pressure.ballast_kb < 0)
			emit_note("ballast: %s", strerror(errno));
		memory_read(&pressure.memory);
		tell("ballast");
		break;
	case STRESS_HIGH_ORDER:
		fill(EATER, amount, last || amount != INT64_MAX ? lowest_kb() : leave_to_others_kb(recipe),
		     "high_order");
		break;
	case STRESS_PIPES:
		fill(PIPES, amount, lowest_kb(), "pipes");
		break;
	case STRESS_PAGE_CACHE:
	case STRESS_ANONYMOUS:
		/* One holder for both: the first of the two fills with both. */
		if (pressure.holders[MOVABLE].held_kb == 0)
			fill(MOVABLE, INT64_MAX, lowest_kb(), "movable");
		break;
	default:
		fill_line(lines_of[stressor->kind], amount);
	}
}

/* What the picture leaves over: unmovable pages, of which the free list is made. */
static void fill_picture(const struct recipe *recipe)
{
	if (!compose_build(recipe, pressure.deadline_us))
		pressure.gone = true;
	memory_read(&pressure.memory);
	tell("picture");
	fill(PIPES, INT64_MAX, lowest_kb(), "pipes");
	if (!compose_fill_cma(recipe) || !memory_read(&pressure.memory))
		pressure.gone = true;
	pressure.filled = true;
}

static void fill_all(const struct recipe *recipe)
{
	for (size_t i = 0; i < recipe->stressor_count && !pressure.gone; i++)
		fill_stressor(recipe, &recipe->stressors[i], i + 1 == recipe->stressor_count);
	pressure.filled = true;
}

/*
 * What a correction aims at. A picture says how many blocks there are to be, so the middle of
 * its bounds; elsewhere the bound that is broken.
 */
static int64_t aim(const struct recipe *recipe, int order, int64_t bound)
{
	const struct bounds *bounds = &recipe->units[order];

	if (!recipe->picture.wanted || bounds->min == UNLIMITED || bounds->max == UNLIMITED)
		return bound;
	return (bounds->min + bounds->max) / 2;
}

static int puncher(void)
{
	if (pressure.used[PIPES])
		return PIPES;
	return pressure.used[MOVABLE] ? MOVABLE : -1;
}

static bool release(const struct recipe *recipe)
{
	struct holder_request request = { .op = HOLD_PUNCH };

	request.amount = recipe->free_kb.min - pressure.memory.free_kb + SLACK_KB;
	return puncher() >= 0 && act(puncher(), request, "punch");
}

static bool join(const struct recipe *recipe, int at)
{
	struct holder_request request = { .op = HOLD_JOIN, .order = at };

	request.amount = aim(recipe, at, recipe->units[at].min) - pressure.memory.units[at];
	return pressure.used[PIPES] && act(PIPES, request, "join");
}

/* Single pages are given back until there is room above the floor for what is to be eaten. */
static void make_room(int64_t wanted_kb)
{
	struct holder_request request = { .op = HOLD_PUNCH };

	request.amount = lowest_kb() + wanted_kb - pressure.memory.free_kb;
	if (request.amount > 0)
		act(PIPES, request, "punch");
}

static bool eat(const struct recipe *recipe, int at)
{
	struct holder_request request = { .op = HOLD_EAT, .order = at };

	request.amount = pressure.memory.units[at] - aim(recipe, at, recipe->units[at].max);
	if (pressure.used[PIPES])
		make_room(request.amount * (memory_page_kb() << at) + SLACK_KB);
	request.floor_kb = lowest_kb();
	/* Sockets hold unmovable pages: they have no place where all is to be movable. */
	if (pressure.used[PIPES] || pressure.used[EATER])
		return act(EATER, request, "eat");
	request = (struct holder_request){ .op = HOLD_FILL, .amount = CHUNK_KB, .floor_kb = lowest_kb() };
	return act(MOVABLE, request, "refill");
}

static bool refill(const struct recipe *recipe)
{
	struct holder_request request = { .op = HOLD_FILL, .floor_kb = recipe->free_kb.max };

	request.amount = pressure.memory.free_kb - recipe->free_kb.max;
	return puncher() >= 0 && act(puncher(), request, "refill");
}

/* The one correction that is needed most; false when it changed nothing. */
static bool correct(const struct recipe *recipe)
{
	const struct memory *memory = &pressure.memory;
	int above = target_order_above(recipe, memory);
	int below = target_order_below(recipe, memory);

	/* Before smaller blocks are made: eating takes the smallest that will do, so it would take them. */
	if (below >= 0 && above > below)
		return eat(recipe, above);
	if (below >= 0)
		return join(recipe, below);
	if (target_free_below(recipe, memory))
		return release(recipe);
	if (above >= 0)
		return eat(recipe, above);
	if (target_free_above(recipe, memory))
		return refill(recipe);
	return true;
}

bool pressure_prepare(const struct recipe *recipe)
{
	struct movable_plan plan = { .anonymous_kb = UNLIMITED, .page_cache_kb = UNLIMITED };

	pressure.oom_kills = memory_vmstat("oom_kill");
	pressure.used[PIPES] = recipe->picture.wanted;
	pressure.wanted_kb = UNLIMITED;
	if (recipe->picture.wanted && recipe->units[0].max != UNLIMITED)
		pressure.wanted_kb = recipe->units[0].max * memory_page_kb();
	for (size_t i = 0; i < recipe->stressor_count; i++) {
		const struct stressor *stressor = &recipe->stressors[i];

		pressure.used[PIPES] |= stressor->kind == STRESS_PIPES;
		pressure.used[EATER] |= stressor->kind == STRESS_HIGH_ORDER;
		if (stressor->kind == STRESS_ANONYMOUS) {
			plan.anonymous = true;
			plan.anonymous_kb = stressor->fixed_kb;
		} else if (stressor->kind == STRESS_PAGE_CACHE) {
			plan.page_cache = true;
			plan.page_cache_kb = stressor->fixed_kb;
		}
	}
	pressure.used[MOVABLE] = plan.anonymous || plan.page_cache;
	if (!recipe->stressor_count && !recipe->picture.wanted)
		return true;
	stress_pipes_seed(recipe->seed);
	stress_high_order_seed(recipe->seed);
	stress_movable_plan(&plan, recipe->seed);
	return compose_prepare(recipe) &&
	       holder_start(&pressure.holders[EATER], EATER, &stress_high_order) &&
	       (!pressure.used[PIPES] || holder_start(&pressure.holders[PIPES], PIPES, &stress_pipes)) &&
	       (!pressure.used[MOVABLE] ||
		holder_start(&pressure.holders[MOVABLE], MOVABLE, &stress_movable));
}

static const char *trouble(void)
{
	if (memory_vmstat("oom_kill") > pressure.oom_kills)
		return "oom";
	if (pressure.gone)
		return "holder";
	return clock_us() >= pressure.deadline_us ? "deadline" : NULL;
}

/* The composition as it is by now; correcting the free list takes from it, and it from the free list. */
static bool top_up(const struct recipe *recipe)
{
	int64_t taken = compose_top_up(recipe, pressure.deadline_us);

	if (taken < 0 || !memory_read(&pressure.memory))
		pressure.gone = true;
	if (taken > 0)
		tell("top-up");
	return taken > 0;
}

static const char *shape(const struct recipe *recipe)
{
	const char *reason;
	int top_ups = 0;

	while (!(reason = trouble())) {
		if (target_holds(recipe, &pressure.memory)) {
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

const char *pressure_run(const struct recipe *recipe, uint64_t deadline_us, struct memory *memory)
{
	const char *reason = NULL;

	pressure.deadline_us = deadline_us;
	pressure.idle = 0;
	if (!memory_read(&pressure.memory))
		return "memory";
	if (!pressure.filled && recipe->picture.wanted)
		fill_picture(recipe);
	else if (!pressure.filled)
		fill_all(recipe);
	reason = shape(recipe);
	*memory = pressure.memory;
	return reason;
}

void pressure_touch_up(const struct recipe *recipe)
{
	struct memory memory;
	const char *reason;

	if (!recipe->picture.wanted)
		return;
	reason = pressure_run(recipe, clock_us() + TOUCH_UP_US, &memory);
	if (strcmp(reason, "reached"))
		emit_note("the memory picture is not whole when the trigger starts: %s", reason);
}

void pressure_settle(void)
{
	struct holder_request request = { .op = HOLD_SETTLE, .deadline_us = pressure.deadline_us };
	struct holder_answer answer;

	for (int i = 0; i < HOLDERS; i++)
		if (pressure.holders[i].child)
			holder_do(&pressure.holders[i], &request, &answer);
	compose_settle(pressure.deadline_us);
}
