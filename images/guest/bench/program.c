// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "bench/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/child.h"
#include "agent/clock.h"
#include "agent/cost.h"
#include "agent/emit.h"
#include "agent/memory.h"
#include "bench/benchmarks.h"

#define NEVER_KILLED (-1000)
/* So many pages a pipe keeps for its next writer once they are read (struct pipe_inode_info). */
#define PIPE_PAGES 2
#define POLL_US 5000u
/* How long what the OOM killer chose may take to die of it, and a group that is killed. */
#define DEATH_US 2000000u
/* What is kept of each stream; of what is beyond that it is counted how much. */
#define KEPT_BYTES (256 * 1024)
#define RECORD_BYTES 4096
/* Beside the agent's workers. */
#define FIRST_INDEX 100

enum { OUT, ERR, STREAMS };

static const char *const stream_names[] = { "stdout", "stderr" };

struct program_process {
	struct child *child;
	int gate[2];
	int pipe[STREAMS][2];
};

static struct {
	struct program_process of[LIMIT_PROGRAMS];
	char *kept[STREAMS];
	size_t seen[STREAMS];
	atomic_int *start_errno; /* shared */
} programs;

static char chunk[RECORD_BYTES];

struct start {
	struct program_process *process;
	const struct program *program;
	int adj;
};

static int body(void *argument)
{
	const struct start *start = argument;
	char byte;

	/* A group of its own, so that all it starts can be ended with it. */
	setpgid(0, 0);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	setenv("PATH", "/bin:/sbin:/usr/bin:/usr/sbin:/system/bin:/vendor/bin", 1);
	dup2(start->process->pipe[OUT][1], STDOUT_FILENO);
	dup2(start->process->pipe[ERR][1], STDERR_FILENO);
	if (read(start->process->gate[0], &byte, 1) != 1)
		return 126;
	child_set_adj(start->adj);
	execl("/bin/busybox", "sh", "-c", start->program->command, (char *)NULL);
	/* Android's, on a device that has no busybox. */
	execlp("sh", "sh", "-c", start->program->command, (char *)NULL);
	atomic_store(programs.start_errno, errno);
	return 127;
}

/* From here on the pipe has its pages, and no writer asks for one. */
static int prepare_pipe(int *pipe)
{
	int size;
	ssize_t got;

	if (pipe2(pipe, O_CLOEXEC) < 0 || fcntl(pipe[0], F_SETFL, O_NONBLOCK) < 0)
		return errno;
	size = fcntl(pipe[1], F_SETPIPE_SZ, (int)(PIPE_PAGES * sysconf(_SC_PAGESIZE)));
	if (size < 0)
		return errno;
	for (int done = 0; done < size; done += (int)sizeof(chunk))
		if (write(pipe[1], chunk, sizeof(chunk)) != sizeof(chunk))
			return errno;
	while ((got = read(pipe[0], chunk, sizeof(chunk))) > 0)
		;
	return got < 0 && errno == EAGAIN ? 0 : EIO;
}

static int prepare_one(const struct recipe *recipe, size_t number)
{
	struct program_process *process = &programs.of[number];
	struct start start = { process, &recipe->programs[number], recipe->adj };
	int error = 0;

	if (pipe2(process->gate, O_CLOEXEC) < 0)
		return errno;
	for (int stream = 0; !error && stream < STREAMS; stream++)
		error = prepare_pipe(process->pipe[stream]);
	if (error)
		return error;
	process->child = child_start(ROLE_BENCHMARK, FIRST_INDEX + (int)number, NEVER_KILLED, body, &start);
	return process->child ? 0 : errno;
}

