// SPDX-License-Identifier: Apache-2.0
#include "stress/step.h"

#include <string.h>

#include "agent/clock.h"
#include "agent/emit.h"
#include "stress/compose.h"

/* Kept above the floor while filling: an OOM kill before the trigger ruins the trial. */
#define MARGIN_PAGES 96
#define STATE_INTERVAL_US 100000

struct step_state step;

static struct {
	int number;
	uint64_t us;
} told;

const struct memory *step_whole(void)
{
	return &places_memory()->all;
}

void step_look(void)
{
	if (!places_look())
		step.gone = true;
}

void step_tell(const char *action)
{
	const struct memory *memory = step_whole();
	uint64_t now_us = clock_us();

	told.number++;
	if (now_us - told.us < STATE_INTERVAL_US && told.number > 1)
		return;
	told.us = now_us;
	emit_begin("state");
	emit_number("step", told.number);
	emit_text("action", action);
	emit_number("free_kb", memory->free_kb);
	emit_numbers("units", memory->units, (size_t)memory->orders);
	emit_number("held_kb", step.ballast_kb + compose_held_kb() + places_held_kb());
	emit_end();
}

bool step_do(int at, enum place_holder who, struct holder_request request, const char *action)
{
	struct holder_answer answer;

	request.deadline_us = step.deadline_us;
	if (!place_do(at, who, &request, &answer)) {
		step.gone = true;
		return false;
	}
	if (answer.error)
		emit_note("%s: %s", action, strerror(answer.error));
	step_look();
	step_tell(action);
	return answer.done_kb > 0;
}

int64_t step_lowest_kb(int at)
{
	const struct memory *memory = place_memory(at);
	int64_t refill_kb = memory->refill_kb;

	if (step.wanted_kb != UNLIMITED && refill_kb > step.wanted_kb / 2)
		refill_kb = step.wanted_kb / 2;
	return memory->floor_kb + refill_kb + MARGIN_PAGES * memory_page_kb();
}
