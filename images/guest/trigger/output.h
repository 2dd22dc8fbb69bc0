// SPDX-License-Identifier: Apache-2.0
/*
 * What the trigger's command writes (stdout and stderr), on its way to the host.
 *
 * It comes through a pipe whose pages are there before memory is short: writing asks for none. Its
 * beginning is sent as it comes, so that it outlives the guest; of the rest the end is sent at last. Split,
 * stdout and stderr have a pipe each, and all is sent as it comes: whoever writes waits for the line.
 */
#ifndef OOMLAB_TRIGGER_OUTPUT_H
#define OOMLAB_TRIGGER_OUTPUT_H

#include <stdint.h>

/* Before `output_prepare`: stdout and stderr are told apart, and nothing is left out. */
void output_split(void);

/* Makes the pipe, while memory is plenty. 0, or the errno. */
int output_prepare(void);

/* In the child: its stdout and stderr go into the pipe. */
void output_attach(void);

/* Waits so long, and takes what comes meanwhile; only waits where nothing was prepared. */
void output_wait(uint64_t us);

/* The writer has ended: takes what is left, and sends the end of what was not sent as it came. */
void output_finish(void);

#endif
