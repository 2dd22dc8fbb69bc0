// SPDX-License-Identifier: Apache-2.0
/*
 * Trigger `network`: bursts of messages through the kernel's sockets. Each process sends a burst to itself without
 * reading, so that all of it is in socket buffers at one time, then reads it, and waits until its next burst is due.
 *
 * What buffers ask of the page allocator is in docs/network.md: blocks of order 3 without direct reclaim, by
 * skb_page_frag_refill() (UDP from 16 KiB up, TCP) and alloc_skb_with_frags() (AF_UNIX).
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "agent/clock.h"
#include "agent/emit.h"
#include "agent/recipe_value.h"
#include "agent/settings.h"
#include "trigger/channel.h"
#include "trigger/kind.h"

/* How long one look at a socket may wait for it to be ready. */
#define READY_MS 10
/* After the last burst: how long nothing may come before what is missing counts as dropped. */
#define SILENCE_MS 500
#define KIB 1024

/* Of one process; shared with the supervisor. */
struct traffic {
	atomic_ullong received_messages; /* of datagrams; a stream has none */
	atomic_ullong received_bytes;
	atomic_ullong started_ns, ended_ns; /* its first burst began, its last was read */
};

static struct {
	int protocol;
	uint64_t message_bytes;
	uint64_t burst;
	uint64_t period_us; /* from one burst of a process to its next */
	uint64_t duration_us;
	uint64_t room_bytes;
	struct traffic *traffic;
} network = { .message_bytes = 32 * KIB, .burst = 1, .period_us = 1000, .duration_us = 1000000 };

static bool parse(const char *key, char *value)
{
	static const struct {
		const char *key;
		uint64_t *number;
		uint64_t least, most;
	} numbers[] = {
		{ "message_bytes", &network.message_bytes, 1, LIMIT_MESSAGE_BYTES },
		{ "burst", &network.burst, 1, LIMIT_BURST },
		{ "period_us", &network.period_us, 0, UINT64_MAX },
		{ "duration_us", &network.duration_us, 1, UINT64_MAX },
		{ "room_bytes", &network.room_bytes, 0, LIMIT_SOCKET_BYTES },
	};

	if (!strcmp(key, "transport"))
		return value_choice(value, channel_names, &network.protocol);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (!strcmp(key, numbers[i].key))
			return value_number(value, numbers[i].number) &&
			       *numbers[i].number >= numbers[i].least &&
			       *numbers[i].number <= numbers[i].most;
	return false;
}

static int prepare(void)
{
	network.traffic = requests_shared(LIMIT_PROCESSES * sizeof(*network.traffic));
	if (!network.traffic)
		return errno;
	/* Else ten datagrams fill a socket (net/unix/af_unix.c, unix_dgram_sendmsg()); taken at its making. */
	if (network.protocol == CHANNEL_UNIX_DGRAM &&
	    settings_write_number("/proc/sys/net/unix/max_dgram_qlen", (long long)network.burst))
		emit_note("network: net.unix.max_dgram_qlen stays as it is: %s", strerror(errno));
	return channel_is_inet((enum channel_protocol)network.protocol) ? channel_loopback_up() : 0;
}

struct sender {
	const struct trigger_job *job;
	struct channel channel;
	struct traffic *traffic;
	char *buffer;
	uint64_t sent_bytes;
	uint64_t end_us; /* no burst begins after that */
};

static void receive(struct sender *sender)
{
	ssize_t bytes;

	while ((bytes = recv(sender->channel.in, sender->buffer, network.message_bytes, MSG_DONTWAIT)) > 0) {
		atomic_fetch_add(&sender->traffic->received_bytes, (unsigned long long)bytes);
		atomic_fetch_add(&sender->traffic->received_messages, sender->channel.stream ? 0 : 1);
	}
}

static bool ready(int fd, short events, int patience_ms)
{
	struct pollfd look = { .fd = fd, .events = events };

	return poll(&look, 1, patience_ms) > 0;
}

static bool over(const struct sender *sender)
{
	return atomic_load(sender->job->stop) || clock_us() >= sender->end_us;
}

