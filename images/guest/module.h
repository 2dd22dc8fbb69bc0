// SPDX-License-Identifier: Apache-2.0
/* Kernel modules of the initramfs. */
#ifndef OOMLAB_MODULE_H
#define OOMLAB_MODULE_H

#include "recipe.h"

/* Loads one module file; 0, or the errno. EEXIST counts as loaded. */
int module_load(const char *path, const char *parameters);

/* Loads those of /modules/common that the recipe needs, in the listed order. */
void module_load_common(const struct recipe *recipe);

/* Loads the variant and makes /dev/binder. 0, or the errno, already told as records. */
int module_load_variant(const char *variant);

#endif
