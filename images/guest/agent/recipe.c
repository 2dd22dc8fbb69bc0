// SPDX-License-Identifier: Apache-2.0
#include "agent/recipe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/recipe_benchmark.h"
#include "agent/recipe_settings.h"
#include "agent/recipe_value.h"
#include "trigger/kind.h"

#define PREFIX "oomlab."

typedef bool (*parse_fn)(struct recipe *recipe, char *value);

static bool parse_mode(struct recipe *recipe, char *value)
{
	static const char *const names[] = { "trial", "probe", "shell", "block", NULL };

	return value_choice(value, names, (int *)&recipe->mode);
}

static bool parse_hard(struct recipe *recipe, char *value)
{
	static const char *const names[] = { "unchecked", "required", "prove", NULL };

	return value_choice(value, names, (int *)&recipe->hard);
}

static bool parse_trigger(struct recipe *recipe, char *value)
{
	recipe->trigger = trigger_kind_named(value);
	return recipe->trigger || !strcmp(value, "none");
}

static bool parse_stop(struct recipe *recipe, char *value)
{
	static const char *const names[] = { "end", "first-oom", "first-failure", NULL };
	int choice;

	if (!value_choice(value, names, &choice))
		return false;
	recipe->stop_at_first_oom = choice >= 1;
	recipe->stop_at_first_failure = choice == 2;
	return true;
}

static bool parse_stage(struct recipe *recipe, char *value)
{
	static const char *const names[] = { "trigger", "relaxed", "target", NULL };

	return value_choice(value, names, (int *)&recipe->stage);
}

static bool parse_binder(struct recipe *recipe, char *value)
{
	recipe->binder = value;
	return !strcmp(value, "c") || !strcmp(value, "rust");
}

/* MIN:MAX of all nodes together, MIN:MAX:NODE of one: the bounds that are meant, and the node cut off. */
static struct bounds *units_of(struct recipe *recipe, char *text)
{
	char *at = strchr(text, ':');
	uint64_t node;

	at = at ? strchr(at + 1, ':') : NULL;
	if (!at)
		return recipe->units;
	*at++ = '\0';
	return value_number(at, &node) && node < LIMIT_NODES ? recipe->node_units[node] : NULL;
}

static bool parse_units(struct recipe *recipe, char *value)
{
	for (char *item; (item = value_field(&value, ','));) {
		struct bounds *units;
		uint64_t order;

		if (!value_number(value_field(&item, ':'), &order) || order > LIMIT_ORDER || !item)
			return false;
		units = units_of(recipe, item);
		if (!units || !value_bounds(item, &units[order]))
			return false;
	}
	return true;
}

static bool parse_nodes(struct recipe *recipe, char *value)
{
	return value_unsigned(value, LIMIT_NODES, &recipe->nodes);
}

static bool parse_free(struct recipe *recipe, char *value)
{
	return value_bounds(value, &recipe->free_kb);
}

static bool parse_picture(struct recipe *recipe, char *value)
{
	recipe->picture.wanted = true;
	for (char *item; (item = value_field(&value, ','));) {
		char *name = value_field(&item, ':');
		uint64_t kb;
		int line;

		if (!value_choice(name, picture_names, &line) || !value_number(item, &kb))
			return false;
		recipe->picture.kb[line] = (int64_t)kb;
	}
	return true;
}

static bool parse_watermarks(struct recipe *recipe, char *value)
{
	struct bounds marks;

	if (!value_bounds(value, &marks) || marks.min == UNLIMITED)
		return false;
	recipe->picture.min_kb = marks.min;
	recipe->picture.low_kb = marks.max;
	return true;
}

static bool parse_stressors(struct recipe *recipe, char *value)
{
	static const char *const names[] = { STRESSORS(STRESSOR_NAME) NULL };

	for (char *item; (item = value_field(&value, ','));) {
		char *name = value_field(&item, ':');
		struct stressor *stressor;
		uint64_t kb = 0;
		int kind;

		if (!*name && !item)
			continue;
		if (recipe->stressor_count == LIMIT_STRESSORS)
			return false;
		if (!value_choice(name, names, &kind) || (item && !value_number(item, &kb)))
			return false;
		/* These have no feedback that could tell how much. */
		if (kind >= STRESS_BALLAST && !item)
			return false;
		stressor = &recipe->stressors[recipe->stressor_count++];
		stressor->kind = (enum stressor_kind)kind;
		stressor->fixed_kb = item ? (int64_t)kb : UNLIMITED;
	}
	return true;
}

static bool parse_variants(struct recipe *recipe, char *value)
{
	for (char *name; (name = value_field(&value, ','));) {
		if (!*name || recipe->variant_count == LIMIT_VARIANTS)
			return false;
		recipe->variants[recipe->variant_count++] = name;
	}
	return true;
}

static bool parse_bystanders(struct recipe *recipe, char *value)
{
	uint64_t count;

	if (!value_number(value_field(&value, ':'), &count) || count > LIMIT_BYSTANDERS)
		return false;
	recipe->bystander_count = (unsigned)count;
	if (!value || !value_number(value_field(&value, ':'), &recipe->bystander_kb))
		return false;
	return value && value_adj(value, &recipe->bystander_adj);
}

static bool parse_count(struct recipe *recipe, char *value)
{
	return value_unsigned(value, LIMIT_REQUESTS, &recipe->request_count);
}

static bool parse_processes(struct recipe *recipe, char *value)
{
	return value_unsigned(value, LIMIT_PROCESSES, &recipe->processes) && recipe->processes > 0;
}

static bool parse_adj(struct recipe *recipe, char *value)
{
	return value_adj(value, &recipe->adj);
}

