// SPDX-License-Identifier: Apache-2.0
#include "stress/composer.h"

#include <errno.h>

#include "stress/page_tables.h"
#include "stress/slab.h"
#include "stress/threads.h"
#include "stress/working_set.h"

static bool files;
static int64_t held_kb;

void stress_compose_plan(const struct picture *picture)
{
	files = picture->kb[LINE_ACTIVE_FILE] > 0 || picture->kb[LINE_INACTIVE_FILE] > 0;
}

static void prepare(void)
{
	slab_prepare();
	page_tables_prepare();
	working_set_prepare(files);
}

static void grow(const struct holder_request *request, struct holder_answer *answer)
{
	switch (request->line) {
	case LINE_SLAB_RECLAIMABLE:
		slab_reclaimable(request, answer);
		break;
	case LINE_SLAB_UNRECLAIMABLE:
		slab_unreclaimable(request, answer);
		break;
	case LINE_PAGETABLES:
		page_tables_grow(request, answer);
		break;
	case LINE_KERNEL_STACK:
		threads_grow(request, answer);
		break;
	case LINE_MAPPED:
		working_set_map(request, answer);
		break;
	case LINE_SHMEM:
		working_set_share(request, answer);
		break;
	default:
		answer->error = EINVAL;
	}
}

static void execute(const struct holder_request *request, struct holder_answer *answer)
{
	if (request->op == HOLD_GROW)
		grow(request, answer);
	else if (request->op == HOLD_MIX)
		working_set_take(request, answer);
	else
		answer->exhausted = true;
	/* Mapped memory is held already. */
	if (request->op != HOLD_GROW || request->line != LINE_MAPPED)
		held_kb += answer->done_kb;
	answer->held_kb = held_kb;
}

const struct holder_work stress_compose = { prepare, execute };
