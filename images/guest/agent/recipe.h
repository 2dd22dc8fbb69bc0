// SPDX-License-Identifier: Apache-2.0
/* The recipe: what the host wrote, on the kernel command line or in a file, as oomlab.KEY=VALUE. */
#ifndef OOMLAB_AGENT_RECIPE_H
#define OOMLAB_AGENT_RECIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/kinds.h"
#include "limits.h"
#include "stress/picture.h"
#include "stress/stressors.h"

#define RECIPE_PROTOCOL 4
#define RECIPE_ORDERS 16
#define RECIPE_TEXT 4096
#define UNLIMITED (-1)

struct trigger_kind;

/* MODE_BLOCK: a trial that parks at its target, for forks to go on from. */
enum mode { MODE_TRIAL, MODE_PROBE, MODE_SHELL, MODE_BLOCK };
enum hard { HARD_UNCHECKED, HARD_REQUIRED, HARD_PROVE };
enum stage { STAGE_TRIGGER, STAGE_RELAXED, STAGE_TARGET };
/* Under what memory a benchmark is to run: bits of benchmark.when. */
enum when { WHEN_RELAXED = 1, WHEN_TARGET = 2, WHEN_AFTER = 4 };

/* Bounds of a measure; UNLIMITED where the recipe left one empty. */
struct bounds {
	int64_t min;
	int64_t max;
};

/* A sysctl by its name, or a file by its path. */
struct setting {
	const char *name;
	const char *value;
};

/* One that is written when memory is at its target, by those who are this variant: its place in `variants`. */
struct variant_setting {
	unsigned variant;
	struct setting setting;
};

struct stressor {
	enum stressor_kind kind;
	int64_t fixed_kb; /* UNLIMITED: the feedback decides */
};

struct benchmark {
	enum benchmark_kind kind;
	uint64_t map_bytes;  /* of both ends of a transaction; 0: libbinder's */
	uint64_t iterations; /* 0: the stop rule of min_us decides */
	uint64_t min_us;
	uint64_t warmup;
	bool pin;
	unsigned held; /* maps that are held meanwhile */
	unsigned when; /* bits of enum when */
	uint64_t sizes[LIMIT_SIZES];
	size_t size_count;
};

/* A benchmark that is a command of the user's. */
struct program {
	const char *name;
	const char *command;
	unsigned when; /* bits of enum when */
};

struct recipe {
	/* An ordinary process on a device of others: nothing is loaded there, and no more set up than it must be. */
	bool on_device;
	long protocol;
	enum mode mode;
	const char *control;
	uint64_t seed;
	struct setting sysctls[LIMIT_SYSCTLS];
	size_t sysctl_count;
	struct variant_setting settings[LIMIT_SETTINGS];
	size_t setting_count;
	uint64_t zram_kb;
	uint64_t variant_zram_kb[LIMIT_VARIANTS]; /* by a variant's place in `variants`; 0: none */
	unsigned nodes; /* NUMA nodes of the machine; 0: nobody says */
	struct bounds units[RECIPE_ORDERS];		      /* of all nodes together */
	struct bounds node_units[LIMIT_NODES][RECIPE_ORDERS]; /* of one */
	struct bounds free_kb;
	struct picture picture;
	enum hard hard;
	uint64_t target_ms;
	struct stressor stressors[LIMIT_STRESSORS];
	size_t stressor_count;
	const char *variant;
	unsigned variant_index; /* its place in `variants`; 0 where there is no choice */
	const char *binder; /* the driver that must be there, "c" or "rust"; NULL: any */
	const char *variants[LIMIT_VARIANTS]; /* what the forks of a block may choose from */
	size_t variant_count;
	unsigned bystander_count;
	uint64_t bystander_kb;
	int bystander_adj;
	const struct trigger_kind *trigger; /* NULL: none */
	unsigned request_count; /* of the trigger, all processes together */
	unsigned processes;
	bool hold;
	uint64_t pause_us;
	int adj;
	bool stop_at_first_oom;
	bool stop_at_first_failure; /* of its requests */
	uint64_t trigger_ms;
	bool trace;
	enum stage stage; /* of a boot that goes straight through, or of a fork */
	struct benchmark benchmarks[LIMIT_BENCHMARKS];
	size_t benchmark_count;
	struct program programs[LIMIT_PROGRAMS];
	size_t program_count;
	uint64_t benchmark_ms;
	/* What could not be understood; the first such token. Empty when all is well. */
	char problem[160];
};

/*
 * Cuts up the text of /proc/cmdline in place: the recipe points into it, so it must live
 * as long. Unknown oomlab keys and bad values land in `problem`; the control device is
 * filled in all the same, so that the problem can be told.
 */
void recipe_parse(char *cmdline, struct recipe *recipe);

/* What of the driver it needs: its device, and a process of the agent's behind handle 0. */
bool recipe_needs_binder(const struct recipe *recipe);
bool recipe_needs_handle_0(const struct recipe *recipe);

/* From the boot on, or of any variant. */
bool recipe_wants_zram(const struct recipe *recipe);

bool recipe_has_stressor(const struct recipe *recipe, enum stressor_kind kind);

#endif
