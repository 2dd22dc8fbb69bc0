// SPDX-License-Identifier: Apache-2.0
#include "agent/guest.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "agent/child.h"
#include "agent/emit.h"
#include "agent/file.h"
#include "agent/memory.h"
#include "agent/settings.h"

static const struct {
	const char *source, *directory, *type;
} mounts[] = {
	{ "proc", "/proc", "proc" },
	{ "sysfs", "/sys", "sysfs" },
	{ "devtmpfs", "/dev", "devtmpfs" },
	{ "tracefs", "/sys/kernel/tracing", "tracefs" },
	{ "debugfs", "/sys/kernel/debug", "debugfs" },
	{ "tmpfs", "/tmp", "tmpfs" },
};

static void console(void)
{
	int fd = open("/dev/console", O_RDWR);

	if (fd < 0)
		fd = open("/dev/null", O_RDWR);
	for (int to = 0; to < 3; to++)
		dup2(fd, to);
	if (fd > 2)
		close(fd);
}

static void limits(void)
{
	struct rlimit most = { GUEST_DESCRIPTORS, GUEST_DESCRIPTORS };

	settings_write_number("/proc/sys/fs/nr_open", GUEST_DESCRIPTORS);
	settings_write_number("/proc/sys/fs/file-max", 4 * GUEST_DESCRIPTORS);
	if (setrlimit(RLIMIT_NOFILE, &most) == 0 || getrlimit(RLIMIT_NOFILE, &most) < 0)
		return;
	most.rlim_cur = most.rlim_max;
	setrlimit(RLIMIT_NOFILE, &most);
}

void guest_secure(void)
{
	limits();
	signal(SIGPIPE, SIG_IGN);
	child_set_adj(-1000);
	/* Else the kernel drops marks: it rate-limits what user space writes to its log. */
	settings_write("/proc/sys/kernel/printk_devkmsg", "on");
	memory_init();
	mlockall(MCL_CURRENT | MCL_FUTURE);
}

void guest_prepare(void)
{
	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		mkdir(mounts[i].directory, 0755);
		mount(mounts[i].source, mounts[i].directory, mounts[i].type, 0, NULL);
	}
	console();
	guest_secure();
}

bool guest_sysctls(const struct recipe *recipe)
{
	char path[SETTING_PATH_BYTES], message[160];

	for (size_t i = 0; i < recipe->sysctl_count; i++) {
		const struct setting *setting = &recipe->sysctls[i];

		settings_path(setting->name, path);
		if (settings_write(path, setting->value) == 0)
			continue;
		snprintf(message, sizeof(message), "%s=%s: %s", setting->name, setting->value,
			 strerror(errno));
		emit_error("sysctl", errno, message);
		return false;
	}
	return true;
}

/* mm/shuffle.c. A kernel without it has no such file. */
static bool shuffled(void)
{
	char text[8];

	return file_read("/sys/module/page_alloc/parameters/shuffle", text, sizeof(text)) > 0 &&
	       text[0] == 'Y';
}

void guest_hello(const struct recipe *recipe)
{
	static const char *const modes[] = { "trial", "probe", "shell", "block" };
	struct utsname name;

	uname(&name);
	emit_begin("hello");
	emit_number("protocol", RECIPE_PROTOCOL);
	emit_text("mode", modes[recipe->mode]);
	emit_text("release", name.release);
	emit_text("machine", name.machine);
	emit_number("page_size_bytes", sysconf(_SC_PAGESIZE));
	emit_number("cpus", sysconf(_SC_NPROCESSORS_ONLN));
	emit_number("mem_total_kb", memory_meminfo_kb("MemTotal"));
	emit_flag("shuffled", shuffled());
	emit_end();
}

void guest_tell_end(void)
{
	emit_begin("end");
	emit_number("oom_kill_total", memory_vmstat("oom_kill"));
	emit_end();
	emit_drain();
}

void guest_power_off(void)
{
	emit_phase("end");
	guest_tell_end();
	reboot(RB_POWER_OFF);
	/* No way to switch off: PID 1's end is a panic, which ends the guest too. */
	_exit(1);
}
