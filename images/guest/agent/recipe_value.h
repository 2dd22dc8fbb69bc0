// SPDX-License-Identifier: Apache-2.0
/* The values in recipe tokens: numbers, choices, fields, percent encoding. */
#ifndef OOMLAB_AGENT_RECIPE_VALUE_H
#define OOMLAB_AGENT_RECIPE_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/recipe.h"

/* Percent-decodes in place. */
void value_decode(char *text);

/*
 * Takes the next field before `separator`, in the manner of strsep: *rest becomes NULL
 * after the last one; NULL when *rest already is.
 */
char *value_field(char **rest, char separator);

/* False when the text is NULL, empty, or not entirely a number in range. */
bool value_number(const char *text, uint64_t *number);
bool value_unsigned(const char *text, unsigned limit, unsigned *number);
bool value_adj(const char *text, int *adj);

/* MIN:MAX, either may be empty. */
bool value_bounds(char *text, struct bounds *bounds);

/* Index of the text in a NULL-terminated list. */
bool value_choice(const char *text, const char *const *names, int *choice);

#endif
