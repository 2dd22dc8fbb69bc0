// SPDX-License-Identifier: Apache-2.0
/* Stage `relaxed`: the pressure is taken away again, in a fork of the very same memory. */
#ifndef OOMLAB_STRESS_RELAX_H
#define OOMLAB_STRESS_RELAX_H

#include "agent/recipe.h"

/*
 * Ends the holders, gives back the ballast, drops the caches and compacts once; emits phase
 * `relax` and the sample `relaxed`. What remains is told by a note.
 */
void relax(const struct recipe *recipe);

#endif
