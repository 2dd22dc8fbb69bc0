// SPDX-License-Identifier: Apache-2.0
/* Small files of /proc, /sys and /dev, read and written whole. */
#ifndef OOMLAB_AGENT_FILE_H
#define OOMLAB_AGENT_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes read (the text is always terminated, and cut at size - 1), or -1 with errno. */
long file_read(const char *path, char *text, size_t size);

/* One write of the whole text; -1 with errno. */
int file_write(const char *path, const char *text);
int file_write_number(const char *path, long long number);

bool file_exists(const char *path);

/* Where a block device is: below /dev/block, where Android's ueventd puts it, else below /dev. Until the next call. */
const char *file_block_device(const char *name);

#endif
