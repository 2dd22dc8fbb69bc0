// SPDX-License-Identifier: Apache-2.0
#include "agent/recipe_value.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int hex(char digit)
{
	return isdigit((unsigned char)digit) ? digit - '0' : tolower((unsigned char)digit) - 'a' + 10;
}

void value_decode(char *text)
{
	char *to = text;

	for (const char *from = text; *from; from++) {
		if (*from == '%' && isxdigit((unsigned char)from[1]) &&
		    isxdigit((unsigned char)from[2])) {
			*to++ = (char)(hex(from[1]) * 16 + hex(from[2]));
			from += 2;
		} else {
			*to++ = *from;
		}
	}
	*to = '\0';
}

char *value_field(char **rest, char separator)
{
	char *field = *rest;
	char *end;

	if (!field)
		return NULL;
	end = strchr(field, separator);
	if (end)
		*end++ = '\0';
	*rest = end;
	return field;
}

bool value_number(const char *text, uint64_t *number)
{
	char *end;

	if (!text || !isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*number = strtoull(text, &end, 10);
	return *end == '\0' && errno == 0;
}

bool value_unsigned(const char *text, unsigned limit, unsigned *number)
{
	uint64_t wide;

	if (!value_number(text, &wide) || wide > limit)
		return false;
	*number = (unsigned)wide;
	return true;
}

bool value_adj(const char *text, int *adj)
{
	char *end;
	long wide = text ? strtol(text, &end, 10) : 0;

	if (!text || !*text || *end || wide < -LIMIT_ADJ || wide > LIMIT_ADJ)
		return false;
	*adj = (int)wide;
	return true;
}

static bool bound(const char *text, int64_t *limit)
{
	uint64_t number;

	if (!text || !*text)
		return true;
	if (!value_number(text, &number) || number > INT64_MAX)
		return false;
	*limit = (int64_t)number;
	return true;
}

bool value_bounds(char *text, struct bounds *bounds)
{
	char *min = value_field(&text, ':');

	*bounds = (struct bounds){ UNLIMITED, UNLIMITED };
	return bound(min, &bounds->min) && bound(text, &bounds->max);
}

bool value_choice(const char *text, const char *const *names, int *choice)
{
	for (int i = 0; names[i]; i++) {
		if (!strcmp(text, names[i])) {
			*choice = i;
			return true;
		}
	}
	return false;
}
