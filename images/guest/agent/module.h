// SPDX-License-Identifier: Apache-2.0
/* Kernel modules of the initramfs. */
#ifndef OOMLAB_AGENT_MODULE_H
#define OOMLAB_AGENT_MODULE_H

#include <stdbool.h>

#include "agent/recipe.h"

/* Loads one module file; 0, or the errno. EEXIST counts as loaded. */
int module_load(const char *path, const char *parameters);

/* Loads those of /modules/common that the recipe needs, in the listed order; false: told. */
bool module_load_common(const struct recipe *recipe);

/* Loads the variant, unless the kernel has the driver built in, and makes /dev/binder; false: told. */
bool module_load_variant(const char *variant);

/* Opens /dev/binder once: it may be there and have no driver behind it. False: told. */
bool module_check_binder(void);

#endif
