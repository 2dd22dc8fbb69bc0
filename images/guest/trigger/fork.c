// SPDX-License-Identifier: Apache-2.0
/*
 * Trigger `fork`: each child takes a kernel stack, a task structure, page tables and the pages that it
 * writes to. With CONFIG_VMAP_STACK, which every kernel here has, the stack is made of single pages
 * (alloc_thread_stack_node(), kernel/fork.c); the task structure is larger than a page of 4 KiB, so that
 * its slab takes a block of order 1 at least (allocate_slab(), mm/slub.c).
 */
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "agent/clock.h"
#include "trigger/kind.h"

static void one_fork(const struct trigger_job *job, unsigned number)
{
	pid_t parent = getpid();
	uint64_t start_ns = clock_ns();
	pid_t child = fork();

	if (child == 0) {
		/* It ends with its process, and so does what it holds. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (job->recipe->hold && getppid() == parent)
			pause();
		_exit(0);
	}
	requests_completed(job->log, number, clock_ns() - start_ns, child < 0 ? errno : 0);
}

static int body(const struct trigger_job *job)
{
	/* Children that have ended are nobody's to wait for. */
	signal(SIGCHLD, SIG_IGN);
	return requests_make(job, one_fork);
}

const struct trigger_kind trigger_fork = {
	.name = "fork",
	.request = "fork",
	.has_offspring = true,
	.body = body,
};
