// SPDX-License-Identifier: Apache-2.0
/*
 * Settings of the kernel: files below /proc/sys and /sys that keep what is written to them. On a device that
 * is not the agent's own, they are put back at its end.
 */
#ifndef OOMLAB_AGENT_SETTINGS_H
#define OOMLAB_AGENT_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/recipe.h"

#define SETTING_PATH_BYTES (LIMIT_SETTING_PATH + 1)

/* "vm.min_free_kbytes" to "/proc/sys/vm/min_free_kbytes"; a path is itself. */
void settings_path(const char *name, char path[SETTING_PATH_BYTES]);

/* As file_write and file_write_number; what was there before the first write is remembered. */
int settings_write(const char *path, const char *text);
int settings_write_number(const char *path, long long number);

/*
 * Puts all back, the last one first, and calls `tell` (if there is one) for each that cannot be. Makes no calls
 * but open, read, write, close otherwise, so that a signal handler may call it.
 */
void settings_restore(void (*tell)(const char *path, int error));

#endif
