// SPDX-License-Identifier: Apache-2.0
/* The trigger: started, watched, ended; what it did survives its death. */
#ifndef OOMLAB_TRIGGER_TRIGGER_H
#define OOMLAB_TRIGGER_TRIGGER_H

#include <stdbool.h>

#include "agent/recipe.h"

/* Forks the trigger, waiting at a gate; while memory is plenty. 0, or the errno. */
int trigger_prepare(const struct recipe *recipe);

/* Arms the trace, opens the gate, watches to the end, emits trigger-end. */
void trigger_run(const struct recipe *recipe);

/* Emits what was recorded; what its requests gave it is still held. */
void trigger_report(const struct recipe *recipe);

/* Lets the trigger's processes go, and so what they hold. */
void trigger_release(void);

#endif
