# SPDX-License-Identifier: Apache-2.0
"""What gfp flags mean, in a few words each.

After include/linux/gfp_types.h and Documentation/core-api/memory-allocation.rst; names that newer kernels
dropped are as gfp.h of Linux 2.6 to 5.x explains them.
"""

from __future__ import annotations

_WORDS = {
    "GFP_ATOMIC": "cannot wait; may use a part of what lies below min, and the highatomic reserve",
    "GFP_KERNEL": "memory of the kernel; may wait, reclaim, write to disks and file systems",
    "GFP_KERNEL_ACCOUNT": "as GFP_KERNEL, charged to the cgroup",
    "GFP_NOWAIT": "cannot wait; wakes the background reclaim only",
    "GFP_NOIO": "may wait and reclaim, but start no I/O",
    "GFP_NOFS": "may wait and reclaim, but call no file system",
    "GFP_USER": "memory that user space shares with the kernel; may wait and reclaim",
    "GFP_HIGHUSER": "memory of user space, also from high memory; not movable",
    "GFP_HIGHUSER_MOVABLE": "memory of user space that can be moved: also from Movable and CMA",
    "GFP_TEMPORARY": "memory of the kernel that is given back soon",
    "GFP_TRANSHUGE": "a huge page for user space; may compact",
    "GFP_TRANSHUGE_LIGHT": "a huge page for user space; gives up rather than wait",
    "GFP_DMA": "from zone DMA only",
    "GFP_DMA32": "from zone DMA32 or below only",
    "__GFP_DMA": "from zone DMA only",
    "__GFP_DMA32": "from zone DMA32 or below only",
    "__GFP_HIGHMEM": "also from high memory",
    "__GFP_MOVABLE": "can be moved: also from Movable and CMA",
    "__GFP_RECLAIMABLE": "can be reclaimed by a shrinker: goes to reclaimable blocks",
    "__GFP_HIGH": "urgent: may go down to half of min",
    "__GFP_ATOMIC": "cannot wait and is urgent",
    "__GFP_IO": "may start I/O",
    "__GFP_FS": "may call file systems",
    "__GFP_WAIT": "may wait and reclaim",
    "__GFP_RECLAIM": "may wait and reclaim",
    "__GFP_DIRECT_RECLAIM": "may wait and reclaim",
    "__GFP_KSWAPD_RECLAIM": "wakes the background reclaim",
    "__GFP_ZERO": "filled with zeros",
    "__GFP_COMP": "one compound page",
    "__GFP_WRITE": "will be dirtied soon",
    "__GFP_NOWARN": "no warning when it fails",
    "__GFP_REPEAT": "tries harder before it fails",
    "__GFP_RETRY_MAYFAIL": "tries harder before it fails, but does not cause an OOM kill",
    "__GFP_NOFAIL": "may not fail: tries for ever",
    "__GFP_NORETRY": "fails early, and does not cause an OOM kill",
    "__GFP_MEMALLOC": "may use all reserves",
    "__GFP_NOMEMALLOC": "may not use reserves",
    "__GFP_HARDWALL": "from the nodes of its cpuset only",
    "__GFP_THISNODE": "from one node only",
    "__GFP_ACCOUNT": "charged to the cgroup",
    "__GFP_COLD": "need not be in the CPU's cache",
    "__GFP_NOTRACK": "not watched by a memory checker",
    "__GFP_NOLOCKDEP": "not watched by the lock checker",
    "__GFP_ZEROTAGS": "memory tags cleared as well",
    "__GFP_SKIP_ZERO": "not cleared by the hardware's tagging",
    "__GFP_SKIP_KASAN": "not poisoned by a memory checker",
    "__GFP_SKIP_KASAN_POISON": "not poisoned by a memory checker",
    "__GFP_SKIP_KASAN_UNPOISON": "not poisoned by a memory checker",
    "__GFP_OTHER_NODE": "counted as another node's",
    "__GFP_NO_OBJ_EXT": "not profiled",
}
_UNKNOWN = "(not known here)"


def in_words(names: str) -> list[tuple[str, str]]:
    """(flag, meaning) of each flag in "GFP_KERNEL|__GFP_ZERO", in its order."""
    return [(name, _WORDS.get(name, _UNKNOWN)) for name in names.split("|") if name]
