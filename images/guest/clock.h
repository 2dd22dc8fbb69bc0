// SPDX-License-Identifier: Apache-2.0
/* Guest time. Every duration in the agent is measured on CLOCK_MONOTONIC. */
#ifndef OOMLAB_CLOCK_H
#define OOMLAB_CLOCK_H

#include <stdint.h>

uint64_t clock_us(void);
uint64_t clock_ns(void);
void clock_sleep_us(uint64_t us);

#endif
