// SPDX-License-Identifier: Apache-2.0
/* The guest as a whole: brought up at start, switched off at the end. */
#ifndef OOMLAB_AGENT_GUEST_H
#define OOMLAB_AGENT_GUEST_H

#include "agent/recipe.h"

/* Of the agent and its children: a pipe takes two. */
#define GUEST_DESCRIPTORS 1048576

/* Mounts, console, limits, locked memory. What fails here shows up later by name. */
void guest_prepare(void);

/*
 * That part of it which any process can do, as far as it may: limits, an oom_score_adj of -1000, locked memory.
 */
void guest_secure(void);

/* Applies the recipe's sysctls; false when one failed, already told. */
bool guest_sysctls(const struct recipe *recipe);

void guest_hello(const struct recipe *recipe);

/* The `end` record. */
void guest_tell_end(void);

/* Phase end, the `end` record, power off. Does not return. */
void guest_power_off(void) __attribute__((noreturn));

#endif
