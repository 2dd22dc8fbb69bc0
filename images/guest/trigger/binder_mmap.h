// SPDX-License-Identifier: Apache-2.0
/* Trigger `binder-mmap`: one process of it. */
#ifndef OOMLAB_TRIGGER_BINDER_MMAP_H
#define OOMLAB_TRIGGER_BINDER_MMAP_H

#include <stdatomic.h>
#include <stdint.h>

#define BINDER_DEVICE "/dev/binder"

/*
 * In memory shared with the supervisor and touched beforehand: it survives the process.
 * `attempted` is counted before a map is asked for and `completed` after, so the
 * difference is what was in flight when the process died.
 */
struct binder_log {
	atomic_uint attempted;
	atomic_uint completed;
	atomic_uint ok;
	atomic_bool parked;
	unsigned planned;
	int64_t *latency_ns;
	int64_t *error;
};

struct binder_job {
	uint64_t map_bytes;
	uint64_t pause_us;
	_Bool hold;
	int gate;		  /* a byte read from here is the start */
	const atomic_bool *stop; /* looked at between two maps */
	struct binder_log *log;
};

/* Body of the child: runs the job, then stays, holding its maps, until it is killed. */
int trigger_binder_body(void *job);

#endif
