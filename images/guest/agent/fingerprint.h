// SPDX-License-Identifier: Apache-2.0
/* Whether two guests' free memory lies in the same places. */
#ifndef OOMLAB_AGENT_FINGERPRINT_H
#define OOMLAB_AGENT_FINGERPRINT_H

/*
 * A 64-bit hash, in hex, over which page frames begin a free block (KPF_BUDDY of
 * /proc/kpageflags, Documentation/admin-guide/mm/pagemap.rst). "" when the kernel does not
 * tell. Free lists with equal counts but other places give another hash.
 */
const char *fingerprint_free_memory(void);

#endif
