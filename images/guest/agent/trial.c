// SPDX-License-Identifier: Apache-2.0
#include "agent/trial.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/child.h"
#include "agent/clock.h"
#include "agent/cost.h"
#include "agent/emit.h"
#include "agent/file.h"
#include "agent/fingerprint.h"
#include "agent/guest.h"
#include "agent/memory.h"
#include "agent/module.h"
#include "agent/park.h"
#include "agent/rights.h"
#include "agent/sample.h"
#include "agent/shell.h"
#include "agent/variant.h"
#include "bench/benchmarks.h"
#include "stress/pressure.h"
#include "stress/relax.h"
#include "stress/swap.h"
#include "stress/target.h"
#include "trigger/audit.h"
#include "trigger/bystanders.h"
#include "trigger/kind.h"
#include "trigger/trigger.h"

/* Compaction moves pages; asked for more than that often the target is out of reach. */
#define HARD_ROUNDS 5

struct outcome {
	const char *reason;
	struct numa_memory memory;
	struct numa_memory before_compaction;
	bool compacted;
	uint64_t elapsed_ms;
};

static bool reached(const struct outcome *outcome)
{
	return !strcmp(outcome->reason, "reached");
}

static bool failed(const char *where, int error)
{
	if (error)
		emit_error(where, error, strerror(error));
	return error != 0;
}

/* A kernel without NUMA sees one node, whatever the machine has. */
static bool has_nodes(const struct recipe *recipe)
{
	static struct numa_memory now;
	char message[160];

	if (recipe->nodes < 2)
		return true;
	if (!memory_read_nodes(&now))
		return !failed("nodes", errno);
	if (now.nodes == (int)recipe->nodes)
		return true;
	snprintf(message, sizeof(message),
		 "the machine has %u NUMA nodes, the kernel sees %d (CONFIG_NUMA, CONFIG_NODES_SHIFT, numa=)",
		 recipe->nodes, now.nodes);
	emit_error("nodes", ENODEV, message);
	return false;
}

static bool set_up_swap(const struct recipe *recipe)
{
	if (!recipe->zram_kb)
		return true;
	if (!recipe->on_device)
		return !failed("zram", swap_on_zram(recipe->zram_kb));
	if (swap_on_zram_is_there(recipe->zram_kb))
		return true;
	return rights_allow(RIGHT_ZRAM, "a swap on zram of another size than this device has") &&
	       !failed("zram", swap_on_zram_instead(recipe->zram_kb));
}

/* Everything that forks or loads comes here, while memory is plenty. */
static bool prepare(const struct recipe *recipe)
{
	emit_phase("prepare");
	if (recipe->on_device && !(rights_suffice(recipe) && module_take_binder(recipe)))
		return false;
	if (!has_nodes(recipe) || !guest_sysctls(recipe) || !module_load_common(recipe) || !set_up_swap(recipe) ||
	    !variant_prepare(recipe))
		return false;
	if (recipe->mode == MODE_SHELL && failed("shell", shell_prepare()))
		return false;
	if (recipe->mode != MODE_SHELL && failed("trigger", trigger_prepare(recipe)))
		return false;
	if (recipe->mode == MODE_BLOCK && !park_prepare()) {
		emit_error("park", errno, "no watchdog to pause the machine");
		return false;
	}
	if (recipe->trace)
		audit_prepare();
	if (recipe->mode != MODE_SHELL && failed("benchmark", benchmarks_prepare(recipe)))
		return false;
	if (failed("bystanders", bystanders_start(recipe)))
		return false;
	if (!pressure_prepare(recipe)) {
		emit_error("holder", errno, strerror(errno));
		return false;
	}
	costs_prepare();
	sample_all("before");
	return true;
}

static void compact(struct outcome *outcome)
{
	outcome->before_compaction = outcome->memory;
	outcome->compacted = file_write("/proc/sys/vm/compact_memory", "1") == 0;
	if (!outcome->compacted)
		emit_note("memory was not compacted: %s",
			  errno == ENOENT ? "this kernel has no compaction" : strerror(errno));
	memory_read_nodes(&outcome->memory);
}

/* Pressure until the target holds, and under `required` until compaction cannot undo it. */
static void approach(const struct recipe *recipe, struct outcome *outcome)
{
	uint64_t start_us = clock_us();
	uint64_t deadline_us = start_us + recipe->target_ms * 1000;

	emit_phase("pressure");
	for (int round = 0; round < HARD_ROUNDS; round++) {
		outcome->reason = pressure_run(recipe, deadline_us, &outcome->memory);
		if (!reached(outcome) || recipe->hard != HARD_REQUIRED)
			break;
		compact(outcome);
		if (target_holds(recipe, &outcome->memory))
			break;
		outcome->reason = "compactable";
	}
	outcome->elapsed_ms = (clock_us() - start_us) / 1000;
	pressure_settle();
}

