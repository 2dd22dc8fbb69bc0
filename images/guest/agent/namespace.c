// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "agent/namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/swap.h>
#include <sys/vfs.h>
#include <unistd.h>

#define NAMESPACE "/proc/self/ns/mnt"

static int outside = -1, inside = -1;

static void mount_missing(const char *directory, const char *type, long magic)
{
	struct statfs status;

	if (statfs(directory, &status) < 0 || status.f_type != magic)
		mount(type, directory, type, 0, NULL);
}

void namespace_enter(void)
{
	outside = open(NAMESPACE, O_RDONLY | O_CLOEXEC);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return;
	inside = open(NAMESPACE, O_RDONLY | O_CLOEXEC);
	mount_missing("/sys/kernel/tracing", "tracefs", TRACEFS_MAGIC);
	/* Android has it mounted nowhere since its version 12. */
	mount_missing("/sys/kernel/debug", "debugfs", DEBUGFS_MAGIC);
}

int namespace_swap_on(const char *path)
{
	int result, error;

	if (inside >= 0)
		setns(outside, CLONE_NEWNS);
	result = swapon(path, 0);
	error = errno;
	if (inside >= 0)
		setns(inside, CLONE_NEWNS);
	errno = error;
	return result;
}
