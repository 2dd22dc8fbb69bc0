// SPDX-License-Identifier: Apache-2.0
#include "agent/binder.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define DEFAULT_MAP_BYTES (1u << 20)

static atomic_ulong *maps;
static const char *device = BINDER_DEVICE;

void binder_use_device(const char *path)
{
	device = path;
}

const char *binder_device(void)
{
	return device;
}

size_t binder_default_map_bytes(void)
{
	return DEFAULT_MAP_BYTES - 2 * (size_t)sysconf(_SC_PAGESIZE);
}

int binder_open(struct binder_end *end)
{
	end->map = MAP_FAILED;
	end->fd = open(device, O_RDWR | O_CLOEXEC);
	return end->fd < 0 ? errno : 0;
}

void binder_count_maps(atomic_ulong *counter)
{
	maps = counter;
}

int binder_map(struct binder_end *end, size_t bytes)
{
	if (maps)
		atomic_fetch_add(maps, 1);
	end->map = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE | MAP_NORESERVE, end->fd, 0);
	end->map_bytes = bytes;
	return end->map == MAP_FAILED ? errno : 0;
}

void binder_close(struct binder_end *end)
{
	if (end->fd < 0)
		return;
	if (end->map != MAP_FAILED)
		munmap(end->map, end->map_bytes);
	close(end->fd);
	end->fd = -1;
}

/*
 * Without the security-context flag: with it every call fails where no security module gives
 * a context.
 */
int binder_become_manager(const struct binder_end *end)
{
	uint32_t threads = 0;
	int32_t unused = 0;

	if (ioctl(end->fd, BINDER_SET_MAX_THREADS, &threads) < 0)
		return errno;
	return ioctl(end->fd, BINDER_SET_CONTEXT_MGR, &unused) < 0 ? errno : 0;
}

void binder_put(struct binder_stream *stream, uint32_t command, const void *data, size_t bytes)
{
	memcpy(stream->write + stream->write_bytes, &command, sizeof(command));
	stream->write_bytes += sizeof(command);
	if (bytes)
		memcpy(stream->write + stream->write_bytes, data, bytes);
	stream->write_bytes += bytes;
}

void binder_put_free(struct binder_stream *stream, binder_uintptr_t buffer)
{
	binder_put(stream, BC_FREE_BUFFER, &buffer, sizeof(buffer));
}

int binder_talk(const struct binder_end *end, struct binder_stream *stream, bool reads)
{
	struct binder_write_read both = {
		.write_size = stream->write_bytes,
		.write_buffer = (binder_uintptr_t)stream->write,
		.read_size = reads ? sizeof(stream->read) : 0,
		.read_buffer = (binder_uintptr_t)stream->read,
	};

	/* Interrupted, it is to be called again with what it has consumed. */
	while (ioctl(end->fd, BINDER_WRITE_READ, &both) < 0)
		if (errno != EINTR)
			return errno;
	stream->write_bytes = 0;
	stream->read_bytes = both.read_consumed;
	stream->read_at = 0;
	return 0;
}

bool binder_next(struct binder_stream *stream, uint32_t *code, void *data, size_t bytes)
{
	size_t length;

	if (stream->read_bytes - stream->read_at < sizeof(*code))
		return false;
	memcpy(code, stream->read + stream->read_at, sizeof(*code));
	stream->read_at += sizeof(*code);
	/* The code carries the size of its struct, so unknown ones can be skipped. */
	length = _IOC_SIZE(*code);
	if (length <= stream->read_bytes - stream->read_at && length <= bytes)
		memcpy(data, stream->read + stream->read_at, length);
	stream->read_at += length;
	return true;
}

int binder_extended_error(const struct binder_end *end)
{
#ifdef BINDER_GET_EXTENDED_ERROR
	struct binder_extended_error error = { 0 };

	if (ioctl(end->fd, BINDER_GET_EXTENDED_ERROR, &error) == 0)
		return error.param;
#endif
	(void)end;
	return 0;
}
