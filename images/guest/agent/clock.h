// SPDX-License-Identifier: Apache-2.0
/* Guest time. Every duration in the agent is measured on CLOCK_MONOTONIC. */
#ifndef OOMLAB_AGENT_CLOCK_H
#define OOMLAB_AGENT_CLOCK_H

#include <stdint.h>

uint64_t clock_us(void);
uint64_t clock_ns(void);
void clock_sleep_us(uint64_t us);

/*
 * Lets others run for so long, and never lets the processor fall idle. Under the deterministic clock
 * every idle moment is a risk: QEMU's main loop, should it just be awake, may move the guest's clock on before the
 * last instructions are counted (icount_start_warp_timer()), and forks differ by them. A benchmark
 * rests hundreds of times.
 */
void clock_yield_us(uint64_t us);

#endif
