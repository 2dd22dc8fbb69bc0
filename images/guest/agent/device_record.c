// SPDX-License-Identifier: Apache-2.0
#include "agent/device_record.h"

#include <ctype.h>
#include <dirent.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/binder_device.h"
#include "agent/emit.h"
#include "agent/file.h"
#include "agent/rights.h"

#define PROGRAMS 32

/* Where AOSP's build puts what it tests and measures with: a program in a directory of its name. */
static const char *const places[] = {
	"/data/benchmarktest64/*[bB]inder*/*[bB]inder*",
	"/data/benchmarktest/*[bB]inder*/*[bB]inder*",
	"/data/nativetest64/*[bB]inder*/*[bB]inder*",
	"/data/nativetest/*[bB]inder*/*[bB]inder*",
	"/data/local/tmp/*[bB]inder*",
};

static void read_line(const char *path, char *text, size_t size)
{
	if (file_read(path, text, size) < 0)
		text[0] = '\0';
	text[strcspn(text, "\n")] = '\0';
}

/* 0: there is none, or this process may not see it. */
static int pid_named(const char *name)
{
	DIR *processes = opendir("/proc");
	struct dirent *entry;
	int pid = 0;

	while (processes && !pid && (entry = readdir(processes))) {
		char path[300], text[32];

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		read_line(path, text, sizeof(text));
		if (!strcmp(text, name))
			pid = atoi(entry->d_name);
	}
	if (processes)
		closedir(processes);
	return pid;
}

static void tell_benchmarks(void)
{
	const char *paths[PROGRAMS];
	size_t count = 0;
	glob_t found = { 0 };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		glob(places[i], i ? GLOB_APPEND : 0, NULL, &found);
	for (size_t i = 0; i < found.gl_pathc && count < PROGRAMS; i++)
		if (access(found.gl_pathv[i], X_OK) == 0)
			paths[count++] = found.gl_pathv[i];
	emit_texts("benchmarks", paths, count);
	globfree(&found);
}

void device_record(void)
{
	const char *lacks[RIGHTS];
	char boot_id[64], adj[16], swaps[2048];
	size_t count = rights_lacking(lacks);

	read_line("/proc/sys/kernel/random/boot_id", boot_id, sizeof(boot_id));
	read_line("/proc/self/oom_score_adj", adj, sizeof(adj));
	if (file_read("/proc/swaps", swaps, sizeof(swaps)) < 0)
		swaps[0] = '\0';
	emit_begin("device");
	emit_number("uid", getuid());
	emit_text("boot_id", boot_id);
	emit_text("binder_impl", binder_device_driver());
	emit_text("binder_device", binder_device_there());
	emit_number("oom_score_adj", atoi(adj));
	emit_number("lmkd", pid_named("lmkd"));
	emit_text("swaps", swaps);
	emit_texts("lacks", lacks, count);
	tell_benchmarks();
	emit_end();
}
