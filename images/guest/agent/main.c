// SPDX-License-Identifier: Apache-2.0
/*
 * The guest agent: PID 1 of the guests that oomlab boots, or an ordinary process on a device of others. It reads
 * its recipe from the kernel command line, or from a file there, works through it without hearing from the host
 * again, and tells what happens on a serial line of its own, or in a file. See PROTOCOL.md.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/device.h"
#include "agent/emit.h"
#include "agent/file.h"
#include "agent/follow.h"
#include "agent/guest.h"
#include "agent/probe.h"
#include "agent/recipe.h"
#include "agent/trial.h"

#define WRONG_USE 64 /* sysexits.h: EX_USAGE */

static char cmdline[RECIPE_TEXT];
static struct recipe recipe;

static void run_guest(void)
{
	guest_prepare();
	if (file_read("/proc/cmdline", cmdline, sizeof(cmdline)) < 0)
		strcpy(cmdline, "");
	recipe_parse(cmdline, &recipe);
	if (emit_open(recipe.control) < 0) {
		emit_mark("error control: /dev/%s: %s", recipe.control, strerror(errno));
		guest_power_off();
	}
	guest_hello(&recipe);
	if (recipe.problem[0])
		emit_error("recipe", EINVAL, recipe.problem);
	else if (recipe.mode == MODE_PROBE)
		probe_run();
	else
		trial_run(&recipe);
	guest_power_off();
}

static int run_process(int count, char **words)
{
	if (count == 4 && !strcmp(words[1], "device"))
		return device_run(words[2], words[3]);
	if (count == 4 && !strcmp(words[1], "follow"))
		return follow_run(words[2], words[3]);
	if (count == 2 && !strcmp(words[1], "about"))
		return device_about();
	fprintf(stderr, "usage: agent device RECIPE RECORDS | agent follow RECORDS OFFSET | agent about\n");
	return WRONG_USE;
}

int main(int count, char **words)
{
	/* The kernel gives PID 1 words of its command line that mean nothing to it. */
	if (getpid() == 1)
		run_guest();
	return run_process(count, words);
}
