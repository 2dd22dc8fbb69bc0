// SPDX-License-Identifier: Apache-2.0
#include "trigger/audit.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "agent/emit.h"
#include "agent/file.h"
#include "agent/memory.h"

#define ROOT "/sys/kernel/tracing/"
#define SEPARATOR "# event histogram"

/* Smallest kmalloc worth a row, bytes. */
#define LEAST_BYTES "2048"
#define RECLAIM_END "vmscan/mm_vmscan_direct_reclaim_end"
#define RECLAIM_BEGIN "vmscan.mm_vmscan_direct_reclaim_begin"
#define COMPACTION "compaction/mm_compaction_"
#define VMALLOC "kprobes/oomlab_vmalloc_begin"
#define VMALLOC_END "kprobes/oomlab_vmalloc_end"

static const char *const synthetic[] = {
	"oomlab_reclaim int order; u64 gfp_flags; u64 ns; u64 pages",
	"oomlab_compact int order; u64 gfp_flags; int status; u64 ns",
	"oomlab_vmalloc u64 size; u32 gfp_flags",
};

/*
 * What every vmalloc() and kvmalloc() that falls back goes through (mm/vmalloc.c), by its names of 6.1
 * and of 6.12; neither kernel traces all that is needed by itself. One return is awaited for each
 * process of a trigger, and for as many others.
 */
static const char *const vmalloc_functions[] = { "__vmalloc_node_range", "__vmalloc_node_range_noprof" };
#define PROBE_BEGIN "p:oomlab_vmalloc_begin %s size=$arg1:u64 gfp_flags=$arg5:u32"
#define PROBE_END "r128:oomlab_vmalloc_end %s address=$retval:u64"

/*
 * In the order in which they are armed; a variable must be there before it is referred to. Two
 * triggers on one event must differ in keys or filter. Three keys is the most there can be
 * (TRACING_MAP_KEYS_MAX). A failed kmalloc has a NULL ptr, a failed page allocation pfn -1
 * (include/trace/events/kmem.h). Times are in ns, the unit of the trace clock "local".
 */
static const struct table {
	const char *name; /* NULL: only sets variables for others */
	const char *event;
	const char *program;
	const char *filter; /* besides that of processes */
} tables[] = {
	{ "kmalloc", "kmem/kmalloc", "keys=call_site.sym,gfp_flags,bytes_req",
	  "bytes_req>=" LEAST_BYTES "&&ptr!=0" },
	{ "kmalloc_failed", "kmem/kmalloc", "keys=call_site.sym,gfp_flags,bytes_req",
	  "bytes_req>=" LEAST_BYTES "&&ptr==0" },
	{ "page_alloc", "kmem/mm_page_alloc", "keys=order,gfp_flags",
	  "order>=1&&pfn!=0xffffffffffffffff" },
	{ "page_alloc_failed", "kmem/mm_page_alloc", "keys=order,gfp_flags",
	  "order>=1&&pfn==0xffffffffffffffff" },
	{ NULL, "vmscan/mm_vmscan_direct_reclaim_begin",
	  "keys=common_pid:r_order=order,r_gfp=gfp_flags,r_since=common_timestamp", NULL },
	{ NULL, RECLAIM_END,
	  "keys=common_pid:r_ns=common_timestamp-$r_since,r_pages=nr_reclaimed"
	  ":onmatch(" RECLAIM_BEGIN ").oomlab_reclaim($r_order,$r_gfp,$r_ns,$r_pages)", NULL },
	{ "reclaim", "synthetic/oomlab_reclaim", "keys=order,gfp_flags:vals=ns,pages", NULL },
	{ NULL, COMPACTION "try_to_compact_pages",
	  "keys=common_pid:c_order=order,c_gfp=gfp_mask", NULL },
	{ NULL, COMPACTION "begin", "keys=common_pid:c_since=common_timestamp", NULL },
	{ NULL, COMPACTION "end",
	  "keys=common_pid:c_ns=common_timestamp-$c_since,c_o=$c_order,c_g=$c_gfp,c_status=status"
	  ":onmatch(compaction.mm_compaction_begin).oomlab_compact($c_o,$c_g,$c_status,$c_ns)", NULL },
	{ "compact", "synthetic/oomlab_compact", "keys=order,gfp_flags,status:vals=ns", NULL },
	{ "compact_deferred", COMPACTION "deferred", "keys=order", NULL },
	{ "kswapd_wakeups", "vmscan/mm_vmscan_wakeup_kswapd", "keys=order,gfp_flags", NULL },
	{ "oom_victims", "oom/mark_victim", "keys=pid", NULL },
	{ NULL, VMALLOC, "keys=common_pid:v_size=size,v_gfp=gfp_flags", NULL },
	{ NULL, VMALLOC_END,
	  "keys=common_pid:onmatch(kprobes.oomlab_vmalloc_begin).oomlab_vmalloc($v_size,$v_gfp)",
	  "address!=0" },
	{ "vmalloc", "synthetic/oomlab_vmalloc", "keys=size,gfp_flags", NULL },
};

#define TABLES (sizeof(tables) / sizeof(tables[0]))

static struct {
	const char *phase; /* NULL: nothing is traced */
	pid_t first, last;
	int64_t taken_kb;
	bool armed[TABLES];
	bool prepared;
} audit;

static char text[128 * 1024];

