// SPDX-License-Identifier: Apache-2.0
#include "agent/recipe_benchmark.h"

#include <string.h>

#include "agent/recipe_value.h"

static bool parse_when(const char *text, unsigned *when)
{
	*when = 0;
	for (; text && *text; text++) {
		if (*text == 'r')
			*when |= WHEN_RELAXED;
		else if (*text == 't')
			*when |= WHEN_TARGET;
		else if (*text == 'a')
			*when |= WHEN_AFTER;
		else
			return false;
	}
	return *when != 0;
}

static bool parse_sizes(char *text, struct benchmark *benchmark)
{
	uint64_t most = bench_kinds[benchmark->kind].step ? LIMIT_MAP_BYTES : LIMIT_PAYLOAD;

	for (char *size; (size = value_field(&text, '-'));) {
		uint64_t *here = &benchmark->sizes[benchmark->size_count];

		if (benchmark->size_count++ == LIMIT_SIZES || !value_number(size, here) || *here > most)
			return false;
	}
	return benchmark->size_count > 0;
}

static bool parse_one(char *text, struct benchmark *benchmark)
{
	static const char *const kinds[] = { BENCHMARKS(BENCHMARK_WORD) NULL };
	int kind;
	unsigned pin;

	if (!value_choice(value_field(&text, ':'), kinds, &kind))
		return false;
	benchmark->kind = (enum benchmark_kind)kind;
	if (!value_number(value_field(&text, ':'), &benchmark->map_bytes) ||
	    !value_number(value_field(&text, ':'), &benchmark->iterations) ||
	    !value_number(value_field(&text, ':'), &benchmark->min_us) ||
	    !value_number(value_field(&text, ':'), &benchmark->warmup) ||
	    !value_unsigned(value_field(&text, ':'), 1, &pin) ||
	    !value_unsigned(value_field(&text, ':'), LIMIT_HELD, &benchmark->held))
		return false;
	benchmark->pin = pin == 1;
	if (benchmark->iterations > LIMIT_ITERATIONS || benchmark->warmup > LIMIT_ITERATIONS ||
	    benchmark->map_bytes > LIMIT_TRANSACTION_MAP)
		return false;
	/* Each has mappings of its own. */
	if (bench_kind_is_of_huge_pages(benchmark->kind) &&
	    benchmark->iterations + benchmark->warmup > LIMIT_HUGE_PAGES)
		return false;
	return (benchmark->iterations != 0) != (benchmark->min_us != 0) &&
	       parse_when(value_field(&text, ':'), &benchmark->when) &&
	       parse_sizes(text, benchmark);
}

bool recipe_parse_benchmarks(struct recipe *recipe, char *value)
{
	for (char *item; (item = value_field(&value, ','));) {
		if (recipe->benchmark_count == LIMIT_BENCHMARKS)
			return false;
		if (!parse_one(item, &recipe->benchmarks[recipe->benchmark_count++]))
			return false;
	}
	return true;
}

bool recipe_parse_program(struct recipe *recipe, char *value)
{
	struct program *program = &recipe->programs[recipe->program_count];

	if (recipe->program_count++ == LIMIT_PROGRAMS ||
	    !parse_when(value_field(&value, ':'), &program->when) || !value)
		return false;
	program->name = value_field(&value, ':');
	/* The rest is the command's, colons and all. */
	program->command = value;
	return *program->name && value && *value && strlen(value) <= LIMIT_COMMAND;
}

bool recipe_has_benchmarks(const struct recipe *recipe, enum when when)
{
	for (size_t i = 0; i < recipe->benchmark_count; i++)
		if (recipe->benchmarks[i].when & when)
			return true;
	for (size_t i = 0; i < recipe->program_count; i++)
		if (recipe->programs[i].when & when)
			return true;
	return false;
}

bool recipe_benchmarks_need_binder(const struct recipe *recipe)
{
	for (size_t i = 0; i < recipe->benchmark_count; i++)
		if (bench_kind_needs_binder(recipe->benchmarks[i].kind))
			return true;
	return false;
}
