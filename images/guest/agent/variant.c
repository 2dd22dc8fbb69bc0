// SPDX-License-Identifier: Apache-2.0
#include "agent/variant.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/emit.h"
#include "agent/file.h"
#include "agent/settings.h"
#include "stress/picture.h"

/* Without the newline; one that cannot be read (vm.drop_caches of some kernels) is told as nothing. */
static void look(const char *path, char text[LIMIT_SYSCTL_VALUE + 1])
{
	if (file_read(path, text, LIMIT_SYSCTL_VALUE + 1) <= 0)
		*text = '\0';
	text[strcspn(text, "\n")] = '\0';
}

static void tell_failure(const struct setting *setting, int error)
{
	char message[400];

	snprintf(message, sizeof(message), "%s=%s: %s", setting->name, setting->value,
		 error == ENOENT ? "this kernel has no such setting" : strerror(error));
	emit_error("setting", error, message);
}

static bool set(const struct setting *setting)
{
	char path[SETTING_PATH_BYTES], before[LIMIT_SYSCTL_VALUE + 1], after[LIMIT_SYSCTL_VALUE + 1];
	int error;

	settings_path(setting->name, path);
	look(path, before);
	error = settings_write(path, setting->value) < 0 ? errno : 0;
	look(path, after);
	emit_begin("setting");
	emit_text("name", setting->name);
	emit_text("value", setting->value);
	emit_text("before", before);
	emit_text("after", after);
	emit_number("errno", error);
	emit_end();
	if (error)
		tell_failure(setting, error);
	else
		picture_keep_setting(path);
	return error == 0;
}

bool variant_set_up(const struct recipe *recipe)
{
	for (size_t i = 0; i < recipe->setting_count; i++)
		if (recipe->settings[i].variant == recipe->variant_index && !set(&recipe->settings[i].setting))
			return false;
	return true;
}