/* A datagram goes whole or not at all. A stream that is full is read from until it takes the rest. 0 or the errno. */
static int send_message(struct sender *sender)
{
	uint64_t done = 0;

	while (done < network.message_bytes) {
		ssize_t bytes = send(sender->channel.out, sender->buffer + done, network.message_bytes - done,
				     MSG_DONTWAIT | MSG_NOSIGNAL);

		if (bytes >= 0) {
			done += (uint64_t)bytes;
			sender->sent_bytes += (uint64_t)bytes;
		} else if (errno != EAGAIN || !sender->channel.stream || over(sender)) {
			return errno;
		} else {
			receive(sender);
			ready(sender->channel.out, POLLOUT, READY_MS);
		}
	}
	return 0;
}

/* What comes late, through another processor's queue, is read with the next burst. */
static void send_burst(struct sender *sender, unsigned first)
{
	struct request_log *log = sender->job->log;

	for (unsigned number = first; number < log->planned && number < first + network.burst; number++) {
		uint64_t start_ns;
		int error;

		if (atomic_load(sender->job->stop))
			break;
		requests_attempted(log);
		start_ns = clock_ns();
		error = send_message(sender);
		requests_completed(log, number, clock_ns() - start_ns, error);
	}
	receive(sender);
	atomic_store(&sender->traffic->ended_ns, clock_ns());
}

/* False: the time is over. */
static bool wait_until(const struct sender *sender, uint64_t due_us)
{
	uint64_t now_us = clock_us();

	if (due_us > now_us)
		clock_sleep_us(due_us - now_us);
	return !over(sender);
}

static void receive_rest(struct sender *sender)
{
	while (atomic_load(&sender->traffic->received_bytes) < sender->sent_bytes &&
	       ready(sender->channel.in, POLLIN, SILENCE_MS)) {
		receive(sender);
		atomic_store(&sender->traffic->ended_ns, clock_ns());
	}
}

static int body(const struct trigger_job *job)
{
	struct sender sender = { .job = job, .traffic = &network.traffic[job->process] };
	uint64_t start_us;
	int error = channel_open(&sender.channel, (enum channel_protocol)network.protocol, network.room_bytes);

	sender.buffer = requests_shared(network.message_bytes);
	if (error || !sender.buffer) {
		atomic_store(job->start_errno, error ? error : errno);
		return 1;
	}
	if (!requests_wait(job))
		return 1;
	start_us = clock_us();
	sender.end_us = start_us + network.duration_us;
	atomic_store(&sender.traffic->started_ns, clock_ns());
	for (unsigned first = 0; first < job->log->planned; first += (unsigned)network.burst) {
		if (!wait_until(&sender, start_us + first / network.burst * network.period_us))
			break;
		send_burst(&sender, first);
	}
	receive_rest(&sender);
	requests_hold(job->log);
}

static void measure(const struct recipe *recipe)
{
	uint64_t messages = 0, bytes = 0, start_ns = UINT64_MAX, end_ns = 0;

	for (unsigned i = 0; i < LIMIT_PROCESSES; i++) {
		struct traffic *traffic = &network.traffic[i];
		uint64_t started_ns = atomic_load(&traffic->started_ns);
		uint64_t ended_ns = atomic_load(&traffic->ended_ns);

		if (!ended_ns)
			continue;
		messages += atomic_load(&traffic->received_messages);
		bytes += atomic_load(&traffic->received_bytes);
		start_ns = started_ns < start_ns ? started_ns : start_ns;
		end_ns = ended_ns > end_ns ? ended_ns : end_ns;
	}
	if (end_ns > start_ns)
		emit_measure("throughput", (int64_t)(bytes / KIB * 1000000 / ((end_ns - start_ns) / 1000 + 1)),
			     "KiB/s");
	emit_measure("unsent", (int64_t)recipe->request_count - requests_sums().attempted, "messages");
	if (network.protocol == CHANNEL_UDP || network.protocol == CHANNEL_UNIX_DGRAM)
		emit_measure("dropped", (int64_t)requests_sums().succeeded - (int64_t)messages, "messages");
}

const struct trigger_kind trigger_network = {
	.name = "network",
	.request = "message",
	.parse = parse,
	.prepare = prepare,
	.body = body,
	.measure = measure,
};
