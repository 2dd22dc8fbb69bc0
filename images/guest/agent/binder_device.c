// SPDX-License-Identifier: Apache-2.0
#include "agent/binder_device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/android/binderfs.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent/binder.h"
#include "agent/file.h"

/* Where Android mounts it. */
#define FILE_SYSTEM "/dev/binderfs"
#define NAME "binder"

static bool is_device(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && S_ISCHR(status.st_mode);
}

static bool make_node(void)
{
	char text[2048];
	char *rest = text;

	if (file_read("/proc/misc", text, sizeof(text)) < 0)
		return false;
	for (char *line; (line = strtok_r(rest, "\n", &rest));) {
		unsigned minor_number;
		char name[64];

		if (sscanf(line, "%u %63s", &minor_number, name) == 2 && !strcmp(name, NAME))
			return mknod(BINDER_DEVICE, S_IFCHR | 0600, makedev(10, minor_number)) == 0;
	}
	errno = ENODEV;
	return false;
}

static bool add_device(void)
{
	struct binderfs_device device = { .name = NAME };
	int fd = open(FILE_SYSTEM "/binder-control", O_RDONLY | O_CLOEXEC);
	int error = 0;

	if (fd < 0)
		return false;
	if (ioctl(fd, BINDER_CTL_ADD, &device) < 0)
		error = errno;
	close(fd);
	errno = error;
	return error == 0;
}

/* With binderfs the driver makes no device but in a mount of it (drivers/android/binder.c, binder_init). */
static bool make_in_binderfs(void)
{
	mkdir(FILE_SYSTEM, 0755);
	/* EBUSY: it is mounted, as the only instance that this superblock's options allow. */
	if (mount("binder", FILE_SYSTEM, "binder", 0, NULL) < 0 && errno != EBUSY)
		return false;
	/* Those of CONFIG_ANDROID_BINDER_DEVICES are in each mount from its start. */
	if (!is_device(FILE_SYSTEM "/" NAME) && !add_device())
		return false;
	return symlink(FILE_SYSTEM "/" NAME, BINDER_DEVICE) == 0;
}

const char *binder_device_make(void)
{
	if (is_device(BINDER_DEVICE))
		return "devtmpfs";
	if (make_node())
		return "mknod";
	return make_in_binderfs() ? "binderfs" : NULL;
}
