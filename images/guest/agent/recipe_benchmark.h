// SPDX-License-Identifier: Apache-2.0
/* The recipe's word on benchmarks: KIND:MAP:ITERATIONS:MIN_US:WARMUP:PIN:HELD:WHEN:SIZE-...,... */
#ifndef OOMLAB_AGENT_RECIPE_BENCHMARK_H
#define OOMLAB_AGENT_RECIPE_BENCHMARK_H

#include "agent/recipe.h"

/* False when it is not understood; as all parsers of the recipe, it cuts up `value`. */
bool recipe_parse_benchmarks(struct recipe *recipe, char *value);

/* A benchmark that is a command: WHEN:NAME:COMMAND. */
bool recipe_parse_program(struct recipe *recipe, char *value);

/* True when there are benchmarks for this memory. */
bool recipe_has_benchmarks(const struct recipe *recipe, enum when when);

/* Whether any of them opens the binder device. */
bool recipe_benchmarks_need_binder(const struct recipe *recipe);

#endif
