// SPDX-License-Identifier: Apache-2.0
#include "agent/sample.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/emit.h"
#include "agent/file.h"

static char text[192 * 1024];

static void sample(const char *when, const char *name, const char *path)
{
	if (file_read(path, text, sizeof(text)) < 0)
		return; /* debugfs or CONFIG_COMPACTION absent: the host knows by the gap */
	emit_begin("sample");
	emit_text("when", when);
	emit_text("file", name);
	emit_text("text", text);
	emit_end();
}

void sample_all(const char *when)
{
	sample(when, "buddyinfo", "/proc/buddyinfo");
	sample(when, "pagetypeinfo", "/proc/pagetypeinfo");
	sample(when, "zoneinfo", "/proc/zoneinfo");
	sample(when, "vmstat", "/proc/vmstat");
	sample(when, "meminfo", "/proc/meminfo");
	sample(when, "unusable_index", "/sys/kernel/debug/extfrag/unusable_index");
	sample(when, "extfrag_index", "/sys/kernel/debug/extfrag/extfrag_index");
}

void sample_vmstat(const char *when)
{
	sample(when, "vmstat", "/proc/vmstat");
}

static struct {
	const char *name, *path;
	int fd;
	char text[32 * 1024];
} pictured[] = {
	{ .name = "meminfo", .path = "/proc/meminfo" },
	{ .name = "zoneinfo", .path = "/proc/zoneinfo" },
	{ .name = "buddyinfo", .path = "/proc/buddyinfo" },
};

static void look(int i)
{
	size_t have = 0;
	ssize_t got;

	lseek(pictured[i].fd, 0, SEEK_SET);
	while (have + 1 < sizeof(pictured[i].text) &&
	       (got = read(pictured[i].fd, pictured[i].text + have,
			   sizeof(pictured[i].text) - 1 - have)) > 0)
		have += (size_t)got;
	pictured[i].text[have] = '\0';
}

bool sample_picture_open(void)
{
	for (int i = 0; i < 3; i++) {
		pictured[i].fd = open(pictured[i].path, O_RDONLY | O_CLOEXEC);
		if (pictured[i].fd < 0)
			return false;
		look(i);
	}
	return true;
}

void sample_picture(const char *when)
{
	/* All first: telling takes time. */
	for (int i = 0; i < 3; i++)
		look(i);
	for (int i = 0; i < 3; i++) {
		emit_begin("sample");
		emit_text("when", when);
		emit_text("file", pictured[i].name);
		emit_text("text", pictured[i].text);
		emit_end();
	}
}

/* "0x...-0x...   36864 binder_alloc_mmap_handler+0x.. pages=8 vmalloc ...", sizes with guard page. */
void sample_vmallocinfo(void)
{
	FILE *stream = fopen("/proc/vmallocinfo", "re");
	int64_t areas = 0, size_bytes = 0;

	if (!stream) {
		emit_note("vmallocinfo: not readable");
		return;
	}
	while (fgets(text, sizeof(text), stream)) {
		unsigned long long size;
		char caller[64];

		if (sscanf(text, "%*s %llu %63s", &size, caller) != 2)
			continue;
		if (strncmp(caller, "binder", 6))
			continue;
		areas++;
		size_bytes += (int64_t)size;
	}
	fclose(stream);
	emit_begin("vmallocinfo");
	emit_number("areas", areas);
	emit_number("size_bytes", size_bytes);
	emit_end();
}
