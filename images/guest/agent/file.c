// SPDX-License-Identifier: Apache-2.0
#include "agent/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static long read_all(int fd, char *text, size_t size)
{
	size_t have = 0;

	while (have + 1 < size) {
		ssize_t got = read(fd, text + have, size - 1 - have);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		have += (size_t)got;
	}
	text[have] = '\0';
	return (long)have;
}

long file_read(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	long have;
	int saved;

	text[0] = '\0';
	if (fd < 0)
		return -1;
	have = read_all(fd, text, size);
	saved = errno;
	close(fd);
	errno = saved;
	return have;
}

int file_write(const char *path, const char *text)
{
	size_t length = strlen(text);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t done;
	int saved;

	if (fd < 0)
		return -1;
	done = write(fd, text, length);
	saved = errno;
	close(fd);
	errno = saved;
	if (done < 0)
		return -1;
	if ((size_t)done != length) {
		errno = EIO;
		return -1;
	}
	return 0;
}

int file_write_number(const char *path, long long number)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld\n", number);
	return file_write(path, text);
}

bool file_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

const char *file_block_device(const char *name)
{
	static char path[64];

	snprintf(path, sizeof(path), "/dev/block/%s", name);
	if (!file_exists(path))
		snprintf(path, sizeof(path), "/dev/%s", name);
	return path;
}
