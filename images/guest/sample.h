// SPDX-License-Identifier: Apache-2.0
/* Raw copies of the kernel's own files, for the record. */
#ifndef OOMLAB_SAMPLE_H
#define OOMLAB_SAMPLE_H

/* All sample files; `when` is before, target or after. */
void sample_all(const char *when);

/* /proc/vmstat alone. */
void sample_vmstat(const char *when);

/* Areas of /proc/vmallocinfo whose caller is binder; they are there while maps are held. */
void sample_vmallocinfo(void);

#endif
