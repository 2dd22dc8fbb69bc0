// SPDX-License-Identifier: Apache-2.0
/* Kernel modules of the initramfs, and the binder driver however it comes. */
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

/*
 * On a device of others, while memory is plenty: finds the binder device, unless the recipe needs none. False,
 * and told: another driver than the one that the recipe wants is behind it.
 */
bool module_take_binder(const struct recipe *recipe);

/* The `module` record of such a device, on which nothing is loaded. */
void module_tell_binder(const char *variant);

/* Opens the binder device once: it may be there and have no driver behind it. False: told. */
bool module_check_binder(void);

#endif
