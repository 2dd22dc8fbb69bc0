// SPDX-License-Identifier: Apache-2.0
#include "agent/fingerprint.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#define KPF_BUDDY 10 /* include/uapi/linux/kernel-page-flags.h */
#define FRAMES 8192
/* FNV-1a, 64 bits: draft-eastlake-fnv. */
#define FNV_START 0xcbf29ce484222325u
#define FNV_PRIME 0x100000001b3u

static uint64_t flags[FRAMES];

static uint64_t mix(uint64_t hash, uint64_t value)
{
	for (int byte = 0; byte < 8; byte++)
		hash = (hash ^ ((value >> (8 * byte)) & 0xff)) * FNV_PRIME;
	return hash;
}

const char *fingerprint_free_memory(void)
{
	static char text[20];
	uint64_t hash = FNV_START, frame = 0;
	int fd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	ssize_t bytes;

	text[0] = '\0';
	if (fd < 0)
		return text;
	while ((bytes = read(fd, flags, sizeof(flags))) > 0)
		for (size_t i = 0; i < (size_t)bytes / sizeof(flags[0]); i++, frame++)
			if (flags[i] >> KPF_BUDDY & 1)
				hash = mix(hash, frame);
	close(fd);
	snprintf(text, sizeof(text), "%016" PRIx64, hash);
	return text;
}
