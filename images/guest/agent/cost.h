// SPDX-License-Identifier: Apache-2.0
/*
 * What a phase costs: work that the kernel did for memory meanwhile, whoever asked for it. Counters of
 * /proc/vmstat, CPU time of kswapd and kcompactd, pressure (PSI). Nothing is traced, and nothing has to be
 * switched on for it.
 */
#ifndef OOMLAB_AGENT_COST_H
#define OOMLAB_AGENT_COST_H

#include <stddef.h>
#include <stdint.h>

/* So many there may be. */
#define COST_FIGURES 24
/* In place of a figure that this kernel does not tell. */
#define COST_UNKNOWN (-1)

/* All figures since boot, at one moment. */
struct costs {
	uint64_t at_ns;
	int64_t figures[COST_FIGURES];
};

/* Finds the threads and opens the files, while memory is plenty: a look then takes no memory. */
void costs_prepare(void);

void costs_read(struct costs *costs);

/* What the trigger's own processes have waited; a look by itself does not know. */
void costs_enter_own(struct costs *costs, int64_t reclaim_ns, int64_t compact_ns);

/*
 * Emits what passed between two looks, as record `costs` of a phase ("relaxed", "target", "trigger", "after").
 * `benchmark`: the one that ran between them, as record `benchmark` names it; NULL: the whole phase.
 */
void costs_tell(const char *phase, const char *benchmark, const struct costs *before,
		const struct costs *after);

/*
 * Moments of a phase, the first of them when it begins, the last when it has ended; in between one is taken whenever
 * costs_timeline_look is called and 50 ms have passed, or more where a phase is long. They are kept until they are
 * told: telling takes time.
 */
void costs_timeline_begin(const struct costs *first);
void costs_timeline_look(void);
void costs_timeline_tell(const char *phase, const struct costs *last);

/* Of all figures, in the order of struct costs. */
size_t costs_count(void);
const char *costs_name(size_t figure);

#endif
