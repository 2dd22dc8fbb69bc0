// SPDX-License-Identifier: Apache-2.0
#include "trigger/command.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "trigger/output.h"

int trigger_command_body(void *argument)
{
	const struct command_job *job = argument;
	char byte;

	/* A group of its own, so that all it starts can be ended with it. */
	setpgid(0, 0);
	/* As a login shell has it: else a pipeline never ends whose reader has gone. */
	signal(SIGPIPE, SIG_DFL);
	setenv("PATH", "/bin:/sbin:/usr/bin:/usr/sbin", 1);
	output_attach();
	if (read(job->gate, &byte, 1) != 1)
		return 126;
	execl("/bin/busybox", "sh", "-c", job->command, (char *)NULL);
	atomic_store(job->start_errno, errno);
	return 127;
}
