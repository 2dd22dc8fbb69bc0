// SPDX-License-Identifier: Apache-2.0
/*
 * The guest agent: PID 1 of the guests that oomlab boots. It reads its recipe from the
 * kernel command line, works through it without hearing from the host again, and tells
 * what happens on a serial line of its own. See PROTOCOL.md.
 */
#include <errno.h>
#include <string.h>

#include "agent/emit.h"
#include "agent/file.h"
#include "agent/guest.h"
#include "agent/probe.h"
#include "agent/recipe.h"
#include "agent/trial.h"

static char cmdline[RECIPE_TEXT];
static struct recipe recipe;

int main(void)
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
