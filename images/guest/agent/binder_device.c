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
#include "agent/clock.h"
#include "agent/file.h"

/* Where Android mounts it. */
#define FILE_SYSTEM "/dev/binderfs"
#define NAME "binder"
/* What the agent mounts on a device of others. */
#define OWN "/dev/oomlab-binderfs"

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

static bool add_device(const char *directory)
{
	struct binderfs_device device = { .name = NAME };
	char control[64];
	int fd;
	int error = 0;

	snprintf(control, sizeof(control), "%s/binder-control", directory);
	fd = open(control, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (ioctl(fd, BINDER_CTL_ADD, &device) < 0)
		error = errno;
	close(fd);
	errno = error;
	return error == 0;
}

/* With binderfs the driver makes no device but in a mount of it (drivers/android/binder.c, binder_init). */
static bool mount_at(const char *directory, const char *device)
{
	if (mkdir(directory, 0755) < 0 && errno != EEXIST)
		return false;
	/* EBUSY: it is mounted, as the only instance that this superblock's options allow. */
	if (mount("binder", directory, "binder", 0, NULL) < 0 && errno != EBUSY)
		return false;
	/* Those of CONFIG_ANDROID_BINDER_DEVICES are in each mount from its start. */
	return is_device(device) || add_device(directory);
}

static bool make_in_binderfs(void)
{
	return mount_at(FILE_SYSTEM, FILE_SYSTEM "/" NAME) && symlink(FILE_SYSTEM "/" NAME, BINDER_DEVICE) == 0;
}

const char *binder_device_make(void)
{
	if (is_device(BINDER_DEVICE))
		return "devtmpfs";
	if (make_node())
		return "mknod";
	return make_in_binderfs() ? "binderfs" : NULL;
}

const char *binder_device_there(void)
{
	if (is_device(BINDER_DEVICE))
		return BINDER_DEVICE;
	return is_device(FILE_SYSTEM "/" NAME) ? FILE_SYSTEM "/" NAME : "";
}

/* Whether it is there for a process of the agent's: tried, and given up again. */
static bool handle_0_is_free(void)
{
	struct binder_end end;
	bool is_free = binder_open(&end) == 0 && binder_become_manager(&end) == 0;

	binder_close(&end);
	/* The role is given up in a work queue. */
	clock_sleep_us(100000);
	return is_free;
}

const char *binder_device_take(bool needs_handle_0)
{
	const char *there = binder_device_there();
	int error;

	if (*there)
		binder_use_device(there);
	if (*there && !needs_handle_0)
		return "found";
	if (mount_at(OWN, OWN "/" NAME)) {
		binder_use_device(OWN "/" NAME);
		return "binderfs";
	}
	error = errno;
	binder_device_give_back();
	if (*there && handle_0_is_free())
		return "found";
	errno = error;
	return NULL;
}

void binder_device_give_back(void)
{
	umount2(OWN, MNT_DETACH);
	rmdir(OWN);
}

static bool has_driver(void)
{
	char text[4096];

	if (*binder_device_there())
		return true;
	return file_read("/proc/filesystems", text, sizeof(text)) > 0 && strstr(text, "\tbinder\n");
}

const char *binder_device_driver(void)
{
	/* Its parameters, by the name of Android's file and by that of mainline's. */
	static const char *const places[] = { "/sys/module/binder/parameters", "/sys/module/binder_linux/parameters" };
	static char impl[16];
	bool is_c = false;

	if (!has_driver())
		return "";
	for (size_t i = 0; i < 2; i++) {
		char path[64];

		snprintf(path, sizeof(path), "%s/impl", places[i]);
		if (file_read(path, impl, sizeof(impl)) > 0) {
			impl[strcspn(impl, "\n")] = '\0';
			return impl;
		}
		/* The C driver has had this one for as long as it has been in mainline; the Rust one has not. */
		snprintf(path, sizeof(path), "%s/debug_mask", places[i]);
		is_c |= file_exists(path);
	}
	if (is_c)
		return "c";
	return file_exists("/sys/module/rust_binder") ? "rust" : "unknown";
}
