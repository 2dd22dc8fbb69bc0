// SPDX-License-Identifier: Apache-2.0
/*
 * Stressor `pipes`: a checkerboard of unmovable order-0 pages.
 *
 * Pages are written one by one, round-robin, into sixteen pipes at a time (a group); the
 * k-th pipe of every group forms set k. Physical neighbours so belong to different sets,
 * and closing a set frees pages whose neighbours stay taken.
 */
#ifndef OOMLAB_STRESS_PIPES_H
#define OOMLAB_STRESS_PIPES_H

#include <stdint.h>

#include "stress/holder.h"

extern const struct holder_work stress_pipes;

/* To be called before the holder is started. */
void stress_pipes_seed(uint64_t seed);

#endif
