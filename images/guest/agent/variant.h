// SPDX-License-Identifier: Apache-2.0
/*
 * What tells the chosen variant apart besides its kernel: settings that are written, and swap that is
 * put into use, when memory is at its target.
 */
#ifndef OOMLAB_AGENT_VARIANT_H
#define OOMLAB_AGENT_VARIANT_H

#include <stdbool.h>

#include "agent/recipe.h"

/* What has to be there before memory is short: a zram device for each size that a variant has. False: told. */
bool variant_prepare(const struct recipe *recipe);

/* Writes them in the recipe's order, each told by a record `setting`. False, and told: one that could not be. */
bool variant_set_up(const struct recipe *recipe);

#endif
