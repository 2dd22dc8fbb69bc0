// SPDX-License-Identifier: Apache-2.0
#include "park.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "emit.h"
#include "file.h"
#include "fingerprint.h"

/* QEMU's docs/specs/pvpanic.txt: one register; bit 0 reports a panicked guest. */
#define PVPANIC_VENDOR "0x1b36\n"
#define PVPANIC_DEVICE "0x0011\n"
#define PVPANIC_PANICKED 1
#define BAR_BYTES 4096

static volatile uint8_t *pvpanic;

static bool file_is(const char *directory, const char *name, const char *wanted)
{
	char path[256], text[32];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return file_read(path, text, sizeof(text)) > 0 && !strcmp(text, wanted);
}

static bool map_register(const char *directory)
{
	char path[256];
	void *bar;
	int fd;

	snprintf(path, sizeof(path), "%s/enable", directory);
	file_write(path, "1");
	snprintf(path, sizeof(path), "%s/resource0", directory);
	fd = open(path, O_RDWR | O_SYNC | O_CLOEXEC);
	if (fd < 0)
		return false;
	bar = mmap(NULL, BAR_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (bar == MAP_FAILED)
		return false;
	/* Children must not be able to pause the machine. */
	madvise(bar, BAR_BYTES, MADV_DONTFORK);
	pvpanic = bar;
	return true;
}

bool park_prepare(void)
{
	glob_t devices;
	bool found = false;

	if (glob("/sys/bus/pci/devices/*", 0, NULL, &devices) != 0) {
		errno = ENODEV;
		return false;
	}
	errno = ENODEV;
	for (size_t i = 0; i < devices.gl_pathc && !found; i++)
		if (file_is(devices.gl_pathv[i], "vendor", PVPANIC_VENDOR) &&
		    file_is(devices.gl_pathv[i], "device", PVPANIC_DEVICE))
			found = map_register(devices.gl_pathv[i]);
	globfree(&devices);
	return found;
}

static bool choose(struct recipe *recipe, const char *order)
{
	char *end;
	unsigned long index = strtoul(order, &end, 10);

	if (end == order || *end || index >= recipe->variant_count) {
		emit_error("park", EINVAL, "the host's order was not understood");
		return false;
	}
	recipe->variant = recipe->variants[index];
	return true;
}

bool park(struct recipe *recipe)
{
	char order[16] = "";

	emit_begin("parked");
	emit_text("fingerprint", fingerprint_free_memory());
	emit_end();
	emit_drain();
	*pvpanic = PVPANIC_PANICKED; /* the machine stands still here, and forks go on from here */
	emit_read_line(order, sizeof(order));
	if (!choose(recipe, order))
		return false;
	emit_begin("woken");
	emit_text("variant", recipe->variant);
	emit_end();
	return true;
}
