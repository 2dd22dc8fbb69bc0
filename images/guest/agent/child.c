// SPDX-License-Identifier: Apache-2.0
#include "agent/child.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/clock.h"
#include "agent/emit.h"
#include "agent/file.h"

/* A holder of all memory takes a while to give it back. */
#define POLL_US 5000

static struct child children[CHILD_LIMIT];
static int count;
static void (*before_reaped)(pid_t pid);

/* What the kernel's OOM reports call them: at most 15 characters (TASK_COMM_LEN). */
static const char *const names[] = { "oomlab-trigger", "oomlab-bystand", "oomlab-holder",
				     "oomlab-shell", "oomlab-bench", "oomlab-server" };

void child_set_adj(int adj)
{
	file_write_number("/proc/self/oom_score_adj", adj);
}

struct child *child_start(enum child_role role, int index, int adj, int (*body)(void *),
			  void *argument)
{
	struct child *child = &children[count];
	pid_t pid, parent = getpid();

	if (count == CHILD_LIMIT) {
		errno = EAGAIN;
		return NULL;
	}
	pid = fork();
	if (pid < 0)
		return NULL;
	if (pid == 0) {
		/* On a device of others nobody else would end what the agent leaves when it is killed. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		/* What the supervisor does about these is its own. */
		signal(SIGTERM, SIG_DFL);
		signal(SIGINT, SIG_DFL);
		prctl(PR_SET_NAME, names[role]);
		child_set_adj(adj);
		_exit(body(argument));
	}
	*child = (struct child){ .pid = pid, .role = role, .index = index, .alive = true };
	count++;
	return child;
}

void child_before_reaped(void (*ended)(pid_t pid))
{
	before_reaped = ended;
}

/* The next one to be collected, which may be seen off first; 0 or less: nobody has ended. */
static pid_t next_ended(void)
{
	siginfo_t info = { .si_pid = 0 };

	if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
		return -1;
	if (info.si_pid > 0 && before_reaped)
		before_reaped(info.si_pid);
	return info.si_pid;
}

void child_reap(void)
{
	int status;
	pid_t pid;

	while ((pid = next_ended()) > 0 && waitpid(pid, &status, WNOHANG) > 0) {
		for (int i = 0; i < count; i++) {
			if (children[i].pid == pid && children[i].alive) {
				children[i].alive = false;
				children[i].status = status;
			}
		}
	}
}

void child_dismiss(struct child *child)
{
	if (!child->alive)
		return;
	child->dismissed = true;
	kill(child->pid, SIGKILL);
}

void child_protect(enum child_role role)
{
	char path[64];

	for (int i = 0; i < count; i++) {
		if (children[i].role != role || !children[i].alive)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)children[i].pid);
		file_write_number(path, -1000);
	}
}

static int count_alive(enum child_role role)
{
	int alive = 0;

	child_reap();
	for (int i = 0; i < count; i++)
		alive += children[i].role == role && children[i].alive;
	return alive;
}

int child_dismiss_all(enum child_role role, uint64_t patience_us)
{
	uint64_t end_us = clock_us() + patience_us;

	for (int i = 0; i < count; i++)
		if (children[i].role == role)
			child_dismiss(&children[i]);
	while (count_alive(role) && clock_us() < end_us)
		clock_sleep_us(POLL_US);
	return count_alive(role);
}

/* "PID (NAME) STATE PPID ...", the name of which may have anything in it. */
static pid_t parent_of(const char *pid)
{
	char path[64], text[256];
	const char *end;
	int parent;

	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	if (file_read(path, text, sizeof(text)) <= 0 || !(end = strrchr(text, ')')))
		return 0;
	return sscanf(end + 1, " %*c %d", &parent) == 1 ? parent : 0;
}

static void kill_offspring(void)
{
	DIR *processes = opendir("/proc");
	struct dirent *entry;

	while (processes && (entry = readdir(processes)))
		if (isdigit((unsigned char)entry->d_name[0]) && parent_of(entry->d_name) == getpid())
			kill(atoi(entry->d_name), SIGKILL);
	if (processes)
		closedir(processes);
}

void child_adopt_all(void)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
}

bool child_end_all(uint64_t patience_us)
{
	uint64_t end_us = clock_us() + patience_us;

	for (int i = 0; i < count; i++)
		child_dismiss(&children[i]);
	do {
		kill_offspring();
		clock_sleep_us(POLL_US);
		child_reap();
		errno = 0;
		if (waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD)
			return true;
	} while (clock_us() < end_us);
	return false;
}

void child_report_victims(void)
{
	static const char *const roles[] = { "trigger", "bystander", "holder", "shell", "benchmark", "server" };

	child_reap();
	for (int i = 0; i < count; i++) {
		struct child *child = &children[i];

		if (child->alive || child->dismissed || child->reported ||
		    !WIFSIGNALED(child->status))
			continue;
		child->reported = true;
		emit_begin("victim");
		emit_number("pid", child->pid);
		emit_text("role", roles[child->role]);
		emit_number("index", child->index);
		emit_number("signal", WTERMSIG(child->status));
		emit_end();
	}
}

int child_pids(enum child_role role, int64_t *pids, int limit)
{
	int found = 0;

	for (int i = 0; i < count && found < limit; i++)
		if (children[i].role == role)
			pids[found++] = children[i].pid;
	return found;
}
