// SPDX-License-Identifier: Apache-2.0
#include "stress/places.h"

static struct {
	struct holder holders[LIMIT_NODES][PLACE_HOLDERS];
	struct numa_memory memory;
	int count;
} places = { .count = 1 };

bool places_prepare(const struct recipe *recipe)
{
	if (recipe->nodes < 2 || recipe->picture.wanted)
		return true;
	places.count = (int)recipe->nodes;
	return places_look();
}

int places_count(void)
{
	return places.count;
}

bool place_start(int at, enum place_holder who, const struct holder_work *work)
{
	int node = places.count > 1 ? at : HOLDER_ANY_NODE;

	return holder_start(&places.holders[at][who], at * PLACE_HOLDERS + (int)who, work, node);
}

bool place_do(int at, enum place_holder who, struct holder_request *request,
	      struct holder_answer *answer)
{
	request->floor_kb += place_memory(at)->outside_kb;
	return holder_do(&places.holders[at][who], request, answer);
}

bool places_look(void)
{
	return memory_read_nodes(&places.memory);
}

const struct numa_memory *places_memory(void)
{
	return &places.memory;
}

const struct memory *place_memory(int at)
{
	return places.count > 1 ? &places.memory.node[at] : &places.memory.all;
}

int64_t place_share(int at, int64_t amount)
{
	int64_t all_kb = places.memory.all.managed_kb;

	if (places.count == 1 || amount == UNLIMITED || amount == INT64_MAX || !all_kb)
		return amount;
	return amount * place_memory(at)->managed_kb / all_kb;
}

int64_t place_held_kb(int at, enum place_holder who)
{
	return places.holders[at][who].held_kb;
}

int64_t places_held_kb(void)
{
	int64_t sum = 0;

	for (int at = 0; at < places.count; at++)
		for (int who = 0; who < PLACE_HOLDERS; who++)
			sum += places.holders[at][who].held_kb;
	return sum;
}

void places_settle(uint64_t deadline_us)
{
	struct holder_request request = { .op = HOLD_SETTLE, .deadline_us = deadline_us };
	struct holder_answer answer;

	for (int at = 0; at < places.count; at++)
		for (int who = 0; who < PLACE_HOLDERS; who++)
			if (places.holders[at][who].child)
				holder_do(&places.holders[at][who], &request, &answer);
}
