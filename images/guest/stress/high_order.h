// SPDX-License-Identifier: Apache-2.0
/*
 * Stressor `high_order`: takes large free blocks and leaves single pages alone.
 *
 * A message on an AF_UNIX stream whose length is 2^k pages is stored as one fragment of
 * order k when there is one, asked for without reclaim, so without any danger of an OOM
 * kill (net/core/skbuff.c, alloc_skb_with_frags). Orders above 3, and above 32 KiB, are
 * eaten in such pieces.
 */
#ifndef OOMLAB_STRESS_HIGH_ORDER_H
#define OOMLAB_STRESS_HIGH_ORDER_H

#include <stdint.h>

#include "stress/holder.h"

extern const struct holder_work stress_high_order;

/* To be called before the holder is started. */
void stress_high_order_seed(uint64_t seed);

#endif
