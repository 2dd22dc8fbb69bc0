// SPDX-License-Identifier: Apache-2.0
/* Bystanders: processes with touched memory, standing for the apps that die on a phone. */
#ifndef OOMLAB_TRIGGER_BYSTANDERS_H
#define OOMLAB_TRIGGER_BYSTANDERS_H

#include "agent/recipe.h"

/* Forks them and waits until all have touched their memory. 0, or the errno. */
int bystanders_start(const struct recipe *recipe);

#endif
