// SPDX-License-Identifier: Apache-2.0
/*
 * The stressors: one line each, its constant and its name in recipes and scenarios. Those from
 * BALLAST on need an amount, for no feedback could say how much there is to be.
 */
#ifndef OOMLAB_STRESS_STRESSORS_H
#define OOMLAB_STRESS_STRESSORS_H

#define STRESSORS(X)                           \
	X(PIPES, "pipes")                      \
	X(HIGH_ORDER, "high_order")            \
	X(PAGE_CACHE, "page_cache")            \
	X(ANONYMOUS, "anonymous")              \
	X(BALLAST, "ballast")                  \
	X(SLAB, "slab")                        \
	X(SLAB_RECLAIMABLE, "slab_reclaimable") \
	X(PAGE_TABLES, "page_tables")          \
	X(THREADS, "threads")

#define STRESSOR_CONSTANT(constant, name) STRESS_##constant,
#define STRESSOR_NAME(constant, name) name,

enum stressor_kind { STRESSORS(STRESSOR_CONSTANT) };

#endif
