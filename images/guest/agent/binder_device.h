// SPDX-License-Identifier: Apache-2.0
/* Where the binder driver, built in or just loaded, shows its device: /dev/binder leads to it. */
#ifndef OOMLAB_AGENT_BINDER_DEVICE_H
#define OOMLAB_AGENT_BINDER_DEVICE_H

/*
 * Has /dev/binder there, if there is a driver. How it came there: "devtmpfs" (the kernel made it),
 * "mknod" (its number is in /proc/misc), "binderfs" (mounted, and the device added where it is not
 * there by itself); NULL with errno: there is no driver, or none that has such a device.
 */
const char *binder_device_make(void);

#endif
