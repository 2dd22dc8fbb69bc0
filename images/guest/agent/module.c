// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "agent/module.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/binder.h"
#include "agent/binder_device.h"
#include "agent/emit.h"
#include "agent/file.h"
#include "agent/rights.h"
#include "stress/page_cache.h"

#define COMMON "/modules/common"

static bool has_driver = true;
/* How the device of a device of others was had (binder_device_take). */
static const char *taken;

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
	bool wanted = recipe_wants_zram(recipe); /* zram's own dependencies differ by kernel */
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

/* Nothing is loaded on a device of others: what is not there fails by its name. */
static bool has_null_block_device(const struct recipe *recipe)
{
	if (!wants_cache(recipe) || file_exists(file_block_device(NULL_BLOCK_DEVICE)))
		return true;
	emit_error("module", ENOENT, "page cache comes from " NULL_BLOCK_DEVICE ", and this device has none");
	return false;
}

bool module_load_common(const struct recipe *recipe)
{
	char list[2048];
	char *rest = list;

	if (recipe->on_device)
		return has_null_block_device(recipe);
	if (!recipe_wants_zram(recipe) && !wants_cache(recipe))
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

/* A kernel that has the driver built in has no module of it. */
static bool has_module(const char *variant, char *path, size_t size)
{
	snprintf(path, size, "/modules/%s/binder_linux.ko", variant);
	return file_exists(path);
}

static void tell_module(const char *variant, int error, const char *driver, const char *device)
{
	emit_begin("module");
	emit_text("variant", variant);
	emit_flag("ok", error == 0);
	emit_number("errno", error);
	emit_text("driver", driver);
	if (device)
		emit_text("device", device);
	emit_end();
}

bool module_load_variant(const char *variant)
{
	char path[256];
	bool is_module = has_module(variant, path, sizeof(path));
	int error = is_module ? module_load(path, "devices=binder") : 0;
	const char *device = error ? NULL : binder_device_make();

	has_driver = is_module || device;
	tell_module(variant, error, is_module ? "module" : device ? "built-in" : "none", device);
	if (error)
		emit_error("module", error, path);
	return error == 0;
}

static bool is_wanted(const struct recipe *recipe, const char *driver)
{
	char message[160];

	if (!recipe->binder || !strcmp(driver, recipe->binder))
		return true;
	snprintf(message, sizeof(message), "the binder driver that runs here is `%s`, the trial is about `%s`", driver,
		 recipe->binder);
	emit_error("binder", ENODEV, message);
	return false;
}

/* Where one is there, what is missing is a binderfs for a handle 0 of the agent's own. */
static bool tell_handle_0(int error)
{
	char message[160];

	if (error == EPERM || error == EACCES)
		return rights_refuse(error, "a process behind handle 0 of binder, which another has here,", "mount");
	snprintf(message, sizeof(message), "%s: handle 0 is another's, and there is no binderfs of one's own: %s",
		 binder_device_there(), strerror(error));
	emit_error("binder-open", EBUSY, message);
	return false;
}

bool module_take_binder(const struct recipe *recipe)
{
	const char *driver = binder_device_driver();
	int error;

	if (!recipe_needs_binder(recipe))
		return true;
	has_driver = *driver != '\0';
	if (has_driver && !is_wanted(recipe, driver))
		return false;
	taken = binder_device_take(recipe_needs_handle_0(recipe));
	error = errno;
	return taken || !*binder_device_there() || tell_handle_0(error);
}

void module_tell_binder(const char *variant)
{
	/* The directory is there in either case, this file for a module alone (kernel/module/sysfs.c). */
	const char *driver = file_exists("/sys/module/binder_linux/initstate") ? "module" : "built-in";

	tell_module(variant, 0, *binder_device_driver() ? driver : "none", taken);
}

bool module_check_binder(void)
{
	int fd = open(binder_device(), O_RDWR | O_CLOEXEC);

	if (fd < 0)
		emit_error("binder-open", errno,
			   has_driver ? binder_device() : "this kernel has no binder driver, built in or as a module");
	else
		close(fd);
	return fd >= 0;
}
