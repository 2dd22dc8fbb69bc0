// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "stress/slab.h"

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent/clock.h"
#include "agent/memory.h"

#define QUEUES 16
/* ipc/mqueue.c: HARD_MSGMAX, the most messages in a queue */
#define MESSAGES 65536
#define MESSAGE_BYTES (128 * 1024)
/* Of the first and of any further segment of a message (ipc/msgutil.c), rounded up. */
#define FIRST_HEADER 64
#define NEXT_HEADER 16
#define NAME_BYTES 255
/*
 * A negative entry: struct dentry (192) and its name, which with 255 characters comes from a slab
 * of 512.
 */
#define ENTRY_BYTES 704
/* A slab of names holds 8 or more of them, one of directory entries 21 or more. */
#define KEEP_EACH 8
#define ABSENT "/sys/kernel/"

static struct {
	mqd_t queues[QUEUES];
	int queue; /* the one that is being filled */
	long names;
} slab;

static const char message[MESSAGE_BYTES];

/*
 * A file system of this process's own, in which it works from now on: the names end with it. It is over a
 * directory that is there on all devices of a kind, and in a namespace that no mount gets out of: nothing is left.
 */
static void keep_names(void)
{
	static const char *const places[] = { "/tmp", "/data/local/tmp", "/mnt" };
	bool mounted = false;
	int fd;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		_exit(1);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && !mounted; i++)
		mounted = mount("tmpfs", places[i], "tmpfs", 0, "nr_inodes=0") == 0 && chdir(places[i]) == 0;
	if (!mounted)
		_exit(1);
	fd = open("f", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		_exit(1);
	close(fd);
}

void slab_prepare(void)
{
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	struct mq_attr attributes = { .mq_maxmsg = MESSAGES, .mq_msgsize = MESSAGE_BYTES };

	setrlimit(RLIMIT_MSGQUEUE, &unlimited);
	for (int i = 0; i < QUEUES; i++) {
		slab.queues[i] = mq_open("/oomlab", O_WRONLY | O_CREAT | O_EXCL | O_NONBLOCK, 0600,
					 &attributes);
		if (slab.queues[i] < 0)
			_exit(1);
		mq_unlink("/oomlab");
	}
	keep_names();
}

static bool may_go_on(const struct holder_request *request)
{
	return memory_quick_free_kb() > request->floor_kb && clock_us() < request->deadline_us;
}

/* The length whose segments are `pages` objects of a page each. */
static size_t length_of(int64_t pages)
{
	int64_t page_bytes = memory_page_kb() * 1024;

	return (size_t)(page_bytes - FIRST_HEADER + (pages - 1) * (page_bytes - NEXT_HEADER));
}

static int send_message(int64_t pages)
{
	while (mq_send(slab.queues[slab.queue], message, length_of(pages), 0) < 0) {
		if (errno != EAGAIN || slab.queue + 1 == QUEUES)
			return errno;
		slab.queue++;
	}
	return 0;
}

void slab_unreclaimable(const struct holder_request *request, struct holder_answer *answer)
{
	int64_t wanted = request->amount / memory_page_kb(), pages = 0;
	int64_t most = MESSAGE_BYTES / 1024 / memory_page_kb();

	while (pages < wanted && !answer->error && may_go_on(request)) {
		int64_t piece = wanted - pages < most ? wanted - pages : most;

		answer->error = send_message(piece);
		pages += answer->error ? 0 : piece;
	}
	answer->done_kb = pages * memory_page_kb();
}

static void make_path(char *path, const char *directory, long number)
{
	size_t prefix = strlen(directory);
	char digits[12];
	int length = snprintf(digits, sizeof(digits), "%ld", number);

	memcpy(path, directory, prefix);
	memset(path + prefix, 'n', NAME_BYTES);
	memcpy(path + prefix, digits, (size_t)length);
	path[prefix + NAME_BYTES] = '\0';
}

static int add_name(long number)
{
	char path[sizeof(ABSENT) + NAME_BYTES];

	make_path(path, number % KEEP_EACH ? ABSENT : "", number);
	if (number % KEEP_EACH == 0)
		return link("f", path) < 0 ? errno : 0;
	/* It is not there: the kernel remembers that. */
	faccessat(AT_FDCWD, path, F_OK, 0);
	return 0;
}

void slab_reclaimable(const struct holder_request *request, struct holder_answer *answer)
{
	int64_t wanted = request->amount * 1024 / ENTRY_BYTES, done = 0;

	while (done < wanted && !answer->error && (done % 64 || may_go_on(request))) {
		answer->error = add_name(slab.names++);
		done++;
	}
	answer->done_kb = done * ENTRY_BYTES / 1024;
}
