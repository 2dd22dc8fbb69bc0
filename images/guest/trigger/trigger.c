// SPDX-License-Identifier: Apache-2.0
#include "trigger/trigger.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/child.h"
#include "agent/clock.h"
#include "agent/emit.h"
#include "agent/memory.h"
#include "agent/sample.h"
#include "stress/pressure.h"
#include "trigger/audit.h"
#include "trigger/binder_mmap.h"
#include "trigger/command.h"
#include "trigger/output.h"

#define POLL_US 20000
#define PROGRESS_US 100000
/* How long a stopped trigger may take to end the map it is in. */
#define STOP_US 300000
#define MMAPS_A_RECORD 100
/* From the trigger's start to the second look at a memory picture. */
#define LATER_US 1000000

static struct {
	struct child *children[LIMIT_PROCESSES];
	struct binder_log *logs; /* shared */
	atomic_bool *stop;	 /* shared */
	atomic_int *start_errno; /* shared; of a command */
	unsigned processes;
	int gate[2];
	int64_t oom_before, oom_seen;
	uint64_t told_us, later_us;
	unsigned told;
} trigger;

static void *shared(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static unsigned share_of(const struct recipe *recipe, unsigned process)
{
	unsigned rest = recipe->map_count % recipe->processes;

	return recipe->map_count / recipe->processes + (process < rest ? 1 : 0);
}

static int prepare_binder(const struct recipe *recipe)
{
	size_t logs_bytes = recipe->processes * sizeof(struct binder_log);

	trigger.logs = shared(logs_bytes);
	if (!trigger.logs)
		return errno;
	for (unsigned i = 0; i < recipe->processes; i++) {
		struct binder_log *log = &trigger.logs[i];
		struct binder_job job = { recipe->map_bytes, recipe->pause_us, recipe->hold,
					  trigger.gate[0], trigger.stop, log };

		log->planned = share_of(recipe, i);
		log->latency_ns = shared((log->planned + 1) * sizeof(int64_t));
		log->error = shared((log->planned + 1) * sizeof(int64_t));
		if (!log->latency_ns || !log->error)
			return errno;
		trigger.children[i] = child_start(ROLE_TRIGGER, (int)i, recipe->adj,
						  trigger_binder_body, &job);
		if (!trigger.children[i])
			return errno;
		trigger.processes++;
	}
	return 0;
}

static int prepare_command(const struct recipe *recipe)
{
	struct command_job job = { recipe->command ? recipe->command : "true", trigger.gate[0], NULL };
	int error = output_prepare();

	if (error)
		return error;
	trigger.start_errno = shared(sizeof(*trigger.start_errno));
	if (!trigger.start_errno)
		return errno;
	job.start_errno = trigger.start_errno;
	trigger.children[0] = child_start(ROLE_TRIGGER, 0, recipe->adj, trigger_command_body, &job);
	trigger.processes = trigger.children[0] ? 1 : 0;
	return trigger.children[0] ? 0 : errno;
}

int trigger_prepare(const struct recipe *recipe)
{
	if (recipe->trigger == TRIGGER_NONE)
		return 0;
	trigger.stop = shared(sizeof(*trigger.stop));
	if (!trigger.stop || pipe(trigger.gate) < 0)
		return errno;
	return recipe->trigger == TRIGGER_BINDER ? prepare_binder(recipe) : prepare_command(recipe);
}

struct sums {
	unsigned attempted, ok, failed, unfinished;
};

static struct sums sum_up(void)
{
	struct sums sums = { 0 };

	for (unsigned i = 0; trigger.logs && i < trigger.processes; i++) {
		struct binder_log *log = &trigger.logs[i];
		unsigned attempted = atomic_load(&log->attempted);
		unsigned completed = atomic_load(&log->completed);

		sums.attempted += attempted;
		sums.ok += atomic_load(&log->ok);
		sums.failed += completed - atomic_load(&log->ok);
		sums.unfinished += attempted - completed;
	}
	return sums;
}

static bool busy(unsigned process)
{
	bool parked = trigger.logs && atomic_load(&trigger.logs[process].parked);

	return trigger.children[process]->alive && !parked;
}

static unsigned count_busy(void)
{
	unsigned count = 0;

	child_reap();
	for (unsigned i = 0; i < trigger.processes; i++)
		count += busy(i);
	return count;
}

/* By someone else than the supervisor. */
static unsigned count_killed(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < trigger.processes; i++) {
		const struct child *child = trigger.children[i];

		count += !child->alive && !child->dismissed && WIFSIGNALED(child->status);
	}
	return count;
}

static void progress(void)
{
	struct sums sums = sum_up();
	uint64_t now_us = clock_us();

	if (!trigger.logs || sums.attempted == trigger.told || now_us - trigger.told_us < PROGRESS_US)
		return;
	trigger.told_us = now_us;
	trigger.told = sums.attempted;
	emit_begin("trigger-progress");
	emit_number("ok", sums.ok);
	emit_number("failed", sums.failed);
	emit_end();
}

static int64_t oom_kills(void)
{
	int64_t count = memory_vmstat("oom_kill") - trigger.oom_before;

	if (count > trigger.oom_seen) {
		trigger.oom_seen = count;
		emit_begin("oom-kill");
		emit_number("count", count);
		emit_end();
	}
	return trigger.oom_seen;
}

/* The second look at the picture, once its time has come. */
static void look_again(void)
{
	if (clock_us() < trigger.later_us)
		return;
	trigger.later_us = UINT64_MAX;
	sample_picture("later");
}

