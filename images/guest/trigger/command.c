// SPDX-License-Identifier: Apache-2.0
/* Trigger `command`: any shell command. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "trigger/kind.h"
#include "trigger/output.h"

static const char *command = "true";

static bool parse(const char *key, char *value)
{
	if (!strcmp(key, "output") && !strcmp(value, "split")) {
		output_split();
		return true;
	}
	if (strcmp(key, "command") || !*value || strlen(value) > LIMIT_COMMAND)
		return false;
	command = value;
	return true;
}

static int body(const struct trigger_job *job)
{
	char byte;

	/* A group of its own, so that all it starts can be ended with it. */
	setpgid(0, 0);
	/* As a login shell has it: else a pipeline never ends whose reader has gone. */
	signal(SIGPIPE, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	setenv("PATH", "/bin:/sbin:/usr/bin:/usr/sbin:/system/bin:/vendor/bin", 1);
	output_attach();
	if (read(job->gate, &byte, 1) != 1)
		return 126;
	execl("/bin/busybox", "sh", "-c", command, (char *)NULL);
	/* Android's, on a device that has no busybox. */
	execlp("sh", "sh", "-c", command, (char *)NULL);
	atomic_store(job->start_errno, errno);
	return 127;
}

const struct trigger_kind trigger_command = {
	.name = "command",
	.has_offspring = true,
	.parse = parse,
	.prepare = output_prepare,
	.body = body,
};