static int command(const struct table *table, const char *prefix)
{
	char path[128], line[512];
	/* What synthetic events tell was filtered where it came from. */
	bool filtered = strncmp(table->event, "synthetic", 9);
	int used = snprintf(line, sizeof(line), "%shist:%s:size=128", prefix, table->program);

	if (filtered)
		snprintf(line + used, sizeof(line) - (size_t)used, " if %s%scommon_pid>=%d&&common_pid<=%d",
			 table->filter ? table->filter : "", table->filter ? "&&" : "",
			 (int)audit.first, (int)audit.last);
	snprintf(path, sizeof(path), ROOT "events/%s/trigger", table->event);
	return file_write(path, line);
}

static int probe(const char *definition, const char *function)
{
	char line[128];

	snprintf(line, sizeof(line), definition, function);
	return file_write(ROOT "kprobe_events", line);
}

/* Probes that nothing is attached to are not in the code: they cost nothing. */
static void probe_vmalloc(void)
{
	for (size_t i = 0; i < sizeof(vmalloc_functions) / sizeof(vmalloc_functions[0]); i++)
		if (!probe(PROBE_BEGIN, vmalloc_functions[i]) && !probe(PROBE_END, vmalloc_functions[i]))
			return;
	emit_note("audit: no event for vmalloc: %s", strerror(errno));
}

void audit_prepare(void)
{
	audit.prepared = true;
	/* Otherwise the first trigger would allocate a full-sized ring buffer. */
	file_write(ROOT "buffer_size_kb", "16");
	for (size_t i = 0; i < sizeof(synthetic) / sizeof(synthetic[0]); i++)
		if (file_write(ROOT "synthetic_events", synthetic[i]))
			emit_note("audit: no event %s: %s", synthetic[i], strerror(errno));
	probe_vmalloc();
}

void audit_remove(void)
{
	char line[128];

	audit_stop();
	if (!audit.prepared)
		return;
	for (size_t i = sizeof(synthetic) / sizeof(synthetic[0]); i-- > 0;) {
		snprintf(line, sizeof(line), "!%s", synthetic[i]);
		file_write(ROOT "synthetic_events", line);
	}
	file_write(ROOT "kprobe_events", "-:oomlab_vmalloc_begin");
	file_write(ROOT "kprobe_events", "-:oomlab_vmalloc_end");
}

/* Else every trigger that is set or removed waits for a grace period: 20 to 60 ms each. */
static void expedite_rcu(bool on)
{
	file_write("/sys/kernel/rcu_expedited", on ? "1" : "0");
}

static void arm(const struct table *table, bool *armed)
{
	/* 128 rows is the least there is; more would only take memory. */
	*armed = command(table, "") == 0;
	if (!*armed)
		emit_note("audit: %s not counted: %s", table->name ? table->name : table->event,
			  strerror(errno));
}

void audit_begin(const char *phase, pid_t first, pid_t last)
{
	int64_t free_kb;

	audit_stop();
	free_kb = memory_meminfo_kb("MemFree");
	audit.phase = phase;
	audit.first = first;
	audit.last = last;
	expedite_rcu(true);
	for (size_t i = 0; i < TABLES; i++)
		arm(&tables[i], &audit.armed[i]);
	expedite_rcu(false);
	audit.taken_kb = free_kb - memory_meminfo_kb("MemFree");
}

void audit_stop(void)
{
	if (!audit.phase)
		return;
	expedite_rcu(true);
	/* Backwards: a variable cannot go before those that refer to it. */
	for (size_t i = TABLES; i-- > 0;)
		if (audit.armed[i] && command(&tables[i], "!"))
			emit_note("audit: %s still counts: %s", tables[i].event, strerror(errno));
	expedite_rcu(false);
	audit.phase = NULL;
}

/*
 * The hist file of an event shows all its triggers, each with its own "trigger info" line:
 * finds the part with our keys and filter and cuts it out in place.
 */
static char *cut_section(char *all, const struct table *table)
{
	char keys[64];

	snprintf(keys, sizeof(keys), "hist:%.*s:", (int)strcspn(table->program, ":"), table->program);
	for (char *section = strstr(all, SEPARATOR); section;) {
		char *next = strstr(section + 1, SEPARATOR);

		if (next)
			*next = '\0';
		if (strstr(section, keys) && (!table->filter || strstr(section, table->filter)))
			return section;
		if (next)
			*next = SEPARATOR[0];
		section = next;
	}
	return NULL;
}

static void report(const struct table *table)
{
	char path[128];
	char *section;

	snprintf(path, sizeof(path), ROOT "events/%s/hist", table->event);
	if (file_read(path, text, sizeof(text)) <= 0)
		return;
	section = cut_section(text, table);
	if (!section)
		return;
	emit_begin("histogram");
	emit_text("phase", audit.phase);
	emit_text("table", table->name);
	emit_text("text", section);
	emit_end();
}

void audit_report(int64_t requests)
{
	if (!audit.phase)
		return;
	for (size_t i = 0; i < TABLES; i++)
		if (audit.armed[i] && tables[i].name)
			report(&tables[i]);
	emit_begin("audit");
	emit_text("phase", audit.phase);
	if (requests >= 0)
		emit_number("requests", requests);
	emit_number("taken_kb", audit.taken_kb);
	emit_end();
}
