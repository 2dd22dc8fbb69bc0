// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "trigger/output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/clock.h"
#include "agent/emit.h"

/* Sent as it comes; then only the end is kept, and sent when the command has ended. */
#define FIRST_BYTES (48 * 1024)
#define LAST_BYTES (16 * 1024)
#define RECORD_BYTES 4096
/* Between two looks at a pipe that fills: single characters must not become single records. */
#define GATHER_US 1000
/* So many pages a pipe keeps for its next writer once they are read (struct pipe_inode_info). */
#define PIPE_PAGES 2

/* stdout and stderr; where they are one, it is the first. */
enum { STREAMS = 2 };

static struct {
	bool split;
	int pipe[STREAMS][2];
	size_t pipe_bytes;
	char *last; /* a ring: byte n of all is at n % LAST_BYTES */
	uint64_t seen;
} output = { .pipe = { { -1, -1 }, { -1, -1 } } };

static char chunk[RECORD_BYTES];

static int streams(void)
{
	return output.split ? STREAMS : 1;
}

/* From here on the pipe has its pages, and no writer asks for one. */
static int fill_with_pages(const int *pipe)
{
	int size = fcntl(pipe[1], F_SETPIPE_SZ, (int)(PIPE_PAGES * sysconf(_SC_PAGESIZE)));
	ssize_t got;

	if (size < 0)
		return errno;
	output.pipe_bytes = (size_t)size;
	for (size_t done = 0; done < output.pipe_bytes; done += sizeof(chunk))
		if (write(pipe[1], chunk, sizeof(chunk)) != sizeof(chunk))
			return errno;
	while ((got = read(pipe[0], chunk, sizeof(chunk))) > 0)
		;
	return got < 0 && errno == EAGAIN ? 0 : EIO;
}

void output_split(void)
{
	output.split = true;
}

static int prepare_pipe(int *pipe)
{
	/* The supervisor never waits in a read. It keeps the writing end, so that there is no end of file. */
	if (pipe2(pipe, O_CLOEXEC) < 0 || fcntl(pipe[0], F_SETFL, O_NONBLOCK) < 0)
		return errno;
	return fill_with_pages(pipe);
}

int output_prepare(void)
{
	int error = 0;

	output.last = mmap(NULL, LAST_BYTES, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (output.last == MAP_FAILED)
		return errno;
	madvise(output.last, LAST_BYTES, MADV_DONTFORK);
	for (int i = 0; !error && i < streams(); i++)
		error = prepare_pipe(output.pipe[i]);
	return error;
}

void output_attach(void)
{
	dup2(output.pipe[0][1], STDOUT_FILENO);
	dup2(output.pipe[streams() - 1][1], STDERR_FILENO);
}

static void send(int stream, const char *text, size_t length, uint64_t at)
{
	emit_begin("output");
	if (output.split)
		emit_text("stream", stream ? "stderr" : "stdout");
	emit_number("at", (int64_t)at);
	emit_bytes("text", text, length);
	emit_end();
}

static void keep(int stream, const char *text, size_t length)
{
	size_t early = output.seen < FIRST_BYTES ? FIRST_BYTES - output.seen : 0;

	if (early > length || output.split)
		early = length;
	if (early)
		send(stream, text, early, output.seen);
	for (size_t i = early; i < length; i++)
		output.last[(output.seen + i) % LAST_BYTES] = text[i];
	output.seen += length;
}

/* A pipe's worth at most: whoever writes without end must not hold up the supervisor. */
static void take(void)
{
	ssize_t got;

	for (int stream = 0; stream < streams(); stream++) {
		for (size_t i = 0; i < output.pipe_bytes / sizeof(chunk); i++) {
			got = read(output.pipe[stream][0], chunk, sizeof(chunk));
			if (got <= 0)
				break;
			keep(stream, chunk, (size_t)got);
		}
	}
}

void output_wait(uint64_t us)
{
	uint64_t now_us = clock_us(), end_us = now_us + us;
	/* poll(2) passes over those of -1. */
	struct pollfd pipes[STREAMS] = { { .fd = output.pipe[0][0], .events = POLLIN },
					 { .fd = output.pipe[1][0], .events = POLLIN } };

	if (pipes[0].fd < 0) {
		clock_sleep_us(us);
		return;
	}
	while (now_us < end_us) {
		struct timespec left = { 0, (long)(end_us - now_us) * 1000 };

		if (ppoll(pipes, STREAMS, &left, NULL) > 0) {
			take();
			clock_sleep_us(GATHER_US);
		}
		now_us = clock_us();
	}
}

void output_finish(void)
{
	uint64_t at;

	if (output.pipe[0][0] < 0)
		return;
	take();
	if (output.split)
		return;
	at = output.seen > FIRST_BYTES + LAST_BYTES ? output.seen - LAST_BYTES : FIRST_BYTES;
	while (at < output.seen) {
		size_t start = at % LAST_BYTES, length = output.seen - at;

		if (length > LAST_BYTES - start)
			length = LAST_BYTES - start;
		if (length > RECORD_BYTES)
			length = RECORD_BYTES;
		send(0, output.last + start, length, at);
		at += length;
	}
}
