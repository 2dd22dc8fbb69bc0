// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "trigger/binder_server.h"

#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/binder.h"
#include "agent/child.h"
#include "bench/echo.h"

#define NEVER_KILLED (-1000)
/*
 * Room for the calls of as many clients as there can be, which are a few bytes each. The page array of such a
 * map is smaller than a page: it is slab memory with every driver, so that a fault in what is done
 * to arrays out of vmalloc is one of the clients' maps.
 */
#define MAP_BYTES (64u << 10)

static int channel = -1;

static int become_server(struct binder_end *end)
{
	int error = binder_open(end);

	if (!error)
		error = binder_map(end, MAP_BYTES);
	return error ? error : binder_become_manager(end);
}

static int serve(void *argument)
{
	int *own = argument;
	struct binder_end end;
	int error;
	char byte;

	if (read(*own, &byte, 1) != 1)
		return 1;
	error = become_server(&end);
	if (write(*own, &error, sizeof(error)) != sizeof(error) || error)
		return 1;
	echo_serve(&end);
	return 0;
}

int binder_server_prepare(void)
{
	struct child *child;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return errno;
	child = child_start(ROLE_SERVER, 0, NEVER_KILLED, serve, &pair[1]);
	close(pair[1]);
	channel = pair[0];
	return child ? 0 : errno;
}

int binder_server_begin(void)
{
	int error = 0;

	if (write(channel, "", 1) != 1)
		return errno;
	return read(channel, &error, sizeof(error)) == sizeof(error) ? error : EPIPE;
}
