// SPDX-License-Identifier: Apache-2.0
/* Trigger `command`: any shell command. */
#ifndef OOMLAB_TRIGGER_COMMAND_H
#define OOMLAB_TRIGGER_COMMAND_H

#include <stdatomic.h>

struct command_job {
	const char *command;
	int gate;		 /* a byte read from here is the start */
	atomic_int *start_errno; /* shared: why there is no shell to run it; 0 */
};

/* Body of the child: waits at the gate, then becomes `busybox sh -c COMMAND`. */
int trigger_command_body(void *job);

#endif
