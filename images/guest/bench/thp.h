// SPDX-License-Identifier: Apache-2.0
/* Transparent huge pages of anonymous memory: which sizes the kernel has, and that it may give them. */
#ifndef OOMLAB_BENCH_THP_H
#define OOMLAB_BENCH_THP_H

#include <stddef.h>
#include <stdint.h>

/* What one entry of the level above page tables maps; 0: the kernel has no transparent huge pages. */
size_t thp_pmd_bytes(void);

/*
 * Has the kernel give them to who asks by madvise, where they are off: by the guest's command line, where memory is
 * less than 512 MiB (mm/huge_memory.c, hugepage_init), and, of sizes other than the usual, anywhere. Called while
 * memory is plenty, since it can make the kernel set its watermarks anew (mm/khugepaged.c,
 * set_recommended_min_free_kbytes).
 */
void thp_enable(const uint64_t *sizes, size_t count);

/*
 * Remembers counters of /proc/vmstat, and writes those that moved since, as "thp_fault_alloc 50". Read where costs are:
 * kswapd and kcompactd may work on after the last fault.
 */
void thp_count(void);
void thp_counted(char *moved, size_t size);

/* What holds for huge pages of that size: "enabled=madvise,defrag=madvise". */
void thp_settings(size_t bytes, char *text, size_t size);

#endif
