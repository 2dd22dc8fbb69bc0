// SPDX-License-Identifier: Apache-2.0
#include "agent/settings.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "agent/file.h"
#include "limits.h"

/* The recipe's, and those that the agent sets for itself. */
#define SETTINGS (LIMIT_SYSCTLS + LIMIT_VARIANT_SETTINGS + 16)
#define VALUE_BYTES (LIMIT_SYSCTL_VALUE + 1)

static struct written {
	char path[SETTING_PATH_BYTES];
	char before[VALUE_BYTES];
} settings[SETTINGS];
static int count;

void settings_path(const char *name, char path[SETTING_PATH_BYTES])
{
	static const char prefix[] = "/proc/sys/";

	if (*name == '/') {
		snprintf(path, SETTING_PATH_BYTES, "%s", name);
		return;
	}
	snprintf(path, SETTING_PATH_BYTES, "%s%s", prefix, name);
	for (char *at = path + strlen(prefix); *at; at++)
		if (*at == '.')
			*at = '/';
}

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
	struct written *setting = &settings[count];

	if (count == SETTINGS || strlen(path) >= SETTING_PATH_BYTES || is_known(path) ||
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

/* Of "always [madvise] never" the kernel takes back one word alone. */
static char *to_write(char *text)
{
	char *open = strchr(text, '['), *close = open ? strchr(open, ']') : NULL;

	if (!close)
		return text;
	*close = '\0';
	return open + 1;
}

void settings_restore(void (*tell)(const char *path, int error))
{
	while (count > 0) {
		struct written *setting = &settings[--count];

		if (file_write(setting->path, to_write(setting->before)) < 0 && tell)
			tell(setting->path, errno);
	}
}
