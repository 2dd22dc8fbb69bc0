// SPDX-License-Identifier: Apache-2.0
/* A trial: the phases from prepare to end. */
#ifndef OOMLAB_AGENT_TRIAL_H
#define OOMLAB_AGENT_TRIAL_H

#include "agent/recipe.h"

/* Runs a trial, or a shell in the same state. */
void trial_run(struct recipe *recipe);

#endif
