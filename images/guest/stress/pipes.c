// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "stress/pipes.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/clock.h"
#include "agent/memory.h"
#include "agent/rng.h"

#define SETS 16
/* Buffers of a pipe nobody resized (PIPE_DEF_BUFFERS). */
#define SLOTS 16

/* A group of pipes filled together; fd 0 marks a closed end (0 is never a pipe here). */
struct group {
	int read_end[SETS];
	int write_end[SETS];
	uint16_t pages[SETS];
};

static struct {
	struct group *groups;
	uint32_t *shuffled; /* group numbers in the order in which they are punched */
	uint32_t limit, count, known;
	uint64_t seed;
	struct rng rng;
	unsigned shift;	    /* which set comes first: free to choose, so seeded */
	unsigned stage;	    /* position in spread[] */
	uint32_t at;	    /* position in shuffled[], within the stage */
	uint32_t join_at[RECIPE_ORDERS]; /* runs given back so far, by order */
	int64_t pages;
} pipes;

/* Every second set first: no two of the first eight are neighbours. */
static const unsigned spread[SETS] = { 0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15 };

void stress_pipes_seed(uint64_t seed)
{
	pipes.seed = seed;
}

static void *table(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

/* Tables and the descriptor table are grown now: later that would take high orders. */
static void prepare(void)
{
	int64_t total_kb = memory_meminfo_kb("MemTotal");
	int64_t group_kb = SETS * SLOTS * memory_page_kb();

	pipes.limit = (uint32_t)(total_kb / group_kb * 5 / 4 + 64);
	pipes.groups = table(pipes.limit * sizeof(*pipes.groups));
	pipes.shuffled = table(pipes.limit * sizeof(*pipes.shuffled));
	if (!pipes.groups || !pipes.shuffled)
		_exit(1);
	pipes.rng.state = pipes.seed;
	pipes.shift = (unsigned)rng_below(&pipes.rng, SETS);
	if (dup2(0, (int)(pipes.limit * 2 * SETS + 64)) >= 0)
		close((int)(pipes.limit * 2 * SETS + 64));
}

static int open_group(struct group *group)
{
	memset(group, 0, sizeof(*group));
	for (int set = 0; set < SETS; set++) {
		int ends[2];

		/* O_DIRECT: packet mode, every write takes a page of its own, however short. */
		if (pipe2(ends, O_DIRECT | O_NONBLOCK | O_CLOEXEC) < 0)
			return errno;
		group->read_end[set] = ends[0];
		group->write_end[set] = ends[1];
	}
	return 0;
}

static int64_t close_pipe(struct group *group, unsigned set)
{
	int64_t pages = group->pages[set];

	if (!group->read_end[set])
		return 0;
	/* Both ends: reading would keep the last page (fs/pipe.c, tmp_page). */
	close(group->write_end[set]);
	close(group->read_end[set]);
	group->read_end[set] = group->write_end[set] = 0;
	group->pages[set] = 0;
	pipes.pages -= pages;
	return pages;
}

static bool may_go_on(const struct holder_request *request, int64_t taken)
{
	return taken * memory_page_kb() < request->amount &&
	       memory_quick_free_kb() > request->floor_kb && clock_us() < request->deadline_us;
}

/* One round takes a page into each pipe of the group. */
static int fill_round(struct group *group, int64_t *taken)
{
	for (int set = 0; set < SETS; set++) {
		if (write(group->write_end[set], "", 1) != 1)
			return errno;
		group->pages[set]++;
		pipes.pages++;
		(*taken)++;
	}
	return 0;
}

static void fill(const struct holder_request *request, struct holder_answer *answer)
{
	int64_t taken = 0;

	while (!answer->error && may_go_on(request, taken)) {
		struct group *group = &pipes.groups[pipes.count];

		if (pipes.count == pipes.limit) {
			answer->error = ENOSPC;
			break;
		}
		pipes.count++;
		answer->error = open_group(group);
		for (int slot = 0; slot < SLOTS && !answer->error; slot++) {
			if (!may_go_on(request, taken))
				break;
			answer->error = fill_round(group, &taken);
		}
	}
	answer->done_kb = taken * memory_page_kb();
	answer->exhausted = taken * memory_page_kb() < request->amount;
}

/* Groups that came since the last time are shuffled among themselves and take their turn. */
static void learn_groups(void)
{
	uint32_t fresh = pipes.count - pipes.known;

	if (!fresh)
		return;
	for (uint32_t i = pipes.known; i < pipes.count; i++)
		pipes.shuffled[i] = i;
	rng_shuffle(&pipes.rng, pipes.shuffled + pipes.known, fresh);
	if (pipes.known && pipes.stage >= SETS) {
		pipes.stage = 0;
		pipes.at = pipes.known;
	}
	pipes.known = pipes.count;
}

static void punch(const struct holder_request *request, struct holder_answer *answer)
{
	int64_t pages = 0;

	learn_groups();
	while (pages * memory_page_kb() < request->amount && pipes.stage < SETS) {
		unsigned set = (spread[pipes.stage] + pipes.shift) % SETS;

		if (pipes.at >= pipes.known) {
			pipes.stage++;
			pipes.at = 0;
			continue;
		}
		pages += close_pipe(&pipes.groups[pipes.shuffled[pipes.at++]], set);
	}
	answer->done_kb = pages * memory_page_kb();
	answer->exhausted = pipes.stage >= SETS;
}

static int64_t close_run(struct group *group, unsigned first, unsigned length)
{
	int64_t pages = 0;

	for (unsigned set = first; set < first + length; set++)
		pages += close_pipe(group, (set + pipes.shift) % SETS);
	return pages;
}

/*
 * A run of 2^(order+1) - 1 free pages holds one aligned block of the order wherever it
 * begins, and none of the next order up. Where such a run is longer than a row of sets,
 * whole groups are given back: blocks of all the higher orders.
 */
static void join(const struct holder_request *request, struct holder_answer *answer)
{
	bool whole = (2u << request->order) > SETS;
	unsigned stride = whole ? SETS : 2u << request->order;
	unsigned runs = SETS / stride;
	int64_t gain = whole ? (SETS * SLOTS) >> request->order : SLOTS;
	uint32_t *at = &pipes.join_at[request->order];
	int64_t blocks = 0, pages = 0;

	learn_groups();
	for (; blocks < request->amount && *at < pipes.known * runs; (*at)++) {
		struct group *group = &pipes.groups[pipes.shuffled[*at / runs]];
		/* One set is kept between two runs. */
		int64_t given = close_run(group, *at % runs * stride, whole ? SETS : stride - 1);

		/* Pipes that were closed before, for some other order, join nothing any more. */
		if (!given)
			continue;
		pages += given;
		blocks += gain ? gain : 1;
	}
	answer->done_kb = pages * memory_page_kb();
	answer->exhausted = *at >= pipes.known * runs;
}

static void execute(const struct holder_request *request, struct holder_answer *answer)
{
	if (request->op == HOLD_FILL)
		fill(request, answer);
	else if (request->op == HOLD_PUNCH)
		punch(request, answer);
	else if (request->op == HOLD_JOIN)
		join(request, answer);
	else
		answer->exhausted = true;
	answer->held_kb = pipes.pages * memory_page_kb();
}

const struct holder_work stress_pipes = { prepare, execute };
