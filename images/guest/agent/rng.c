// SPDX-License-Identifier: Apache-2.0
#include "agent/rng.h"

/* Steele, Lea, Flood: "Fast splittable pseudorandom number generators" (2014). */
uint64_t rng_next(struct rng *rng)
{
	uint64_t z = (rng->state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

uint64_t rng_below(struct rng *rng, uint64_t limit)
{
	return rng_next(rng) % limit;
}

void rng_shuffle(struct rng *rng, uint32_t *items, size_t count)
{
	for (size_t i = count; i > 1; i--) {
		size_t j = (size_t)rng_below(rng, i);
		uint32_t swap = items[i - 1];

		items[i - 1] = items[j];
		items[j] = swap;
	}
}
