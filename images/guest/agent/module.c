// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "agent/module.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent/emit.h"
#include "agent/file.h"
#include "agent/binder.h"

#define COMMON "/modules/common"

static const struct {
	const char *file;
	const char *parameters;
	bool for_cache; /* else for zram */
} common[] = {
	{ "configfs.ko", "", true },
	/* queue_mode 0 (bio), irqmode 0: a read completes at once, with no queue to allocate. */
	{ "null_blk.ko", "nr_devices=1 gb=16 bs=4096 memory_backed=0 queue_mode=0 irqmode=0", true },
	{ "zram.ko", "num_devices=1", false },
};

int module_load(const char *path, const char *parameters)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int error = 0;

	if (fd < 0)
		return errno;
	if (syscall(SYS_finit_module, fd, parameters, 0) < 0 && errno != EEXIST)
		error = errno;
	close(fd);
	return error;
}

static bool wants_cache(const struct recipe *recipe)
{
	return recipe_has_stressor(recipe, STRESS_PAGE_CACHE) ||
	       recipe->picture.kb[LINE_ACTIVE_FILE] > 0 || recipe->picture.kb[LINE_INACTIVE_FILE] > 0;
}

static bool load_common_file(const struct recipe *recipe, const char *file)
{
	bool cache = wants_cache(recipe);
	const char *parameters = "";
	bool wanted = recipe->zram_kb > 0; /* zram's own dependencies differ by kernel */
	char path[160];
	int error;

	for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++) {
		if (!strcmp(file, common[i].file)) {
			parameters = common[i].parameters;
			wanted = common[i].for_cache ? cache : wanted;
		}
	}
	if (!wanted)
		return true;
	snprintf(path, sizeof(path), COMMON "/%s", file);
	error = module_load(path, parameters);
	if (error)
		emit_error("module", error, path);
	return error == 0;
}

bool module_load_common(const struct recipe *recipe)
{
	char list[2048];
	char *rest = list;

	if (!recipe->zram_kb && !wants_cache(recipe))
		return true;
	if (file_read(COMMON "/order", list, sizeof(list)) < 0) {
		emit_error("module", errno, COMMON "/order");
		return false;
	}
	for (char *file; (file = strtok_r(rest, " \n", &rest));)
		if (!load_common_file(recipe, file))
			return false;
	return true;
}

/* devtmpfs makes the node itself; where it does not, the number is in /proc/misc. */
static void make_node(void)
{
	char text[2048];
	char *rest = text;

	if (file_exists(BINDER_DEVICE) || file_read("/proc/misc", text, sizeof(text)) < 0)
		return;
	for (char *line; (line = strtok_r(rest, "\n", &rest));) {
		unsigned minor_number;
		char name[64];

		if (sscanf(line, "%u %63s", &minor_number, name) == 2 && !strcmp(name, "binder"))
			mknod(BINDER_DEVICE, S_IFCHR | 0600, makedev(10, minor_number));
	}
}

bool module_load_variant(const char *variant)
{
	char path[256];
	int error;

	snprintf(path, sizeof(path), "/modules/%s/binder_linux.ko", variant);
	error = module_load(path, "devices=binder");
	emit_begin("module");
	emit_text("variant", variant);
	emit_flag("ok", error == 0);
	emit_number("errno", error);
	emit_end();
	if (error)
		emit_error("module", error, path);
	else
		make_node();
	return error == 0;
}

bool module_check_binder(void)
{
	int fd = open(BINDER_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		emit_error("binder-open", errno, BINDER_DEVICE);
	else
		close(fd);
	return fd >= 0;
}
