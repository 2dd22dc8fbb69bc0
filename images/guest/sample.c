// SPDX-License-Identifier: Apache-2.0
#include "sample.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "emit.h"
#include "file.h"

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