/* Where there is more than one. */
static void tell_nodes(const struct numa_memory *memory, size_t orders)
{
	static int64_t units[LIMIT_NODES][RECIPE_ORDERS];
	int64_t free_kb[LIMIT_NODES];
	size_t nodes = (size_t)memory->nodes;

	if (nodes < 2)
		return;
	for (size_t node = 0; node < nodes; node++) {
		free_kb[node] = memory->node[node].free_kb;
		memcpy(units[node], memory->node[node].units, sizeof(units[node]));
	}
	emit_numbers("node_free_kb", free_kb, nodes);
	emit_rows("node_units", units[0], nodes, orders, RECIPE_ORDERS);
}

static void tell_target(const struct recipe *recipe, const struct outcome *outcome)
{
	const struct memory *memory = &outcome->memory.all;
	size_t orders = (size_t)memory->orders;
	char units[RECIPE_ORDERS * 12] = "";

	for (size_t i = 0, at = 0; i < orders && at < sizeof(units); i++)
		at += (size_t)snprintf(units + at, sizeof(units) - at, " %lld",
				       (long long)memory->units[i]);
	emit_phase("target");
	emit_mark("target %s: %s, %lld kB free, usable units by order%s",
		  reached(outcome) ? "reached" : "missed", outcome->reason,
		  (long long)memory->free_kb, units);
	emit_begin("target");
	emit_flag("reached", reached(outcome));
	emit_text("reason", outcome->reason);
	emit_number("free_kb", memory->free_kb);
	emit_numbers("units", memory->units, orders);
	if (outcome->compacted && recipe->hard == HARD_REQUIRED)
		emit_numbers("units_before_compaction", outcome->before_compaction.all.units, orders);
	tell_nodes(&outcome->memory, orders);
	pressure_tell_taken();
	emit_number("elapsed_ms", (int64_t)outcome->elapsed_ms);
	emit_end();
	sample_all("target");
}

/* Shows, on a throw-away boot, whether compaction repairs what the stressors did. */
static void prove(const struct recipe *recipe, struct outcome *outcome)
{
	bool repaired;

	compact(outcome);
	repaired = !target_holds_from_above(recipe, &outcome->memory);
	emit_mark("proof: compaction %s the target", repaired ? "undoes" : "does not undo");
	emit_begin("proof");
	emit_flag("repaired", repaired);
	emit_numbers("units_before", outcome->before_compaction.all.units,
		     (size_t)outcome->before_compaction.all.orders);
	emit_numbers("units_after", outcome->memory.all.units, (size_t)outcome->memory.all.orders);
	emit_end();
}

static bool load(const struct recipe *recipe)
{
	emit_phase("module");
	if (recipe->variant && recipe->on_device)
		module_tell_binder(recipe->variant);
	else if (recipe->variant && !module_load_variant(recipe->variant))
		return false;
	return !recipe_needs_binder(recipe) || module_check_binder();
}

static void after(void)
{
	emit_phase("after");
	child_report_victims();
	sample_all("after");
}

static void run_trigger_stage(const struct recipe *recipe)
{
	if (load(recipe) && recipe->trigger) {
		emit_phase("trigger");
		trigger_run(recipe);
		trigger_report(recipe);
		after();
		trigger_release();
		audit_stop();
		benchmarks_run(recipe, WHEN_AFTER);
	} else {
		after();
	}
}

/* Those of a memory picture; a trigger sets them itself, at its start. */
static void set_watermarks(const struct recipe *recipe)
{
	if (!picture_set_watermarks(&recipe->picture))
		emit_note("watermarks: %s", strerror(errno));
}

/* Of a guest that does not park, which is where a block tells it. */
static void tell_fingerprint(void)
{
	emit_begin("fingerprint");
	emit_text("fingerprint", fingerprint_free_memory());
	emit_end();
}

/* The part that a fork goes through: everything from the parked target on. */
static void run_stage(struct recipe *recipe)
{
	if (recipe->mode == MODE_TRIAL)
		tell_fingerprint();
	if ((recipe->mode == MODE_BLOCK && !park(recipe)) || !variant_set_up(recipe)) {
		after();
	} else if (recipe->stage == STAGE_TRIGGER) {
		run_trigger_stage(recipe);
	} else {
		if (recipe->stage == STAGE_RELAXED)
			relax(recipe);
		if (load(recipe)) {
			set_watermarks(recipe);
			benchmarks_run(recipe, recipe->stage == STAGE_RELAXED ? WHEN_RELAXED :
										WHEN_TARGET);
		}
		child_report_victims();
	}
}

void trial_run(struct recipe *recipe)
{
	static struct outcome outcome = { .reason = "" };

	if (!prepare(recipe)) {
		after();
		return;
	}
	approach(recipe, &outcome);
	tell_target(recipe, &outcome);
	if (recipe->mode == MODE_SHELL) {
		variant_set_up(recipe);
		load(recipe);
		set_watermarks(recipe);
		shell_run(recipe, reached(&outcome));
		return;
	}
	if (reached(&outcome) && recipe->hard != HARD_PROVE) {
		run_stage(recipe);
		return;
	}
	if (reached(&outcome))
		prove(recipe, &outcome);
	after();
}
