// SPDX-License-Identifier: Apache-2.0
/*
 * The agent's child processes: who they are, whether they live, how they ended.
 *
 * All are forked before memory is put under pressure: a fork in fragmented memory would
 * itself ask for high orders (task structs, x86 page directories).
 */
#ifndef OOMLAB_AGENT_CHILD_H
#define OOMLAB_AGENT_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "limits.h"

/* A trigger, bystanders, and beside them holders, benchmark workers, a server and a shell. */
#define CHILD_LIMIT (LIMIT_PROCESSES + LIMIT_BYSTANDERS + 80)

enum child_role { ROLE_TRIGGER, ROLE_BYSTANDER, ROLE_HOLDER, ROLE_SHELL, ROLE_BENCHMARK, ROLE_SERVER };

struct child {
	pid_t pid;
	enum child_role role;
	int index;
	bool alive;
	/* The supervisor itself asked for its end: such a death makes no victim. */
	bool dismissed;
	bool reported;
	int status; /* as from waitpid, once it is no longer alive */
};

/*
 * Forks a child that runs body(argument) with the given oom_score_adj and then exits with
 * its result. NULL with errno when it cannot be forked.
 */
struct child *child_start(enum child_role role, int index, int adj, int (*body)(void *),
			  void *argument);

/* Collects whoever has ended; never blocks. */
void child_reap(void);

/* Called for each before it is collected, while the kernel still knows all about it; NULL: nobody is. */
void child_before_reaped(void (*ended)(pid_t pid));

/* SIGKILL, marked as ours. */
void child_dismiss(struct child *child);

/* SIGKILL for all of a role, and waits for their ends; how many still live after `patience_us`. */
int child_dismiss_all(enum child_role role, uint64_t patience_us);

/* What its children leave behind becomes children of the supervisor, as it does of PID 1. */
void child_adopt_all(void);

/*
 * SIGKILL for all, and for whatever they started; waits for their ends. False when some are still there after
 * `patience_us`. Nothing is started after that.
 */
bool child_end_all(uint64_t patience_us);

/* Makes all of a role unkillable for the OOM killer. */
void child_protect(enum child_role role);

/* Emits a victim record for each child killed by a signal that was not ours. */
void child_report_victims(void);

/* Pids of all children of a role, for the records. */
int child_pids(enum child_role role, int64_t *pids, int limit);

/* oom_score_adj of the calling process. */
void child_set_adj(int adj);

#endif
