// SPDX-License-Identifier: Apache-2.0
/*
 * Two connected sockets of one process, by which it sends messages to itself: nothing but the kernel's
 * buffers is between writing and reading.
 */
#ifndef OOMLAB_TRIGGER_CHANNEL_H
#define OOMLAB_TRIGGER_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

enum channel_protocol { CHANNEL_UDP, CHANNEL_TCP, CHANNEL_UNIX_DGRAM, CHANNEL_UNIX_STREAM };

/* Names of the above in their order, NULL at the end. */
extern const char *const channel_names[];

struct channel {
	int out, in;
	bool stream; /* its messages have no ends: bytes are counted */
};

/* Whether it needs the loopback device. */
bool channel_is_inet(enum channel_protocol protocol);

/* Brings the loopback device up. 0 or the errno. */
int channel_loopback_up(void);

/* With so much room for messages in each socket; 0: what the kernel gives. 0 or the errno. */
int channel_open(struct channel *channel, enum channel_protocol protocol, uint64_t room_bytes);

#endif
