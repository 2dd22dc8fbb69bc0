// SPDX-License-Identifier: Apache-2.0
#include "agent/variant.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "agent/emit.h"
#include "agent/file.h"
#include "agent/settings.h"
#include "stress/picture.h"
#include "stress/swap.h"

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

static bool tell_zram(const char *what, int error)
{
	char message[160];

	snprintf(message, sizeof(message), "%s: %s", what, strerror(error));
	emit_error("zram", error, message);
	return false;
}

bool variant_prepare(const struct recipe *recipe)
{
	for (size_t i = 0; i < LIMIT_VARIANTS; i++) {
		uint64_t kb = recipe->variant_zram_kb[i];
		int error = kb ? swap_prepare_zram(kb) : 0;

		if (error)
			return tell_zram("a device for a variant's swap", error);
	}
	return true;
}

static void look_at_swap(char text[64])
{
	struct sysinfo now = { 0 };

	sysinfo(&now);
	snprintf(text, 64, "%llu kB of swap", (unsigned long long)now.totalswap * now.mem_unit / 1024);
}

static bool swap_on(uint64_t kb)
{
	char value[32], before[64], after[64];
	int error;

	look_at_swap(before);
	error = swap_on_prepared_zram(kb);
	if (error)
		return tell_zram("swapon of a variant's zram", error);
	look_at_swap(after);
	snprintf(value, sizeof(value), "%llu kB", (unsigned long long)kb);
	emit_begin("setting");
	emit_text("name", "zram");
	emit_text("value", value);
	emit_text("before", before);
	emit_text("after", after);
	emit_number("errno", 0);
	emit_end();
	return true;
}

bool variant_set_up(const struct recipe *recipe)
{
	uint64_t zram_kb = recipe->variant_zram_kb[recipe->variant_index];

	for (size_t i = 0; i < recipe->setting_count; i++)
		if (recipe->settings[i].variant == recipe->variant_index && !set(&recipe->settings[i].setting))
			return false;
	return !zram_kb || swap_on(zram_kb);
}
