// SPDX-License-Identifier: Apache-2.0
/*
 * The requests of a trigger, counted and timed one by one in memory that is shared with the supervisor
 * and was touched before memory is short: what is known of them survives the process that made them.
 */
#ifndef OOMLAB_TRIGGER_REQUESTS_H
#define OOMLAB_TRIGGER_REQUESTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/recipe.h"

struct trigger_job;

/*
 * Of one process. `attempted` is counted before a request is made and `completed` after, so the
 * difference is what was in flight when the process died.
 */
struct request_log {
	atomic_uint attempted;
	atomic_uint completed;
	atomic_uint succeeded;
	atomic_bool parked; /* made them all, and holds what they gave it */
	unsigned planned;
	int64_t *latency_ns;
	int64_t *error; /* errno of each; 0: it succeeded */
	int64_t *fell_back; /* 1 of each that vmalloc served; NULL: its kind does not know */
};

struct request_sums {
	unsigned attempted, succeeded, failed, in_flight;
};

/* Memory shared with children, with its pages there. NULL with errno. */
void *requests_shared(size_t bytes);

/* A log for each process of the recipe, which share its count. 0, or the errno. */
int requests_prepare(const struct recipe *recipe);

/* Of a process by its number; NULL where requests_prepare was not called. */
struct request_log *requests_log(unsigned process);

/* Over all processes. */
struct request_sums requests_sums(void);

/* Emits latency and errno of each request that was completed. */
void requests_report(void);

/*
 * In the child, of a kind that has its requests in an order or at times of its own: waits at the gate (false: nobody
 * will open it), counts one that is about to be made, and stays, holding what they gave it, until it is killed.
 */
bool requests_wait(const struct trigger_job *job);
void requests_attempted(struct request_log *log);
_Noreturn void requests_hold(struct request_log *log);

/*
 * In the child: all of that, with the requests one after the other. `make` makes one and hands its end to
 * requests_completed.
 */
int requests_make(const struct trigger_job *job,
		  void (*make)(const struct trigger_job *job, unsigned number));

/* Said of a request before its end: vmalloc served it. */
void requests_fell_back(struct request_log *log, unsigned number);

/* One request came to its end; what undoes it comes after. */
void requests_completed(struct request_log *log, unsigned number, uint64_t latency_ns, int error);

#endif
