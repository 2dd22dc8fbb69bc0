// SPDX-License-Identifier: Apache-2.0
#include "agent/park.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/emit.h"
#include "agent/file.h"
#include "agent/fingerprint.h"

/*
 * Intel 6300ESB watchdog: datasheet 300641, chapter 16 (QEMU: hw/watchdog/wdt_i6300esb.c).
 * Two stages count down one after the other; at the end of the second the machine acts.
 */
#define WATCHDOG_VENDOR "0x8086\n"
#define WATCHDOG_DEVICE "0x25ab\n"
#define BAR_BYTES 4096
#define CONFIG_REGISTER 0x60 /* PCI configuration space, 16 bits */
#define LOCK_REGISTER 0x68   /* PCI configuration space, 8 bits */
#define PRELOAD_1 0x00	     /* memory, 32 bits each */
#define PRELOAD_2 0x04
#define RELOAD 0x0c /* memory, 16 bits */
#define NO_INTERRUPT 0x03
#define FINE_TICKS 0x04 /* about a microsecond each */
#define ENABLE 0x02
#define UNLOCK_1 0x80 /* both, before each write to a preload register */
#define UNLOCK_2 0x86
/* Long enough to be idle before it ends, and no more: every block waits for it. */
#define STAGE_TICKS 10000

static struct {
	volatile uint8_t *registers;
	int config;
} watchdog = { .config = -1 };

static bool file_is(const char *directory, const char *name, const char *wanted)
{
	char path[256], text[32];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return file_read(path, text, sizeof(text)) > 0 && !strcmp(text, wanted);
}

static bool map_registers(const char *directory)
{
	char path[256];
	void *bar;
	int fd;

	snprintf(path, sizeof(path), "%s/enable", directory);
	file_write(path, "1");
	snprintf(path, sizeof(path), "%s/config", directory);
	watchdog.config = open(path, O_RDWR | O_CLOEXEC);
	snprintf(path, sizeof(path), "%s/resource0", directory);
	fd = open(path, O_RDWR | O_SYNC | O_CLOEXEC);
	if (fd < 0 || watchdog.config < 0)
		return false;
	bar = mmap(NULL, BAR_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (bar == MAP_FAILED)
		return false;
	/* Children must not be able to pause the machine. */
	madvise(bar, BAR_BYTES, MADV_DONTFORK);
	watchdog.registers = bar;
	return true;
}

bool park_prepare(void)
{
	glob_t devices;
	bool found = false;

	errno = ENODEV;
	if (glob("/sys/bus/pci/devices/*", 0, NULL, &devices) != 0)
		return false;
	for (size_t i = 0; i < devices.gl_pathc && !found; i++)
		if (file_is(devices.gl_pathv[i], "vendor", WATCHDOG_VENDOR) &&
		    file_is(devices.gl_pathv[i], "device", WATCHDOG_DEVICE))
			found = map_registers(devices.gl_pathv[i]);
	globfree(&devices);
	return found;
}

static void preload(size_t offset)
{
	volatile uint16_t *unlock = (volatile uint16_t *)(watchdog.registers + RELOAD);

	*unlock = UNLOCK_1;
	*unlock = UNLOCK_2;
	*(volatile uint32_t *)(watchdog.registers + offset) = STAGE_TICKS;
}

/* From here about 20 ms of guest time pass until the machine stands still. */
static bool start_countdown(void)
{
	uint16_t mode = NO_INTERRUPT | FINE_TICKS;
	uint8_t go = ENABLE;

	preload(PRELOAD_1);
	preload(PRELOAD_2);
	return pwrite(watchdog.config, &mode, sizeof(mode), CONFIG_REGISTER) == sizeof(mode) &&
	       pwrite(watchdog.config, &go, sizeof(go), LOCK_REGISTER) == sizeof(go);
}

/* "T000001": what the fork is for, traced if the letter is small, and the place of its module. */
static bool choose(struct recipe *recipe, const char *command)
{
	static const char letters[] = { [STAGE_TRIGGER] = 'T', [STAGE_RELAXED] = 'R',
					[STAGE_TARGET] = 'P', '\0' };
	const char *letter = *command ? strchr(letters, toupper((unsigned char)*command)) : NULL;
	char *end = NULL;
	unsigned long index = letter ? strtoul(command + 1, &end, 10) : 0;

	if (!letter || end == command + 1 || *end || index >= recipe->variant_count) {
		emit_error("park", EINVAL, "the fork command was not understood");
		return false;
	}
	recipe->stage = (enum stage)(letter - letters);
	recipe->trace = islower((unsigned char)*command);
	recipe->variant = recipe->variants[index];
	recipe->variant_index = (unsigned)index;
	return true;
}

bool park(struct recipe *recipe)
{
	static const char *const stages[] = { "trigger", "relaxed", "target" };
	char command[16] = "";

	emit_begin("parked");
	emit_text("fingerprint", fingerprint_free_memory());
	emit_end();
	emit_drain();
	if (!start_countdown()) {
		emit_error("park", errno, "the watchdog cannot be started");
		return false;
	}
	/* The machine stops while this waits, and forks go on from here. */
	emit_read_line(command, sizeof(command));
	if (!choose(recipe, command))
		return false;
	emit_begin("woken");
	emit_text("variant", recipe->variant);
	emit_text("stage", stages[recipe->stage]);
	emit_flag("traced", recipe->trace);
	emit_end();
	return true;
}
