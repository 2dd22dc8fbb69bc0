// SPDX-License-Identifier: Apache-2.0
#include "stress/relax.h"

#include <errno.h>
#include <string.h>

#include "agent/child.h"
#include "agent/clock.h"
#include "agent/emit.h"
#include "agent/file.h"
#include "agent/sample.h"
#include "stress/ballast.h"

/* Some 50,000 pipe buffers are given back one by one. */
#define PATIENCE_US 20000000u
/* What the holders' ends left to work queues and RCU callbacks. */
#define SETTLE_US 50000

static void tell_errno(const char *what, int result)
{
	if (result < 0)
		emit_note("relax: %s: %s", what, strerror(errno));
}

void relax(const struct recipe *recipe)
{
	int left;

	emit_phase("relax");
	left = child_dismiss_all(ROLE_HOLDER, PATIENCE_US);
	if (left)
		emit_note("relax: %d holders have not ended", left);
	if ((recipe->picture.wanted || recipe_has_stressor(recipe, STRESS_BALLAST)) &&
	    ballast_reserve(0) != 0)
		emit_note("relax: the ballast remains");
	clock_sleep_us(SETTLE_US);
	tell_errno("drop_caches", file_write("/proc/sys/vm/drop_caches", "3"));
	tell_errno("compact_memory", file_write("/proc/sys/vm/compact_memory", "1"));
	sample_all("relaxed");
}
