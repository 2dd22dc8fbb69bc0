// SPDX-License-Identifier: Apache-2.0
#include "bench/kinds.h"

#define KIND(constant, word, name, step) { name, step },

const struct bench_kind bench_kinds[] = { BENCHMARKS(KIND) };
