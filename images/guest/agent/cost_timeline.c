// SPDX-License-Identifier: Apache-2.0
#include "agent/cost.h"

#include <stdbool.h>

#include "agent/clock.h"
#include "agent/emit.h"

#define MOMENTS 128
#define EVERY_NS 50000000u

static struct {
	/* The last one has its place kept. */
	struct costs moments[MOMENTS + 1];
	size_t count;
	uint64_t every_ns;
} timeline;

void costs_timeline_begin(const struct costs *first)
{
	timeline.moments[0] = *first;
	timeline.count = 1;
	timeline.every_ns = EVERY_NS;
}

/* Every second one stays, and from now on they are twice as far apart: a long phase has as many as a short one. */
static void thin_out(void)
{
	for (size_t i = 1; 2 * i < timeline.count; i++)
		timeline.moments[i] = timeline.moments[2 * i];
	timeline.count = (timeline.count + 1) / 2;
	timeline.every_ns *= 2;
}

void costs_timeline_look(void)
{
	if (!timeline.count || clock_ns() < timeline.moments[timeline.count - 1].at_ns + timeline.every_ns)
		return;
	if (timeline.count == MOMENTS)
		thin_out();
	costs_read(&timeline.moments[timeline.count++]);
}

static bool is_known(size_t figure)
{
	for (size_t i = 0; i < timeline.count; i++)
		if (timeline.moments[i].figures[figure] == COST_UNKNOWN)
			return false;
	return true;
}

void costs_timeline_tell(const char *phase, const struct costs *last)
{
	static int64_t at_ns[MOMENTS + 1], values[MOMENTS + 1][COST_FIGURES];
	const struct costs *first = &timeline.moments[0];
	const char *names[COST_FIGURES];
	size_t known = 0;

	timeline.moments[timeline.count++] = *last;
	for (size_t figure = 0; figure < costs_count(); figure++) {
		if (!is_known(figure))
			continue;
		names[known] = costs_name(figure);
		for (size_t i = 0; i < timeline.count; i++)
			values[i][known] = timeline.moments[i].figures[figure] - first->figures[figure];
		known++;
	}
	for (size_t i = 0; i < timeline.count; i++)
		at_ns[i] = (int64_t)(timeline.moments[i].at_ns - first->at_ns);
	emit_begin("costs-timeline");
	emit_text("phase", phase);
	emit_texts("names", names, known);
	emit_numbers("at_ns", at_ns, timeline.count);
	emit_rows("values", values[0], timeline.count, known, COST_FIGURES);
	emit_end();
	timeline.count = 0;
}
