// SPDX-License-Identifier: Apache-2.0
#include "stress/target.h"

static bool below(const struct bounds *bounds, int64_t value)
{
	return bounds->min != UNLIMITED && value < bounds->min;
}

static bool above(const struct bounds *bounds, int64_t value)
{
	return bounds->max != UNLIMITED && value > bounds->max;
}

int target_order_below(const struct bounds *units, const struct memory *memory)
{
	for (int order = memory->orders - 1; order >= 0; order--)
		if (below(&units[order], memory->units[order]))
			return order;
	return -1;
}

int target_order_above(const struct bounds *units, const struct memory *memory)
{
	for (int order = memory->orders - 1; order >= 0; order--)
		if (above(&units[order], memory->units[order]))
			return order;
	return -1;
}

bool target_free_below(const struct recipe *recipe, const struct memory *memory)
{
	return below(&recipe->free_kb, memory->free_kb);
}

bool target_free_above(const struct recipe *recipe, const struct memory *memory)
{
	return above(&recipe->free_kb, memory->free_kb);
}

bool target_holds_from_above(const struct recipe *recipe, const struct numa_memory *memory)
{
	for (int node = 0; node < memory->nodes; node++)
		if (target_order_above(recipe->node_units[node], &memory->node[node]) >= 0)
			return false;
	return target_order_above(recipe->units, &memory->all) < 0;
}

bool target_holds(const struct recipe *recipe, const struct numa_memory *memory)
{
	for (int node = 0; node < memory->nodes; node++)
		if (target_order_below(recipe->node_units[node], &memory->node[node]) >= 0)
			return false;
	return target_holds_from_above(recipe, memory) &&
	       target_order_below(recipe->units, &memory->all) < 0 &&
	       !target_free_below(recipe, &memory->all) && !target_free_above(recipe, &memory->all);
}
