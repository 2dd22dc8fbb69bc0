// SPDX-License-Identifier: Apache-2.0
/* Stressor for kernel stacks: threads that do nothing, not even use a stack of their own. */
#ifndef OOMLAB_STRESS_THREADS_H
#define OOMLAB_STRESS_THREADS_H

#include "stress/holder.h"

void threads_grow(const struct holder_request *request, struct holder_answer *answer);

#endif
