// SPDX-License-Identifier: Apache-2.0
#include "bench/kinds.h"

#define KIND(constant, word, name, step) { name, step },

const struct bench_kind bench_kinds[] = { BENCHMARKS(KIND) };

bool bench_kind_needs_binder(enum benchmark_kind kind)
{
	const struct bench_step *step = bench_kinds[kind].step;

	return !step || step->needs_binder;
}

bool bench_kind_is_of_huge_pages(enum benchmark_kind kind)
{
	return kind == BENCHMARK_THP || kind == BENCHMARK_THP_PLAIN;
}
