// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "agent/follow.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/child.h"
#include "agent/recipe_value.h"

#define POLL_MS 50

static char chunk[64 * 1024];

static int fail(const char *path, const char *what, int status)
{
	fprintf(stderr, "agent: %s: %s\n", path, what);
	return status;
}

static bool put(size_t length)
{
	size_t done = 0;

	while (done < length) {
		ssize_t wrote = write(STDOUT_FILENO, chunk + done, length - done);

		if (wrote < 0 && errno != EINTR)
			return false;
		if (wrote > 0)
			done += (size_t)wrote;
	}
	return true;
}

/* All there is by now. */
static bool copy(int fd, off_t *offset)
{
	ssize_t got;

	while ((got = pread(fd, chunk, sizeof(chunk), *offset)) > 0) {
		if (!put((size_t)got))
			return false;
		*offset += got;
	}
	return got == 0;
}

static bool is_held(int fd)
{
	if (flock(fd, LOCK_SH | LOCK_NB) < 0)
		return true;
	flock(fd, LOCK_UN);
	return false;
}

/* False when nobody reads what is written. */
static bool wait_a_little(void)
{
	struct pollfd output = { .fd = STDOUT_FILENO };

	return poll(&output, 1, POLL_MS) <= 0 || !(output.revents & (POLLERR | POLLHUP | POLLNVAL));
}

static int follow(int fd, off_t offset)
{
	for (;;) {
		/* Asked first: what is written between the two is still read. */
		bool held = is_held(fd);

		if (!copy(fd, &offset))
			return FOLLOW_FAILED;
		if (!held)
			return FOLLOW_DONE;
		if (!wait_a_little())
			return FOLLOW_FAILED;
	}
}

int follow_run(const char *path, const char *offset)
{
	struct stat status;
	uint64_t from;
	int fd;

	if (!value_number(offset, &from) || from > INT64_MAX)
		return fail(offset, "is no offset", FOLLOW_FAILED);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail(path, strerror(errno), errno == ENOENT ? FOLLOW_NO_FILE : FOLLOW_FAILED);
	if (fstat(fd, &status) < 0 || (uint64_t)status.st_size < from)
		return fail(path, "shorter than the offset", FOLLOW_NO_FILE);
	signal(SIGPIPE, SIG_IGN);
	child_set_adj(-1000);
	mlockall(MCL_CURRENT | MCL_FUTURE);
	return follow(fd, (off_t)from);
}
