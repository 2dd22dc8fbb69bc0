// SPDX-License-Identifier: Apache-2.0
/*
 * Trigger `allocate`: requests for memory as a driver makes them. A kernel module of our own makes them
 * (module/allocate/): it is loaded while memory is plenty, with what is asked for as its parameters, and each
 * read of its device is one request.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/emit.h"
#include "agent/module.h"
#include "agent/recipe_value.h"
#include "trigger/kind.h"

#define MODULE "/modules/common/oomlab_allocate.ko"
#define DEVICE "/dev/oomlab-allocate"

static const char *api = "alloc_pages", *gfp = "GFP_KERNEL";
static unsigned order;
static bool in_reclaim;

/* What a read of the device gives (module/allocate/oomlab_allocate.c). */
struct reply {
	int64_t latency_ns;
	int64_t error;
	int64_t by_vmalloc;
};

static int device = -1; /* of each process its own: what it asked for is held by the open file */

static bool parse(const char *key, char *value)
{
	if (!strcmp(key, "api"))
		api = value;
	else if (!strcmp(key, "gfp"))
		gfp = value;
	else if (!strcmp(key, "in_reclaim"))
		in_reclaim = *value == '1';
	else
		return !strcmp(key, "order") && value_unsigned(value, LIMIT_ORDER, &order);
	return *value != '\0' && strlen(value) <= LIMIT_GFP;
}

static int prepare(void)
{
	char parameters[LIMIT_GFP + 160];
	int error;

	snprintf(parameters, sizeof(parameters), "api=%s order=%u gfp=%s in_reclaim=%d", api, order, gfp, in_reclaim);
	error = module_load(MODULE, parameters);
	if (error)
		emit_note("%s was not loaded: %s, with %s", MODULE, strerror(error), parameters);
	return error;
}

static bool may_fall_back(void)
{
	return !strcmp(api, "kvmalloc");
}

static void one_request(const struct trigger_job *job, unsigned number)
{
	struct reply reply = { 0 };
	ssize_t got = read(device, &reply, sizeof(reply));
	int error = got < 0 ? errno : got != sizeof(reply) ? EPROTO : (int)reply.error;

	if (reply.by_vmalloc)
		requests_fell_back(job->log, number);
	requests_completed(job->log, number, (uint64_t)reply.latency_ns, error);
	/* What was shown is shown: who asks next would be killed for memory that nobody needs any more. */
	if (error && job->recipe->stop_at_first_failure)
		close(device);
}

/* While memory is plenty, with room for what it is to hold. */
static bool open_device(const struct trigger_job *job)
{
	uint64_t room = job->log->planned;

	device = open(DEVICE, O_RDWR | O_CLOEXEC);
	return device >= 0 && (!job->recipe->hold || write(device, &room, sizeof(room)) == sizeof(room));
}

static int body(const struct trigger_job *job)
{
	if (!open_device(job)) {
		atomic_store(job->start_errno, errno);
		return 1;
	}
	return requests_make(job, one_request);
}

const struct trigger_kind trigger_allocate = {
	.name = "allocate",
	.request = "allocation",
	.may_fall_back = may_fall_back,
	.parse = parse,
	.prepare = prepare,
	.body = body,
};
