// SPDX-License-Identifier: Apache-2.0
#include "agent/settings.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "agent/file.h"
#include "limits.h"

/* The recipe's, and those that the agent sets for itself. */
#define SETTINGS (LIMIT_SYSCTLS + 16)
#define PATH_BYTES 160
#define VALUE_BYTES (LIMIT_SYSCTL_VALUE + 1)

static struct setting {
	char path[PATH_BYTES];
	char before[VALUE_BYTES];
} settings[SETTINGS];
static int count;

static bool is_known(const char *path)
{
	for (int i = 0; i < count; i++)
		if (!strcmp(settings[i].path, path))
			return true;
	return false;
}

/* One that cannot be read (vm.compact_memory) is an order, and no state that could be put back. */
static bool remember(const char *path)
{
	struct setting *setting = &settings[count];

	if (count == SETTINGS || strlen(path) >= PATH_BYTES || is_known(path) ||
	    file_read(path, setting->before, VALUE_BYTES) <= 0)
		return false;
	strcpy(setting->path, path);
	count++;
	return true;
}

int settings_write(const char *path, const char *text)
{
	bool remembered = remember(path);
	int result = file_write(path, text);

	if (result < 0 && remembered)
		count--;
	return result;
}

int settings_write_number(const char *path, long long number)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld\n", number);
	return settings_write(path, text);
}

void settings_restore(void (*tell)(const char *path, int error))
{
	while (count > 0) {
		const struct setting *setting = &settings[--count];

		if (file_write(setting->path, setting->before) < 0 && tell)
			tell(setting->path, errno);
	}
}