static const char *watch(const struct recipe *recipe)
{
	uint64_t deadline_us = clock_us() + recipe->trigger_ms * 1000;

	while (count_busy()) {
		progress();
		look_again();
		if (oom_kills() && recipe->stop_at_first_oom)
			return "first-oom";
		if (clock_us() >= deadline_us)
			return "deadline";
		output_wait(POLL_US);
	}
	return count_killed() ? "killed" : "finished";
}

/* Asks the trigger to stop; what does not answer is killed, group and all. */
static void stop(void)
{
	uint64_t end_us = clock_us() + STOP_US;

	atomic_store(trigger.stop, 1);
	/* A trigger that the kernel is killing gets the same time to die of that. */
	while (count_busy() && clock_us() < end_us)
		clock_sleep_us(POLL_US / 4);
	for (unsigned i = 0; i < trigger.processes; i++) {
		if (!busy(i))
			continue;
		kill(-trigger.children[i]->pid, SIGKILL);
		child_dismiss(trigger.children[i]);
	}
	end_us = clock_us() + STOP_US;
	while (count_busy() && clock_us() < end_us)
		clock_sleep_us(POLL_US / 4);
}

/* Of each process that has ended: how. The supervisor's own SIGKILL tells nothing. */
static void report_ends(void)
{
	for (unsigned i = 0; i < trigger.processes; i++) {
		const struct child *child = trigger.children[i];

		if (child->alive || child->dismissed)
			continue;
		emit_begin("process-end");
		emit_number("process", i);
		emit_number("pid", child->pid);
		if (WIFSIGNALED(child->status))
			emit_number("signal", WTERMSIG(child->status));
		else
			emit_number("exit_status", WEXITSTATUS(child->status));
		if (trigger.start_errno && atomic_load(trigger.start_errno))
			emit_number("start_errno", atomic_load(trigger.start_errno));
		emit_end();
	}
}

static void start(const struct recipe *recipe)
{
	int64_t pids[LIMIT_PROCESSES];
	size_t count = (size_t)child_pids(ROLE_TRIGGER, pids, LIMIT_PROCESSES);
	/* A command's descendants have higher pids than its own. */
	int64_t last = recipe->trigger == TRIGGER_COMMAND ? INT32_MAX : pids[count - 1];

	if (recipe->trace)
		audit_begin("trigger", (pid_t)pids[0], (pid_t)last);
	sample_vmstat("trigger");
	pressure_touch_up(recipe);
	if (!picture_set_watermarks(&recipe->picture))
		emit_note("watermarks: %s", strerror(errno));
	if (recipe->picture.wanted)
		sample_picture("trigger");
	trigger.oom_before = memory_vmstat("oom_kill");
	emit_begin("trigger-start");
	emit_text("kind", recipe->trigger == TRIGGER_BINDER ? "binder-mmap" : "command");
	emit_numbers("pids", pids, count);
	emit_number("count", recipe->trigger == TRIGGER_BINDER ? recipe->map_count : 1);
	emit_end();
	trigger.later_us = recipe->picture.wanted ? clock_us() + LATER_US : UINT64_MAX;
	for (size_t i = 0; i < count; i++)
		if (write(trigger.gate[1], "", 1) != 1)
			emit_error("trigger", errno, "gate");
}

void trigger_run(const struct recipe *recipe)
{
	const char *reason;
	struct sums sums;

	start(recipe);
	reason = watch(recipe);
	stop();
	/* A trigger that ended sooner still has its maps: nothing moves until then. */
	while (trigger.later_us != UINT64_MAX) {
		clock_sleep_us(POLL_US);
		look_again();
	}
	/* Stopped in any case, but it is the trigger itself that the kernel killed. */
	if (!strcmp(reason, "first-oom") && count_killed() == trigger.processes)
		reason = "killed";
	sums = sum_up();
	output_finish();
	report_ends();
	emit_mark("trigger-end %s: %u of %u mmaps ok, %u failed, %lld OOM kills", reason, sums.ok,
		  sums.attempted, sums.failed, (long long)oom_kills());
	emit_begin("trigger-end");
	emit_text("reason", reason);
	emit_number("attempted", sums.attempted);
	emit_number("ok", sums.ok);
	emit_number("failed", sums.failed);
	emit_number("unfinished", sums.unfinished);
	emit_number("oom_kill", trigger.oom_seen);
	emit_end();
}

static void report_process(unsigned process)
{
	struct binder_log *log = &trigger.logs[process];
	unsigned completed = atomic_load(&log->completed);

	for (unsigned first = 0; first < completed; first += MMAPS_A_RECORD) {
		unsigned left = completed - first;
		size_t count = left < MMAPS_A_RECORD ? left : MMAPS_A_RECORD;

		emit_begin("mmaps");
		emit_number("process", process);
		emit_number("first", first);
		emit_numbers("latency_ns", log->latency_ns + first, count);
		emit_numbers("errno", log->error + first, count);
		emit_end();
	}
}

void trigger_report(const struct recipe *recipe)
{
	for (unsigned i = 0; trigger.logs && i < trigger.processes; i++)
		report_process(i);
	if (recipe->trace)
		audit_report(trigger.logs ? (int64_t)sum_up().attempted : -1);
	sample_vmallocinfo();
}

void trigger_release(void)
{
	for (unsigned i = 0; i < trigger.processes; i++)
		child_dismiss(trigger.children[i]);
	child_reap();
}
