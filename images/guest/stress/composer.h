// SPDX-License-Identifier: Apache-2.0
/* The holder that makes the lines of a picture; one process, so that it can be told one thing at a time. */
#ifndef OOMLAB_STRESS_COMPOSER_H
#define OOMLAB_STRESS_COMPOSER_H

#include "stress/holder.h"

extern const struct holder_work stress_compose;

/* To be called before the holder is started. */
void stress_compose_plan(const struct picture *picture);

#endif