static void *populated(size_t bytes, int sharing)
{
	return mmap(NULL, bytes, PROT_READ | PROT_WRITE, sharing | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
}

int programs_prepare(const struct recipe *recipe)
{
	int error = 0;

	if (!recipe->program_count)
		return 0;
	programs.start_errno = populated(sizeof(*programs.start_errno), MAP_SHARED);
	if (programs.start_errno == MAP_FAILED)
		return errno;
	for (int stream = 0; stream < STREAMS; stream++) {
		programs.kept[stream] = populated(KEPT_BYTES, MAP_PRIVATE);
		if (programs.kept[stream] == MAP_FAILED)
			return errno;
		madvise(programs.kept[stream], KEPT_BYTES, MADV_DONTFORK);
	}
	for (size_t i = 0; !error && i < recipe->program_count; i++)
		error = prepare_one(recipe, i);
	return error;
}

static void keep(int stream, const char *text, size_t length)
{
	size_t at = programs.seen[stream];
	size_t room = at < KEPT_BYTES ? KEPT_BYTES - at : 0;

	memcpy(programs.kept[stream] + (room ? at : 0), text, length < room ? length : room);
	programs.seen[stream] += length;
}

/* A pipe's worth at most: whoever writes without end must not hold up the deadline. */
static void take(const struct program_process *process)
{
	for (int stream = 0; stream < STREAMS; stream++) {
		for (int i = 0; i < PIPE_PAGES * 16; i++) {
			ssize_t got = read(process->pipe[stream][0], chunk, sizeof(chunk));

			if (got <= 0)
				break;
			keep(stream, chunk, (size_t)got);
		}
	}
}

static bool is_alive(const struct program_process *process)
{
	child_reap();
	return process->child->alive;
}

/* True when it ended by itself. */
static bool await_end(const struct program_process *process, uint64_t deadline_us)
{
	struct pollfd pipes[STREAMS] = { { .fd = process->pipe[OUT][0], .events = POLLIN },
					 { .fd = process->pipe[ERR][0], .events = POLLIN } };
	const struct timespec pause = { 0, POLL_US * 1000 };

	while (is_alive(process)) {
		if (clock_us() >= deadline_us)
			return false;
		if (ppoll(pipes, STREAMS, &pause, NULL) > 0)
			take(process);
	}
	return true;
}

/* With all that it started and left behind in its group. */
static void end_group(struct program_process *process)
{
	uint64_t end_us = clock_us() + DEATH_US;

	kill(-process->child->pid, SIGKILL);
	child_dismiss(process->child);
	while (is_alive(process) && clock_us() < end_us)
		clock_sleep_us(POLL_US);
	take(process);
}

static uint64_t children_cpu_us(void)
{
	struct rusage usage;

	getrusage(RUSAGE_CHILDREN, &usage);
	return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000u +
	       (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static void send_output(const struct program *program)
{
	for (int stream = 0; stream < STREAMS; stream++) {
		size_t length = programs.seen[stream] < KEPT_BYTES ? programs.seen[stream] : KEPT_BYTES;

		for (size_t at = 0; at < length; at += RECORD_BYTES) {
			emit_begin("program-output");
			emit_text("name", program->name);
			emit_text("stream", stream_names[stream]);
			emit_number("at", (int64_t)at);
			emit_bytes("text", programs.kept[stream] + at,
				   length - at < RECORD_BYTES ? length - at : RECORD_BYTES);
			emit_end();
		}
	}
}

struct run {
	uint64_t real_ns, cpu_us;
	int64_t oom_kills;
	const char *where;
	bool killed;
};

static void tell(const struct program *program, const struct program_process *process, const char *when,
		 const struct run *run)
{
	const struct child *child = process->child;

	send_output(program);
	emit_begin("program");
	emit_text("name", program->name);
	emit_text("when", when);
	emit_number("real_ns", (int64_t)run->real_ns);
	emit_number("cpu_ns", (int64_t)run->cpu_us * 1000);
	if (!*run->where && WIFSIGNALED(child->status))
		emit_number("signal", WTERMSIG(child->status));
	else if (!*run->where)
		emit_number("exit_status", WEXITSTATUS(child->status));
	emit_number("stdout_bytes", (int64_t)programs.seen[OUT]);
	emit_number("stderr_bytes", (int64_t)programs.seen[ERR]);
	emit_flag("killed", run->killed);
	emit_number("oom_kills", run->oom_kills);
	emit_text("where", run->where);
	emit_number("errno", atomic_load(programs.start_errno));
	emit_end();
}

/* Itself, or as its shell tells of what it had started. */
static bool died_of_sigkill(int status)
{
	return WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 128 + SIGKILL;
}

static void run_one(const struct program *program, struct program_process *process, const char *when,
		    uint64_t deadline_us)
{
	struct run run = { .where = benchmarks_kernel_has_crashed() ? "oops" : "" };
	int64_t kills = memory_vmstat("oom_kill");
	struct costs before, after;
	uint64_t start_ns, cpu_us;
	bool ended = false;

	memset(programs.seen, 0, sizeof(programs.seen));
	atomic_store(programs.start_errno, 0);
	child_reap();
	cpu_us = children_cpu_us();
	costs_read(&before);
	start_ns = clock_ns();
	if (!*run.where && write(process->gate[1], "", 1) == 1)
		ended = await_end(process, deadline_us);
	run.real_ns = clock_ns() - start_ns;
	costs_read(&after);
	run.cpu_us = children_cpu_us() - cpu_us;
	run.oom_kills = memory_vmstat("oom_kill") - kills;
	run.killed = ended && run.oom_kills > 0 && died_of_sigkill(process->child->status);
	if (!ended && !*run.where)
		run.where = "deadline";
	end_group(process);
	if (benchmarks_kernel_has_crashed())
		run.where = "oops";
	costs_tell(when, program->name, &before, &after);
	tell(program, process, when, &run);
}

void programs_run(const struct recipe *recipe, enum when when, uint64_t deadline_us)
{
	static const char *const whens[] = { [WHEN_RELAXED] = "relaxed", [WHEN_TARGET] = "target",
					     [WHEN_AFTER] = "after" };

	for (size_t i = 0; i < recipe->program_count; i++)
		if (recipe->programs[i].when & when)
			run_one(&recipe->programs[i], &programs.of[i], whens[when], deadline_us);
}
