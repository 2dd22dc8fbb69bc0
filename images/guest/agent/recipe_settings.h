// SPDX-License-Identifier: Apache-2.0
/* The values of `sysctl`, `settings` and `zrams` in a recipe. */
#ifndef OOMLAB_AGENT_RECIPE_SETTINGS_H
#define OOMLAB_AGENT_RECIPE_SETTINGS_H

#include <stdbool.h>

#include "agent/recipe.h"

bool recipe_parse_sysctls(struct recipe *recipe, char *value);
bool recipe_parse_settings(struct recipe *recipe, char *value);
bool recipe_parse_zrams(struct recipe *recipe, char *value);

#endif
