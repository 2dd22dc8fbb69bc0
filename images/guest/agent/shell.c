// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "agent/shell.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/child.h"
#include "agent/clock.h"
#include "agent/emit.h"
#include "agent/file.h"
#include "agent/memory.h"

static struct {
	struct child *child;
	int gate[2];
} shell;

/* /dev/console cannot be a controlling terminal; what stands behind it can. */
static void take_terminal(void)
{
	char names[128], path[160];
	char *last;
	int fd;

	if (file_read("/sys/class/tty/console/active", names, sizeof(names)) <= 0)
		return;
	names[strcspn(names, "\n")] = '\0';
	last = strrchr(names, ' ');
	snprintf(path, sizeof(path), "/dev/%s", last ? last + 1 : names);
	setsid();
	fd = open(path, O_RDWR);
	if (fd < 0)
		return;
	ioctl(fd, TIOCSCTTY, 1);
	for (int to = 0; to < 3; to++)
		dup2(fd, to);
	if (fd > 2)
		close(fd);
}

static int body(void *argument)
{
	const int *gate = argument;
	char byte;

	if (read(*gate, &byte, 1) != 1)
		return 1;
	take_terminal();
	signal(SIGPIPE, SIG_DFL);
	setenv("PATH", "/bin:/sbin:/usr/bin:/usr/sbin", 1);
	setenv("HOME", "/tmp", 1);
	setenv("TERM", "vt100", 1);
	setenv("PS1", "oomlab# ", 1);
	execl("/bin/busybox", "sh", (char *)NULL);
	return 127;
}

int shell_prepare(void)
{
	if (system("/bin/busybox --install -s /bin") != 0)
		emit_note("shell: applets not installed");
	if (pipe(shell.gate) < 0)
		return errno;
	shell.child = child_start(ROLE_SHELL, 0, 0, body, &shell.gate[0]);
	return shell.child ? 0 : errno;
}

static void help(const struct recipe *recipe, bool reached)
{
	struct memory memory;

	if (!memory_read(&memory))
		return;
	printf("\r\noomlab: memory is %s. %lld kB free; usable free blocks by order:",
	       !recipe->stressor_count ? "as it was booted" :
	       reached		       ? "in the state the scenario asks for" :
					 "NOT in the state the scenario asks for",
	       (long long)memory.free_kb);
	for (int order = 0; order < memory.orders; order++)
		printf(" %lld", (long long)memory.units[order]);
	printf("\r\noomlab: binder is %s. Try: cat /proc/buddyinfo, cat /proc/pagetypeinfo, dmesg.\r\n"
	       "oomlab: `exit` ends the guest.\r\n",
	       file_exists("/dev/binder") ? "at /dev/binder" : "not there");
	fflush(stdout);
}

void shell_run(const struct recipe *recipe, bool reached)
{
	help(recipe, reached);
	if (write(shell.gate[1], "", 1) != 1)
		return;
	for (child_reap(); shell.child->alive; child_reap())
		clock_sleep_us(20000);
}
