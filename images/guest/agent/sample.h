// SPDX-License-Identifier: Apache-2.0
/* Raw copies of the kernel's own files, for the record. */
#ifndef OOMLAB_AGENT_SAMPLE_H
#define OOMLAB_AGENT_SAMPLE_H

#include <stdbool.h>

/* All sample files; `when` is before, target or after. */
void sample_all(const char *when);

/* /proc/vmstat alone. */
void sample_vmstat(const char *when);

/*
 * What a memory picture is compared with: meminfo, zoneinfo, buddyinfo. The files are opened and
 * read once before memory is short, so that the kernel has its buffers for them: a look then
 * takes no memory. False with errno.
 */
bool sample_picture_open(void);
void sample_picture(const char *when);

/* Areas of /proc/vmallocinfo whose caller is binder; they are there while maps are held. */
void sample_vmallocinfo(void);

#endif
