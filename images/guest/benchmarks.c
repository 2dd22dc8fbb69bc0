// SPDX-License-Identifier: Apache-2.0
#include "benchmarks.h"

#include "emit.h"
#include "recipe_benchmark.h"

int benchmarks_prepare(const struct recipe *recipe)
{
	(void)recipe;
	return 0;
}

void benchmarks_run(const struct recipe *recipe, enum when when)
{
	if (!recipe_has_benchmarks(recipe, when))
		return;
	emit_phase("benchmark");
}
