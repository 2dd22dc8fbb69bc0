// SPDX-License-Identifier: Apache-2.0
/*
 * The binder driver spoken to directly: an open and mapped device, and its command streams.
 * Commands and returns are a 32-bit code and its struct, without padding
 * (include/uapi/linux/android/binder.h).
 */
#ifndef OOMLAB_AGENT_BINDER_H
#define OOMLAB_AGENT_BINDER_H

#include <linux/android/binder.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where it is on a guest of the agent's own. */
#define BINDER_DEVICE "/dev/binder"
/* What libbinder reads into at a time (IPCThreadState.cpp); less than 80 never gets a transaction. */
#define BINDER_READ_BYTES 256
#define BINDER_WRITE_BYTES 256

struct binder_end {
	int fd;
	void *map;
	size_t map_bytes;
};

/* Both directions of one BINDER_WRITE_READ; the driver consumes `write` from its start. */
struct binder_stream {
	unsigned char write[BINDER_WRITE_BYTES];
	size_t write_bytes;
	unsigned char read[BINDER_READ_BYTES];
	size_t read_bytes, read_at;
};

/* Every attempt to map is counted there, by all processes that are forked later. */
void binder_count_maps(atomic_ulong *counter);

/* libbinder's: 1 MiB less two pages. */
size_t binder_default_map_bytes(void);

/* The device that is spoken to from now on, here and in children to come; and which that is. */
void binder_use_device(const char *path);
const char *binder_device(void);

/* Opens and maps the device, read only, private, as libbinder does; 0 or the errno. */
int binder_open(struct binder_end *end);
int binder_map(struct binder_end *end, size_t bytes);
/* One that is not open is left alone. What the driver holds it frees later, in a work queue. */
void binder_close(struct binder_end *end);

/* Makes the caller the one behind handle 0, with no further threads; 0 or the errno. */
int binder_become_manager(const struct binder_end *end);

/* Appends a command to what is to be written. */
void binder_put(struct binder_stream *stream, uint32_t command, const void *data, size_t bytes);
void binder_put_free(struct binder_stream *stream, binder_uintptr_t buffer);

/*
 * Writes what was put and, if `reads`, reads; blocks until there is something. What was read
 * is then taken with binder_next. 0 or the errno.
 */
int binder_talk(const struct binder_end *end, struct binder_stream *stream, bool reads);

/* The next return that was read, its struct copied to `data`; false when all are taken. */
bool binder_next(struct binder_stream *stream, uint32_t *code, void *data, size_t bytes);

/* The errno behind this thread's last BR_FAILED_REPLY or BR_DEAD_REPLY, negative; 0: not told. */
int binder_extended_error(const struct binder_end *end);

#endif
