// SPDX-License-Identifier: Apache-2.0
/* An interactive shell on the console, in the state that the recipe made. */
#ifndef OOMLAB_AGENT_SHELL_H
#define OOMLAB_AGENT_SHELL_H

#include "agent/recipe.h"

/* Forks it, waiting; while memory is plenty. 0, or the errno. */
int shell_prepare(void);

/* Lets it run until it ends. */
void shell_run(const struct recipe *recipe, bool reached);

#endif
