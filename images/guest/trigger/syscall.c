// SPDX-License-Identifier: Apache-2.0
/*
 * Trigger `syscall`: calls that make the kernel allocate contiguous memory on behalf of whoever makes them. Which
 * allocation that is, by file and function, and with which gfp mask: docs/syscalls.md. A path of the table below makes
 * one call a request, and says how what it gave is let go of.
 */
#define _GNU_SOURCE /* F_SETPIPE_SZ */
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/clock.h"
#include "agent/recipe_value.h"
#include "trigger/kind.h"

#define KIB 1024
/* With its header of 24 bytes a block of 32 KiB, as is the kernel's own copy while the call lasts. */
#define KEY_BYTES 30000
/* 512 slots of 40 bytes where pages have 4 KiB: a block of 32 KiB. */
#define PIPE_BYTES (2048 * KIB)
/* With the buffer's own shared data of 320 bytes a block of 32 KiB. */
#define MESSAGE_BYTES 32000
#define ANSWER_BYTES (32 * KIB)
#define GROUPS 32
/* The kernel doubles it: more than any guest has memory. */
#define ROOM_BYTES (1 << 30)

/* Touched before memory is short, and shared by nobody: each process has a copy of its own. */
static char buffer[ANSWER_BYTES];

/* What a process has for all of its calls. */
static struct {
	int sender, receiver;
	unsigned group; /* a bit */
} netlink = { .sender = -1, .receiver = -1 };

/* A call's result: what release is given, or -1 with errno. */
static int add_key(unsigned process, unsigned number)
{
	char name[32];

	snprintf(name, sizeof(name), "oomlab-%u-%u", process, number);
	return (int)syscall(SYS_add_key, "user", name, buffer, KEY_BYTES, KEY_SPEC_PROCESS_KEYRING);
}

static void remove_key(int key)
{
	syscall(SYS_keyctl, KEYCTL_INVALIDATE, key);
}

static int enlarge_pipe(unsigned process, unsigned number)
{
	int ends[2];

	(void)process, (void)number;
	if (pipe(ends) < 0)
		return -1;
	if (fcntl(ends[0], F_SETPIPE_SZ, PIPE_BYTES) < 0) {
		int error = errno;

		close(ends[0]);
		close(ends[1]);
		errno = error;
		return -1;
	}
	close(ends[1]);
	return ends[0];
}

static void close_it(int descriptor)
{
	close(descriptor);
}

/* A listener of a group of its own, as long as there are groups, with room for everything. */
static int open_group(unsigned process)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	int room = ROOM_BYTES;

	netlink.group = 1u << (process % GROUPS);
	address.nl_groups = netlink.group;
	netlink.sender = socket(AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK);
	netlink.receiver = socket(AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK);
	if (netlink.sender < 0 || netlink.receiver < 0)
		return errno;
	if (setsockopt(netlink.receiver, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) < 0)
		return errno;
	return bind(netlink.receiver, (struct sockaddr *)&address, sizeof(address)) < 0 ? errno : 0;
}

static int broadcast(unsigned process, unsigned number)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = netlink.group };
	ssize_t sent = sendto(netlink.sender, buffer, MESSAGE_BYTES, 0, (struct sockaddr *)&address,
			      sizeof(address));

	(void)process, (void)number;
	/*
	 * netlink_sendmsg() (net/netlink/af_netlink.c) hands the message to the group, and then to port 0, the kernel's,
	 * where nobody listens to user sockets: ECONNREFUSED is of the latter.
	 */
	return sent < 0 && errno != ECONNREFUSED ? -1 : netlink.receiver;
}

static void drop_message(int receiver)
{
	recv(receiver, buffer, 1, MSG_DONTWAIT | MSG_TRUNC);
}

/* Asks for all links. The kernel takes the length of the longest read so far for that of its answers. */
static int ask_for_links(int descriptor)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg link;
	} request = {
		.header = { .nlmsg_len = sizeof(request),
			    .nlmsg_type = RTM_GETLINK,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.link = { .ifi_family = AF_UNSPEC },
	};

	return send(descriptor, &request, sizeof(request), 0) < 0 ? -1 : 0;
}

/* Reads an answer to its end; the last message has nothing but the mark. */
static int read_links(int descriptor)
{
	const struct nlmsghdr *header = (const struct nlmsghdr *)buffer;

	do {
		if (recv(descriptor, buffer, sizeof(buffer), 0) < 0)
			return -1;
	} while (header->nlmsg_type != NLMSG_DONE && header->nlmsg_type != NLMSG_ERROR);
	return header->nlmsg_type == NLMSG_DONE ? 0 : (errno = EIO, -1);
}

static int dump_links(unsigned process, unsigned number)
{
	int descriptor = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);

	(void)process, (void)number;
	if (descriptor < 0)
		return -1;
	if (ask_for_links(descriptor) < 0 || read_links(descriptor) < 0 || ask_for_links(descriptor) < 0) {
		int error = errno;

		close(descriptor);
		errno = error;
		return -1;
	}
	return descriptor;
}

static const struct path {
	const char *name;
	int (*open)(unsigned process); /* once a process, before the gate: 0 or the errno. May be NULL */
	int (*call)(unsigned process, unsigned number);
	void (*release)(int result);
} paths[] = {
	{ "user-key", NULL, add_key, remove_key },
	{ "pipe-size", NULL, enlarge_pipe, close_it },
	{ "netlink-broadcast", open_group, broadcast, drop_message },
	{ "netlink-dump", NULL, dump_links, close_it },
};

static const struct path *path = paths;

static bool parse(const char *key, char *value)
{
	if (strcmp(key, "path"))
		return false;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		path = &paths[i];
		if (!strcmp(path->name, value))
			return true;
	}
	return false;
}

static void one_call(const struct trigger_job *job, unsigned number)
{
	uint64_t start_ns = clock_ns();
	int result = path->call(job->process, number);

	requests_completed(job->log, number, clock_ns() - start_ns, result < 0 ? errno : 0);
	if (result >= 0 && !job->recipe->hold)
		path->release(result);
}

static int body(const struct trigger_job *job)
{
	int last = (int)job->log->planned + 64, error;

	memset(buffer, 1, sizeof(buffer));
	/* The descriptor table grows in high orders: let it, now, not among the measured calls. */
	if (dup2(0, last) >= 0)
		close(last);
	error = path->open ? path->open(job->process) : 0;
	if (error) {
		atomic_store(job->start_errno, error);
		return 1;
	}
	return requests_make(job, one_call);
}

const struct trigger_kind trigger_syscall = {
	.name = "syscall",
	.request = "call",
	.parse = parse,
	.body = body,
};
