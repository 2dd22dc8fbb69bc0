// SPDX-License-Identifier: Apache-2.0
#include "trigger/trigger.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/child.h"
#include "agent/clock.h"
#include "agent/cost.h"
#include "agent/emit.h"
#include "agent/memory.h"
#include "agent/sample.h"
#include "stress/pressure.h"
#include "trigger/audit.h"
#include "trigger/kind.h"
#include "trigger/output.h"
#include "trigger/requests.h"
#include "trigger/waits.h"

#define POLL_US 20000
#define PROGRESS_US 100000
/* How long a stopped trigger may take to end the request it is in. */
#define STOP_US 300000
/* From the trigger's start to the second look at a memory picture. */
#define LATER_US 1000000

static struct {
	const struct trigger_kind *kind; /* NULL: there is none */
	struct child *children[LIMIT_PROCESSES];
	unsigned processes;
	atomic_bool *stop;	 /* shared */
	atomic_int *start_errno; /* shared */
	int gate[2];
	int64_t oom_before, oom_seen;
	struct costs before;
	uint64_t notified_us, later_us;
	unsigned notified;
} trigger;

static int run_body(void *job)
{
	return trigger.kind->body(job);
}

static int start_process(const struct recipe *recipe, unsigned process)
{
	struct trigger_job job = { recipe,	 process, trigger.gate[0], trigger.stop, requests_log(process),
				   trigger.start_errno };

	trigger.children[process] = child_start(ROLE_TRIGGER, (int)process, recipe->adj, run_body, &job);
	if (!trigger.children[process])
		return errno;
	trigger.processes++;
	return 0;
}

int trigger_prepare(const struct recipe *recipe)
{
	const struct trigger_kind *kind = trigger.kind = recipe->trigger;
	int error;

	if (!kind)
		return 0;
	trigger.stop = requests_shared(sizeof(*trigger.stop));
	trigger.start_errno = requests_shared(sizeof(*trigger.start_errno));
	if (!trigger.stop || !trigger.start_errno || pipe(trigger.gate) < 0)
		return errno;
	error = kind->prepare ? kind->prepare() : 0;
	if (!error && kind->request)
		error = requests_prepare(recipe);
	/* Of a process that starts others, its own waits are not the trigger's. */
	if (!kind->has_offspring)
		waits_prepare();
	for (unsigned i = 0; !error && i < (kind->request ? recipe->processes : 1); i++)
		error = start_process(recipe, i);
	waits_forked();
	return error;
}

static bool busy(unsigned process)
{
	struct request_log *log = requests_log(process);

	return trigger.children[process]->alive && !(log && atomic_load(&log->parked));
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

static void report_progress(void)
{
	struct request_sums sums = requests_sums();
	uint64_t now_us = clock_us();

	if (sums.attempted == trigger.notified || now_us - trigger.notified_us < PROGRESS_US)
		return;
	trigger.notified_us = now_us;
	trigger.notified = sums.attempted;
	emit_begin("trigger-progress");
	emit_number("succeeded", sums.succeeded);
	emit_number("failed", sums.failed);
	emit_end();
}

/* Emits their number when it has changed; how many there were since the trigger's start. */
static int64_t report_oom_kills(void)
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
		report_progress();
		look_again();
		if (!recipe->trace)
			costs_timeline_look();
		if (report_oom_kills() && recipe->stop_at_first_oom)
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
		if (atomic_load(trigger.start_errno))
			emit_number("start_errno", atomic_load(trigger.start_errno));
		emit_end();
	}
}

/* What its processes need of others. False, and said: there is nothing that it could be started with. */
static bool begin(void)
{
	int error = trigger.kind->begin ? trigger.kind->begin() : 0;

	if (error)
		emit_error("trigger", error, strerror(error));
	return !error;
}

static void start(const struct recipe *recipe)
{
	int64_t pids[LIMIT_PROCESSES];
	size_t count = (size_t)child_pids(ROLE_TRIGGER, pids, LIMIT_PROCESSES);
	int64_t last = trigger.kind->has_offspring ? INT32_MAX : pids[count - 1];

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
	emit_text("kind", trigger.kind->name);
	emit_numbers("pids", pids, count);
	emit_number("count", trigger.kind->request ? recipe->request_count : 1);
	emit_end();
	if (!recipe->trace)
		waits_begin(pids, count);
	costs_read(&trigger.before);
	waits_tell(&trigger.before);
	costs_timeline_begin(&trigger.before);
	trigger.later_us = recipe->picture.wanted ? clock_us() + LATER_US : UINT64_MAX;
	for (size_t i = 0; i < count; i++)
		if (write(trigger.gate[1], "", 1) != 1)
			emit_error("trigger", errno, "gate");
}

static void report_end(const char *reason)
{
	struct request_sums sums = requests_sums();
	long long oom_kills = report_oom_kills();

	if (trigger.kind->request)
		emit_mark("trigger-end %s: %u of %u requests (%s) succeeded, %u failed, %lld OOM kills",
			  reason, sums.succeeded, sums.attempted, trigger.kind->request, sums.failed,
			  oom_kills);
	else
		emit_mark("trigger-end %s: %lld OOM kills", reason, oom_kills);
	emit_begin("trigger-end");
	emit_text("reason", reason);
	emit_number("attempted", sums.attempted);
	emit_number("succeeded", sums.succeeded);
	emit_number("failed", sums.failed);
	emit_number("in_flight", sums.in_flight);
	emit_number("oom_kill", oom_kills);
	emit_end();
}

void trigger_run(const struct recipe *recipe)
{
	const char *reason;
	struct costs after;

	if (!begin())
		return;
	start(recipe);
	reason = watch(recipe);
	costs_read(&after);
	waits_tell(&after);
	waits_end();
	stop();
	/* A trigger that ended sooner still holds what it has: nothing moves until then. */
	while (trigger.later_us != UINT64_MAX) {
		clock_sleep_us(POLL_US);
		look_again();
	}
	/* Stopped in any case, but it is the trigger itself that the kernel killed. */
	if (!strcmp(reason, "first-oom") && count_killed() == trigger.processes)
		reason = "killed";
	output_finish();
	report_ends();
	report_end(reason);
	/* Traced, they are disturbed. */
	if (!recipe->trace) {
		costs_tell("trigger", NULL, &trigger.before, &after);
		costs_timeline_tell("trigger", &after);
	}
}

void trigger_report(const struct recipe *recipe)
{
	requests_report();
	if (trigger.kind->measure)
		trigger.kind->measure(recipe);
	if (recipe->trace)
		audit_report(trigger.kind->request ? (int64_t)requests_sums().attempted : -1);
	sample_vmallocinfo();
}

void trigger_release(void)
{
	for (unsigned i = 0; i < trigger.processes; i++)
		child_dismiss(trigger.children[i]);
	/* Who is context manager is settled before a benchmark wants to be. */
	child_dismiss_all(ROLE_SERVER, STOP_US);
	child_reap();
}
