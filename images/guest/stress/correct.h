// SPDX-License-Identifier: Apache-2.0
/* Corrections: what brings memory that has been filled to the target, one at a time. */
#ifndef OOMLAB_STRESS_CORRECT_H
#define OOMLAB_STRESS_CORRECT_H

#include <stdbool.h>

#include "agent/recipe.h"

/* What one request to a holder takes or gives at most, so that progress is seen. */
#define CHUNK_KB (32 * 1024)

/* The one correction that is needed most; false when it changed nothing. */
bool correct(const struct recipe *recipe);

#endif
