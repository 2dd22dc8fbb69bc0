// SPDX-License-Identifier: Apache-2.0
/* The agent's own generator (splitmix64), so that a seed means the same everywhere. */
#ifndef OOMLAB_AGENT_RNG_H
#define OOMLAB_AGENT_RNG_H

#include <stddef.h>
#include <stdint.h>

struct rng {
	uint64_t state;
};

uint64_t rng_next(struct rng *rng);
/* A number in [0, limit); limit must not be 0. */
uint64_t rng_below(struct rng *rng, uint64_t limit);
void rng_shuffle(struct rng *rng, uint32_t *items, size_t count);

#endif
