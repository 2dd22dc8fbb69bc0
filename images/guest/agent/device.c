// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "agent/device.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/binder_device.h"
#include "agent/child.h"
#include "agent/device_record.h"
#include "agent/emit.h"
#include "agent/file.h"
#include "agent/guest.h"
#include "agent/namespace.h"
#include "agent/probe.h"
#include "agent/recipe.h"
#include "agent/rights.h"
#include "agent/settings.h"
#include "agent/trial.h"
#include "trigger/audit.h"

/* What a trial tells is a few hundred kilobytes; a full disk is to be noticed at the start. */
#define RECORDS_BYTES (2 * 1024 * 1024)
/* Some 50,000 pipe buffers are given back one by one. */
#define PATIENCE_US 20000000u
#define PATH_BYTES 4096

static char text[RECIPE_TEXT];
static struct recipe recipe;

static int complain(const char *path, const char *what)
{
	fprintf(stderr, "agent: %s: %s\n", path, what);
	return -1;
}

/* Without writing over what is there, also where the file system cannot do that in one go (FUSE). */
static int give_name(const char *draft, const char *path)
{
	if (renameat2(AT_FDCWD, draft, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL)
		return -1;
	if (file_exists(path)) {
		errno = EEXIST;
		return -1;
	}
	return rename(draft, path);
}

/* Nobody sees the file before it is locked: who follows it takes one that is not for finished. */
static int create_locked(const char *path)
{
	char draft[PATH_BYTES];
	int fd;

	snprintf(draft, sizeof(draft), "%s.%d", path, getpid());
	fd = open(draft, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return complain(draft, strerror(errno));
	if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, RECORDS_BYTES) < 0 && errno == ENOSPC)
		complain(draft, "no space for the records");
	else if (flock(fd, LOCK_EX | LOCK_NB) == 0 && give_name(draft, path) == 0)
		return fd;
	else
		complain(path, strerror(errno));
	unlink(draft);
	close(fd);
	return -1;
}

static bool read_recipe(const char *path)
{
	long have = file_read(path, text, sizeof(text));

	if (have < 0)
		complain(path, strerror(errno));
	else if (have + 1 == sizeof(text))
		complain(path, "longer than a recipe may be");
	else
		return true;
	return false;
}

static void on_signal(int number)
{
	binder_device_give_back();
	settings_restore(NULL);
	/* Its children end with it. */
	signal(number, SIG_DFL);
	raise(number);
}

/* Whoever started it may go, and its terminal with it. */
static void detach(void)
{
	int null = open("/dev/null", O_RDWR);

	setsid();
	signal(SIGHUP, SIG_IGN);
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	for (int to = 0; to < 3 && null >= 0; to++)
		dup2(null, to);
	if (null > 2)
		close(null);
	prctl(PR_SET_NAME, "oomlab-agent");
	child_adopt_all();
}

static void tell_unrestored(const char *path, int error)
{
	emit_note("%s could not be put back: %s", path, strerror(error));
}

static void run(void)
{
	guest_hello(&recipe);
	rights_look();
	device_record();
	if (!recipe.problem[0] && recipe.mode != MODE_PROBE && recipe.mode != MODE_TRIAL)
		snprintf(recipe.problem, sizeof(recipe.problem), "recipe: on a device there are trials and probes alone");
	if (recipe.problem[0])
		emit_error("recipe", EINVAL, recipe.problem);
	else if (recipe.mode == MODE_PROBE)
		probe_run();
	else
		trial_run(&recipe);
}

static void clean_up(void)
{
	emit_phase("end");
	if (!child_end_all(PATIENCE_US))
		emit_note("processes of the trial are still there after %u s", PATIENCE_US / 1000000u);
	audit_remove();
	binder_device_give_back();
	settings_restore(tell_unrestored);
}

int device_run(const char *recipe_path, const char *records_path)
{
	int records;

	if (!read_recipe(recipe_path) || (records = create_locked(records_path)) < 0)
		return 1;
	recipe_parse(text, &recipe);
	recipe.on_device = true;
	detach();
	if (emit_prepare() < 0)
		return 1;
	emit_to(records);
	namespace_enter();
	guest_secure();
	run();
	clean_up();
	guest_tell_end();
	/* A process that could not be ended shares the lock. */
	flock(records, LOCK_UN);
	return 0;
}

int device_about(void)
{
	if (emit_prepare() < 0)
		return 1;
	emit_to(STDOUT_FILENO);
	namespace_enter();
	guest_secure();
	rights_look();
	device_record();
	settings_restore(NULL);
	return 0;
}
