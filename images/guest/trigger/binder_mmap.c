// SPDX-License-Identifier: Apache-2.0
/*
 * Trigger `binder-mmap`: maps of the binder device, each of which makes its driver allocate a page array.
 * With `transactions`, so many calls go out through each map. Their replies come in through it, and are given
 * back: the driver takes pages of the map into use and lets go of them, which is work on the array.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/binder.h"
#include "agent/clock.h"
#include "agent/recipe_value.h"
#include "bench/echo.h"
#include "trigger/binder_server.h"
#include "trigger/kind.h"

/* Of a call: what is sent matters to nobody. */
#define CALL_BYTES sizeof(uint32_t)

static uint64_t map_bytes = 4u << 20;
static uint64_t transactions;

static bool parse(const char *key, char *value)
{
	if (!strcmp(key, "transactions"))
		return value_number(value, &transactions) && transactions <= LIMIT_MAP_TRANSACTIONS;
	return !strcmp(key, "size") && value_number(value, &map_bytes) && map_bytes <= LIMIT_MAP_BYTES;
}

/* The descriptor table grows in high orders: let it, now, not among the measured maps. */
static void grow_descriptor_table(unsigned count)
{
	int last = (int)count + 64;

	if (dup2(0, last) >= 0)
		close(last);
}

/* Calls through a map, each reply given back with the next call, the last by itself. 0 or the errno. */
static int talk(struct binder_end *end)
{
	struct echo_client client = { .end = end, .mode = ECHO_RAW, .bytes = CALL_BYTES };
	struct bench_failure failure = { 0 };

	for (uint64_t i = 0; i < transactions; i++)
		if (echo_step(&client, &failure) != BENCH_SERVED)
			return failure.error ? abs(failure.error) : EPROTO;
	echo_settle_debt(&client);
	return 0;
}

/*
 * One map takes one open file (EBUSY ever after, even when unmapped). The time is that of the mmap alone;
 * the request has succeeded when what goes through the map has, too.
 */
static void one_map(const struct trigger_job *job, unsigned number)
{
	struct binder_end end;
	int error = binder_open(&end);
	uint64_t start_ns = clock_ns(), end_ns = start_ns;

	if (!error) {
		error = binder_map(&end, map_bytes);
		end_ns = clock_ns();
	}
	if (!error && transactions)
		error = talk(&end);
	requests_completed(job->log, number, end_ns - start_ns, error);
	if (!job->recipe->hold || end.map == MAP_FAILED)
		binder_close(&end);
}

static int body(const struct trigger_job *job)
{
	grow_descriptor_table(job->log->planned);
	return requests_make(job, one_map);
}

static int prepare(void)
{
	int error;

	if (!transactions)
		return 0;
	error = echo_prepare(CALL_BYTES);
	return error ? error : binder_server_prepare();
}

static bool needs_handle_0(void)
{
	return transactions > 0;
}

static int begin(void)
{
	return transactions ? binder_server_begin() : 0;
}

const struct trigger_kind trigger_binder_mmap = {
	.name = "binder-mmap",
	.request = "mmap",
	.needs_binder = true,
	.needs_handle_0 = needs_handle_0,
	.parse = parse,
	.prepare = prepare,
	.begin = begin,
	.body = body,
};
