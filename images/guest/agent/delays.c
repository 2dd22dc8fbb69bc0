// SPDX-License-Identifier: Apache-2.0
#include "agent/delays.h"

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/taskstats.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/settings.h"

#define SWITCH "/proc/sys/kernel/task_delayacct"
/* struct taskstats grows with its version; what is read here has had its place since version 11 (5.18). */
#define REPLY_BYTES 4096
#define LEAST_VERSION 11

static struct {
	int fd;
	uint16_t family;
} taskstats = { .fd = -1 };

static union {
	struct {
		struct nlmsghdr header;
		struct genlmsghdr generic;
		char attributes[REPLY_BYTES];
	};
	char bytes[REPLY_BYTES];
} message;

static const char *find(const char *attributes, size_t length, uint16_t type, size_t *size)
{
	while (length >= NLA_HDRLEN) {
		struct nlattr attribute;
		size_t taken;

		memcpy(&attribute, attributes, sizeof(attribute));
		if (attribute.nla_len < NLA_HDRLEN || attribute.nla_len > length)
			return NULL;
		*size = attribute.nla_len - NLA_HDRLEN;
		if ((attribute.nla_type & NLA_TYPE_MASK) == type)
			return attributes + NLA_HDRLEN;
		taken = NLA_ALIGN(attribute.nla_len);
		if (taken > length)
			return NULL;
		attributes += taken;
		length -= taken;
	}
	return NULL;
}

/* Asks with one attribute; the kernel has answered when the request is taken. How long the answer's attributes are. */
static size_t ask(uint16_t family, uint8_t command, uint16_t type, const void *value, size_t size)
{
	struct nlattr attribute = { .nla_len = (uint16_t)(NLA_HDRLEN + size), .nla_type = type };
	size_t length = NLMSG_LENGTH(GENL_HDRLEN) + NLA_ALIGN(attribute.nla_len);
	ssize_t got;

	memset(message.bytes, 0, length);
	message.header = (struct nlmsghdr){ .nlmsg_len = (uint32_t)length, .nlmsg_type = family,
					    .nlmsg_flags = NLM_F_REQUEST };
	message.generic = (struct genlmsghdr){ .cmd = command, .version = 1 };
	memcpy(message.attributes, &attribute, sizeof(attribute));
	memcpy(message.attributes + NLA_HDRLEN, value, size);
	if (send(taskstats.fd, message.bytes, length, 0) != (ssize_t)length)
		return 0;
	got = recv(taskstats.fd, message.bytes, sizeof(message.bytes), MSG_DONTWAIT);
	if (got < (ssize_t)NLMSG_LENGTH(GENL_HDRLEN) || message.header.nlmsg_type != family)
		return 0;
	return (size_t)got - NLMSG_LENGTH(GENL_HDRLEN);
}

bool delays_prepare(void)
{
	static const char name[] = TASKSTATS_GENL_NAME;
	size_t length, size;
	const char *family;

	taskstats.fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	if (taskstats.fd < 0)
		return false;
	length = ask(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME, name, sizeof(name));
	family = find(message.attributes, length, CTRL_ATTR_FAMILY_ID, &size);
	if (!family || size < sizeof(taskstats.family))
		return false;
	memcpy(&taskstats.family, family, sizeof(taskstats.family));
	return true;
}

bool delays_account(bool on)
{
	return settings_write_number(SWITCH, on) == 0;
}

bool delays_of(pid_t pid, struct delays *delays)
{
	static struct taskstats stats;
	uint32_t number = (uint32_t)pid;
	size_t length, size;
	const char *at;

	if (!taskstats.family)
		return false;
	length = ask(taskstats.family, TASKSTATS_CMD_GET, TASKSTATS_CMD_ATTR_PID, &number, sizeof(number));
	at = find(message.attributes, length, TASKSTATS_TYPE_AGGR_PID, &size);
	at = at ? find(at, size, TASKSTATS_TYPE_STATS, &size) : NULL;
	if (!at || size < offsetof(struct taskstats, compact_delay_total) + sizeof(stats.compact_delay_total))
		return false;
	memset(&stats, 0, sizeof(stats));
	memcpy(&stats, at, size < sizeof(stats) ? size : sizeof(stats));
	if (stats.version < LEAST_VERSION)
		return false;
	*delays = (struct delays){ (int64_t)stats.freepages_delay_total, (int64_t)stats.compact_delay_total };
	return true;
}
