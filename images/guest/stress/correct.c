// SPDX-License-Identifier: Apache-2.0
#include "stress/correct.h"

#include "stress/step.h"
#include "stress/target.h"

/* Does something for `amount` units of `order`, or kB, in a place. False: it changed nothing. */
typedef bool (*fix_fn)(const struct recipe *recipe, int at, int order, int64_t amount);

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
	if (step.used[PIPES])
		return PIPES;
	return step.used[MOVABLE] ? MOVABLE : -1;
}

static bool release(const struct recipe *recipe, int at, int order, int64_t amount)
{
	struct holder_request request = { .op = HOLD_PUNCH, .amount = amount };

	(void)recipe;
	(void)order;
	return puncher() >= 0 && step_do(at, (enum place_holder)puncher(), request, "punch");
}

static bool join(const struct recipe *recipe, int at, int order, int64_t amount)
{
	struct holder_request request = { .op = HOLD_JOIN, .order = order, .amount = amount };

	(void)recipe;
	return step.used[PIPES] && step_do(at, PIPES, request, "join");
}

/* Single pages are given back until there is room above the floor for what is to be eaten. */
static void make_room(int at, int64_t wanted_kb)
{
	struct holder_request request = { .op = HOLD_PUNCH };

	request.amount = step_lowest_kb(at) + wanted_kb - place_memory(at)->free_kb;
	if (request.amount > 0)
		step_do(at, PIPES, request, "punch");
}

static bool eat(const struct recipe *recipe, int at, int order, int64_t amount)
{
	struct holder_request request = { .op = HOLD_EAT, .order = order, .amount = amount };

	(void)recipe;
	if (step.used[PIPES])
		make_room(at, amount * (memory_page_kb() << order) + SLACK_KB);
	request.floor_kb = step_lowest_kb(at);
	/* Sockets hold unmovable pages: they have no place where all is to be movable. */
	if (step.used[PIPES] || step.used[EATER])
		return step_do(at, EATER, request, "eat");
	request = (struct holder_request){ .op = HOLD_FILL, .amount = CHUNK_KB };
	request.floor_kb = step_lowest_kb(at);
	return step_do(at, MOVABLE, request, "refill");
}

static bool refill(const struct recipe *recipe, int at, int order, int64_t amount)
{
	struct holder_request request = { .op = HOLD_FILL, .amount = amount };

	(void)order;
	request.floor_kb = place_share(at, recipe->free_kb.max);
	return puncher() >= 0 && step_do(at, (enum place_holder)puncher(), request, "refill");
}

/*
 * Where it is needed most, by the places' shares of the goal; elsewhere if nothing can be done there.
 * `all` is needed in all. With one place that is its need.
 */
static bool anywhere(fix_fn fix, const struct recipe *recipe, int order, int64_t needs[LIMIT_NODES],
		     int64_t all)
{
	for (int tries = 0; tries < places_count() && !step.gone; tries++) {
		int64_t amount;
		int best = 0;

		for (int at = 1; at < places_count(); at++)
			if (needs[at] > needs[best])
				best = at;
		/* Shares are rounded: what is missing in all may be missing nowhere. */
		amount = needs[best] > 0 ? needs[best] : all;
		needs[best] = INT64_MIN;
		if (fix(recipe, best, order, amount))
			return true;
	}
	return false;
}

static bool eat_anywhere(const struct recipe *recipe, int order)
{
	int64_t goal = aim(recipe, order, recipe->units[order].max), needs[LIMIT_NODES];

	for (int at = 0; at < places_count(); at++)
		needs[at] = place_memory(at)->units[order] - place_share(at, goal);
	return anywhere(eat, recipe, order, needs, step_whole()->units[order] - goal);
}

static bool join_anywhere(const struct recipe *recipe, int order)
{
	int64_t goal = aim(recipe, order, recipe->units[order].min), needs[LIMIT_NODES];

	for (int at = 0; at < places_count(); at++)
		needs[at] = place_share(at, goal) - place_memory(at)->units[order];
	return anywhere(join, recipe, order, needs, goal - step_whole()->units[order]);
}

static bool release_anywhere(const struct recipe *recipe)
{
	int64_t goal = recipe->free_kb.min, needs[LIMIT_NODES];

	for (int at = 0; at < places_count(); at++)
		needs[at] = place_share(at, goal) - place_memory(at)->free_kb + SLACK_KB;
	return anywhere(release, recipe, 0, needs, goal - step_whole()->free_kb + SLACK_KB);
}

static bool refill_anywhere(const struct recipe *recipe)
{
	int64_t goal = recipe->free_kb.max, needs[LIMIT_NODES];

	for (int at = 0; at < places_count(); at++)
		needs[at] = place_memory(at)->free_kb - place_share(at, goal);
	return anywhere(refill, recipe, 0, needs, step_whole()->free_kb - goal);
}

/* The first node whose own bounds are broken, from below or from above; -1 when there is none. */
static int node_amiss(const struct recipe *recipe, int (*broken)(const struct bounds *, const struct memory *))
{
	for (int at = 0; at < places_count() && places_count() > 1; at++)
		if (broken(recipe->node_units[at], place_memory(at)) >= 0)
			return at;
	return -1;
}

static bool eat_in_node(const struct recipe *recipe, int at)
{
	const struct memory *memory = place_memory(at);
	int order = target_order_above(recipe->node_units[at], memory);

	return eat(recipe, at, order, memory->units[order] - recipe->node_units[at][order].max);
}

static bool join_in_node(const struct recipe *recipe, int at)
{
	const struct memory *memory = place_memory(at);
	int order = target_order_below(recipe->node_units[at], memory);

	/* Before smaller blocks are made: eating takes the smallest that will do, so it would take them. */
	if (target_order_above(recipe->node_units[at], memory) > order)
		return eat_in_node(recipe, at);
	return join(recipe, at, order, recipe->node_units[at][order].min - memory->units[order]);
}

/* Of single pages none makes a block of a higher order: they come before what is too much is eaten. */
bool correct(const struct recipe *recipe)
{
	const struct memory *memory = step_whole();
	int above = target_order_above(recipe->units, memory);
	int below = target_order_below(recipe->units, memory);
	int few = node_amiss(recipe, target_order_below);
	int many = node_amiss(recipe, target_order_above);

	/* As in a node: larger blocks first. */
	if (below >= 0 && above > below)
		return eat_anywhere(recipe, above);
	if (few >= 0)
		return join_in_node(recipe, few);
	if (below >= 0)
		return join_anywhere(recipe, below);
	if (target_free_below(recipe, memory))
		return release_anywhere(recipe);
	if (many >= 0)
		return eat_in_node(recipe, many);
	if (above >= 0)
		return eat_anywhere(recipe, above);
	if (target_free_above(recipe, memory))
		return refill_anywhere(recipe);
	return true;
}
