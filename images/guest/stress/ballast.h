// SPDX-License-Identifier: Apache-2.0
/*
 * Stressor `ballast`: reserved huge pages. They take contiguous memory out of play and are
 * never touched, so they cost the host nothing.
 */
#ifndef OOMLAB_STRESS_BALLAST_H
#define OOMLAB_STRESS_BALLAST_H

#include <stdint.h>

/* kB that the kernel really reserved (it may be less); -1 with errno. */
int64_t ballast_reserve(int64_t kb);

#endif
