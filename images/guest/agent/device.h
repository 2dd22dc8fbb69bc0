// SPDX-License-Identifier: Apache-2.0
/* The agent as an ordinary process on a device that is not its own: a phone, or a virtual one. */
#ifndef OOMLAB_AGENT_DEVICE_H
#define OOMLAB_AGENT_DEVICE_H

/*
 * `agent device RECIPE RECORDS`: works through the recipe in one file and writes its records to another, which
 * must not be there yet. As long as it or a process of its is alive, that file is locked (flock). An exit
 * status: 0 when the records were written to their `end`; 1, and said on stderr, when there could be none.
 */
int device_run(const char *recipe_path, const char *records_path);

/* `agent about`: the `device` record on stdout. */
int device_about(void);

#endif
