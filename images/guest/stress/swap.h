// SPDX-License-Identifier: Apache-2.0
/* Swap on zram. */
#ifndef OOMLAB_STRESS_SWAP_H
#define OOMLAB_STRESS_SWAP_H

#include <stdbool.h>
#include <stdint.h>

/* 0, or the errno. The zram module must be there. */
int swap_on_zram(uint64_t kb);

/* Likewise, in two steps: a device of this size is made ready; whoever wants its swap puts it into use. */
int swap_prepare_zram(uint64_t kb);
int swap_on_prepared_zram(uint64_t kb);

/* On a device of others: one of that size, within 1 %, is there. Told by a note. */
bool swap_on_zram_is_there(uint64_t kb);

/*
 * Likewise: makes it, in place of the one that is there; 0 or the errno. It stays when the agent has ended. Told by
 * a note, with what was there before.
 */
int swap_on_zram_instead(uint64_t kb);

#endif
