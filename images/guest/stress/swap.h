// SPDX-License-Identifier: Apache-2.0
/* Swap on zram. */
#ifndef OOMLAB_STRESS_SWAP_H
#define OOMLAB_STRESS_SWAP_H

#include <stdint.h>

/* 0, or the errno. The zram module must be there. */
int swap_on_zram(uint64_t kb);

#endif
