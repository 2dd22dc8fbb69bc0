// SPDX-License-Identifier: Apache-2.0
/*
 * The benchmarks: one line each. Its constant, its word in recipes, its name in figures (before the
 * size), and the step that is timed; NULL: a transaction, for which there is a server.
 */
#ifndef OOMLAB_BENCH_KINDS_H
#define OOMLAB_BENCH_KINDS_H

#include "bench/bench.h"

#define BENCHMARKS(X)                                               \
	X(MMAP, "mmap", "BM_mmap_binder", &bench_cycle)             \
	X(LIBBINDER, "libbinder", "BM_sendVec_binder", NULL)        \
	X(RAW, "raw", "BM_sendVec_binder_raw", NULL)                \
	X(THP, "thp", "BM_thp_fault", &bench_thp)                   \
	X(THP_PLAIN, "thp_plain", "BM_thp_fault_plain", &bench_thp_plain)

extern const struct bench_step bench_cycle, bench_thp, bench_thp_plain;

#define BENCHMARK_CONSTANT(constant, word, name, step) BENCHMARK_##constant,
#define BENCHMARK_WORD(constant, word, name, step) word,

enum benchmark_kind { BENCHMARKS(BENCHMARK_CONSTANT) };

struct bench_kind {
	const char *name;
	const struct bench_step *step;
};

extern const struct bench_kind bench_kinds[];

/* Whether it opens the binder device. */
bool bench_kind_needs_binder(enum benchmark_kind kind);

bool bench_kind_is_of_huge_pages(enum benchmark_kind kind);

#endif
