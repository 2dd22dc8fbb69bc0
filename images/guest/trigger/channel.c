// SPDX-License-Identifier: Apache-2.0
#include "trigger/channel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

const char *const channel_names[] = { "udp", "tcp", "unix-dgram", "unix-stream", NULL };

bool channel_is_inet(enum channel_protocol protocol)
{
	return protocol == CHANNEL_UDP || protocol == CHANNEL_TCP;
}

int channel_loopback_up(void)
{
	struct ifreq request = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int error = 0;

	if (fd < 0)
		return errno;
	/* With the flag set it has the address 127.0.0.1 (net/ipv4/devinet.c, inetdev_event()). */
	if (ioctl(fd, SIOCGIFFLAGS, &request) < 0) {
		error = errno;
	} else if (!(request.ifr_flags & IFF_UP)) {
		request.ifr_flags |= IFF_UP;
		error = ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? errno : 0;
	}
	close(fd);
	return error;
}

/* The kernel takes twice that, for its own overhead. FORCE needs CAP_NET_ADMIN; else the usual limits hold. */
static void make_room(int fd, uint64_t bytes)
{
	int room = (int)bytes;

	if (!room)
		return;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
}

/* A socket at an address of the loopback device that the kernel chooses. -1 with errno. */
static int bound(int type, struct sockaddr_in *address)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	socklen_t size = sizeof(*address);

	*address = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	if (fd < 0 || bind(fd, (struct sockaddr *)address, size) < 0 ||
	    getsockname(fd, (struct sockaddr *)address, &size) < 0)
		return -1;
	return fd;
}

static int open_udp(struct channel *channel, uint64_t room_bytes)
{
	struct sockaddr_in address;

	channel->in = bound(SOCK_DGRAM, &address);
	channel->out = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (channel->in < 0 || channel->out < 0 ||
	    connect(channel->out, (struct sockaddr *)&address, sizeof(address)) < 0)
		return errno;
	make_room(channel->in, room_bytes);
	make_room(channel->out, room_bytes);
	return 0;
}

/* Room before the connection: the window's scale is agreed on as it is made (net/ipv4/tcp_output.c). */
static int open_tcp(struct channel *channel, uint64_t room_bytes)
{
	struct sockaddr_in address;
	int listener = bound(SOCK_STREAM, &address);
	int at_once = 1;

	if (listener < 0)
		return errno;
	make_room(listener, room_bytes);
	channel->out = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (channel->out < 0)
		return errno;
	make_room(channel->out, room_bytes);
	if (listen(listener, 1) < 0 || connect(channel->out, (struct sockaddr *)&address, sizeof(address)) < 0)
		return errno;
	channel->in = accept(listener, NULL, NULL);
	if (channel->in < 0)
		return errno;
	close(listener);
	/* The end of a burst is not to wait for more to come. */
	return setsockopt(channel->out, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof(at_once)) < 0 ? errno : 0;
}

static int open_unix(struct channel *channel, int type, uint64_t room_bytes)
{
	int pair[2];

	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair) < 0)
		return errno;
	channel->out = pair[0];
	channel->in = pair[1];
	/* What is on its way counts as the sender's until it is read (net/core/sock.c, sock_wfree()). */
	make_room(channel->out, room_bytes);
	return 0;
}

int channel_open(struct channel *channel, enum channel_protocol protocol, uint64_t room_bytes)
{
	*channel = (struct channel){ -1, -1, protocol == CHANNEL_TCP || protocol == CHANNEL_UNIX_STREAM };
	switch (protocol) {
	case CHANNEL_UDP:
		return open_udp(channel, room_bytes);
	case CHANNEL_TCP:
		return open_tcp(channel, room_bytes);
	case CHANNEL_UNIX_DGRAM:
		return open_unix(channel, SOCK_DGRAM, room_bytes);
	default:
		return open_unix(channel, SOCK_STREAM, room_bytes);
	}
}
