// SPDX-License-Identifier: Apache-2.0
/* Where the binder driver, built in or just loaded, shows its device. */
#ifndef OOMLAB_AGENT_BINDER_DEVICE_H
#define OOMLAB_AGENT_BINDER_DEVICE_H

#include <stdbool.h>

/*
 * Has /dev/binder there, if there is a driver. How it came there: "devtmpfs" (the kernel made it),
 * "mknod" (its number is in /proc/misc), "binderfs" (mounted, and the device added where it is not
 * there by itself); NULL with errno: there is no driver, or none that has such a device.
 */
const char *binder_device_make(void);

/* On a device of others: where it is, /dev/binder or in the binderfs of Android; "" when it is in neither. */
const char *binder_device_there(void);

/*
 * Has the agent speak to that one: "found". Where there is none, or a process of the agent's is to be behind
 * handle 0 (which Android's service manager has on that one), to one of a mount of binderfs of its own:
 * "binderfs". NULL with errno: no driver, or no right to mount and, on the one that is there, no free handle 0.
 */
const char *binder_device_take(bool needs_handle_0);

/* Takes that mount and its directory away again, where there is one. */
void binder_device_give_back(void);

/*
 * Which driver is behind it: what its parameter `impl` says (Android has "c" and "rust" in one kernel), "c" of one
 * that has the parameters of the C driver and not that one, "" when there is no driver, else "unknown".
 */
const char *binder_device_driver(void);

#endif
