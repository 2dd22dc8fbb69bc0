// SPDX-License-Identifier: Apache-2.0
#include "agent/recipe_settings.h"

#include <string.h>

#include "agent/recipe_value.h"

/* NAME:VALUE; what is written may have colons, a name or a path has none. */
static bool parse(char *item, size_t longest, struct setting *setting)
{
	char *name = value_field(&item, ':');

	*setting = (struct setting){ name, item };
	return item && *name && strlen(name) <= longest && strlen(item) <= LIMIT_SYSCTL_VALUE;
}

bool recipe_parse_sysctls(struct recipe *recipe, char *value)
{
	for (char *item; (item = value_field(&value, ','));)
		if (recipe->sysctl_count == LIMIT_SYSCTLS ||
		    !parse(item, LIMIT_SYSCTL_NAME, &recipe->sysctls[recipe->sysctl_count++]))
			return false;
	return true;
}

static size_t settings_of(const struct recipe *recipe, unsigned variant)
{
	size_t count = 0;

	for (size_t i = 0; i < recipe->setting_count; i++)
		count += recipe->settings[i].variant == variant;
	return count;
}

bool recipe_parse_settings(struct recipe *recipe, char *value)
{
	for (char *item; (item = value_field(&value, ','));) {
		struct variant_setting *own = &recipe->settings[recipe->setting_count];

		if (recipe->setting_count == LIMIT_SETTINGS ||
		    !value_unsigned(value_field(&item, ':'), LIMIT_VARIANTS - 1, &own->variant) || !item ||
		    !parse(item, *item == '/' ? LIMIT_SETTING_PATH : LIMIT_SYSCTL_NAME, &own->setting) ||
		    settings_of(recipe, own->variant) == LIMIT_VARIANT_SETTINGS)
			return false;
		recipe->setting_count++;
	}
	return true;
}

bool recipe_parse_zrams(struct recipe *recipe, char *value)
{
	for (char *item; (item = value_field(&value, ','));) {
		unsigned variant;

		if (!value_unsigned(value_field(&item, ':'), LIMIT_VARIANTS - 1, &variant) ||
		    !value_number(item, &recipe->variant_zram_kb[variant]))
			return false;
	}
	return true;
}