static bool parse_protocol(struct recipe *recipe, char *value)
{
	recipe->protocol = strtol(value, NULL, 10);
	return true;
}

#define NUMBER(function, member)                                          \
	static bool function(struct recipe *recipe, char *value)          \
	{                                                                 \
		return value_number(value, &recipe->member);              \
	}
#define TEXT(function, member)                                            \
	static bool function(struct recipe *recipe, char *value)          \
	{                                                                 \
		recipe->member = value;                                   \
		return *value != '\0';                                    \
	}
#define FLAG(function, member)                                            \
	static bool function(struct recipe *recipe, char *value)          \
	{                                                                 \
		recipe->member = *value == '1';                           \
		return !strcmp(value, "0") || !strcmp(value, "1");        \
	}

NUMBER(parse_seed, seed)
NUMBER(parse_zram, zram_kb)
NUMBER(parse_target_ms, target_ms)
NUMBER(parse_pause, pause_us)
NUMBER(parse_trigger_ms, trigger_ms)
NUMBER(parse_benchmark_ms, benchmark_ms)
TEXT(parse_control, control)
TEXT(parse_variant, variant)
FLAG(parse_hold, hold)
FLAG(parse_trace, trace)

static const struct {
	const char *key;
	parse_fn parse;
} keys[] = {
	{ "protocol", parse_protocol },	    { "mode", parse_mode },
	{ "control", parse_control },	    { "seed", parse_seed },
	{ "sysctl", recipe_parse_sysctls }, { "zram_kb", parse_zram },
	{ "settings", recipe_parse_settings }, { "zrams", recipe_parse_zrams },
	{ "picture", parse_picture },	    { "watermarks", parse_watermarks },
	{ "units", parse_units },	    { "free_kb", parse_free },
	{ "nodes", parse_nodes },	    { "binder", parse_binder },
	{ "hard", parse_hard },		    { "target_ms", parse_target_ms },
	{ "stressors", parse_stressors },   { "variant", parse_variant },
	{ "variants", parse_variants },	    { "bystanders", parse_bystanders },
	{ "trigger", parse_trigger },	    { "count", parse_count },
	{ "processes", parse_processes },   { "hold", parse_hold },
	{ "pause_us", parse_pause },	    { "adj", parse_adj },
	{ "stop", parse_stop },
	{ "trigger_ms", parse_trigger_ms }, { "trace", parse_trace },
	{ "stage", parse_stage },	    { "benchmarks", recipe_parse_benchmarks },
	{ "program", recipe_parse_program },
	{ "benchmark_ms", parse_benchmark_ms },
};

static void defaults(struct recipe *recipe)
{
	memset(recipe, 0, sizeof(*recipe));
	recipe->control = "ttyS0";
	for (int order = 0; order < RECIPE_ORDERS; order++) {
		recipe->units[order] = (struct bounds){ UNLIMITED, UNLIMITED };
		for (int node = 0; node < LIMIT_NODES; node++)
			recipe->node_units[node][order] = recipe->units[order];
	}
	recipe->free_kb = (struct bounds){ UNLIMITED, UNLIMITED };
	for (int line = 0; line < PICTURE_LINES; line++)
		recipe->picture.kb[line] = UNLIMITED;
	recipe->picture.min_kb = recipe->picture.low_kb = UNLIMITED;
	recipe->target_ms = 60000;
	recipe->trigger_ms = 60000;
	recipe->benchmark_ms = 60000;
	recipe->request_count = 1;
	recipe->processes = 1;
	recipe->hold = true;
	recipe->stop_at_first_oom = true;
	recipe->trace = true;
}

static void parse_token(struct recipe *recipe, char *token)
{
	char shown[96];
	char *value = strchr(token, '=');

	snprintf(shown, sizeof(shown), "%s", token);
	if (value) {
		*value++ = '\0';
		value_decode(value);
		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
			if (!strcmp(token, keys[i].key) && keys[i].parse(recipe, value))
				return;
		if (trigger_kind_parse(token, value))
			return;
	}
	if (!recipe->problem[0])
		snprintf(recipe->problem, sizeof(recipe->problem), "recipe: not understood: %s",
			 shown);
}

void recipe_parse(char *cmdline, struct recipe *recipe)
{
	char *rest = cmdline;

	defaults(recipe);
	for (char *token; (token = strtok_r(rest, " \n", &rest));)
		if (!strncmp(token, PREFIX, strlen(PREFIX)))
			parse_token(recipe, token + strlen(PREFIX));
	if (recipe->protocol != RECIPE_PROTOCOL && !recipe->problem[0])
		snprintf(recipe->problem, sizeof(recipe->problem),
			 "recipe: protocol %ld, this agent speaks %d", recipe->protocol,
			 RECIPE_PROTOCOL);
}

bool recipe_needs_binder(const struct recipe *recipe)
{
	return (recipe->trigger && recipe->trigger->needs_binder) || recipe_benchmarks_need_binder(recipe);
}

bool recipe_needs_handle_0(const struct recipe *recipe)
{
	const struct trigger_kind *trigger = recipe->trigger;

	return (trigger && trigger->needs_handle_0 && trigger->needs_handle_0()) ||
	       recipe_benchmarks_need_binder(recipe);
}

bool recipe_wants_zram(const struct recipe *recipe)
{
	bool wanted = recipe->zram_kb > 0;

	for (size_t i = 0; i < LIMIT_VARIANTS; i++)
		wanted |= recipe->variant_zram_kb[i] > 0;
	return wanted;
}

bool recipe_has_stressor(const struct recipe *recipe, enum stressor_kind kind)
{
	for (size_t i = 0; i < recipe->stressor_count; i++)
		if (recipe->stressors[i].kind == kind)
			return true;
	return false;
}
