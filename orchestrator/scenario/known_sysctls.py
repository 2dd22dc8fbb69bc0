# SPDX-License-Identifier: Apache-2.0
"""Sysctls below `vm.` that Linux 6.1 to 6.18 know, and the values that the kernel takes of some.

Names: Documentation/admin-guide/sysctl/vm.rst and the tables of mm/ and kernel/sysctl.c. Ranges: `extra1`
and `extra2` of these.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping

from orchestrator.scenario.fields import Cross

_RANGES: Mapping[str, tuple[int, int]] = {
    "compact_unevictable_allowed": (0, 1),
    "compaction_proactiveness": (0, 100),
    "dirty_background_ratio": (0, 100),
    "dirty_ratio": (0, 100),
    "extfrag_threshold": (0, 1000),
    "min_slab_ratio": (0, 100),
    "min_unmapped_ratio": (0, 100),
    "overcommit_memory": (0, 2),
    "panic_on_oom": (0, 2),
    "swappiness": (0, 200),
    "watermark_scale_factor": (1, 3000),
}
_NAMES = frozenset(_RANGES) | frozenset(
    [
        "admin_reserve_kbytes",
        "compact_memory",
        "defrag_mode",
        "dirty_background_bytes",
        "dirty_bytes",
        "dirty_expire_centisecs",
        "dirty_writeback_centisecs",
        "dirtytime_expire_seconds",
        "drop_caches",
        "enable_soft_offline",
        "hugetlb_optimize_vmemmap",
        "hugetlb_shm_group",
        "laptop_mode",
        "legacy_va_layout",
        "lowmem_reserve_ratio",
        "max_map_count",
        "mem_profiling",
        "memfd_noexec",
        "memory_failure_early_kill",
        "memory_failure_recovery",
        "min_free_kbytes",
        "mmap_min_addr",
        "mmap_rnd_bits",
        "mmap_rnd_compat_bits",
        "movable_gigantic_pages",
        "nr_hugepages",
        "nr_hugepages_mempolicy",
        "nr_overcommit_hugepages",
        "numa_stat",
        "numa_zonelist_order",
        "oom_dump_tasks",
        "oom_kill_allocating_task",
        "overcommit_kbytes",
        "overcommit_ratio",
        "page-cluster",
        "page_lock_unfairness",
        "percpu_pagelist_high_fraction",
        "stat_interval",
        "stat_refresh",
        "unprivileged_userfaultfd",
        "user_reserve_kbytes",
        "vfs_cache_pressure",
        "vfs_cache_pressure_denom",
        "watermark_boost_factor",
        "zone_reclaim_mode",
    ]
)
_CLASS = "vm."
_NEAR = 0.85
"""How alike (difflib's ratio) a slip is to a known name; others may be a vendor's own."""


def sysctl_problems(path: tuple[str, ...], sysctls: Mapping[str, int | str]) -> Iterator[Cross]:
    """Names that are nearly a known one, and numbers that no kernel takes, at their keys below `path`."""
    for name, value in sysctls.items():
        own = name.removeprefix(_CLASS)
        if own == name:
            continue
        near = difflib.get_close_matches(own, _NAMES, n=1, cutoff=_NEAR)
        if own not in _NAMES and near:
            yield Cross((*path, name), f"no kernel is known to have a sysctl '{name}'", f"{_CLASS}{near[0]}")
        elif own in _RANGES and not _fits(value, *_RANGES[own]):
            low, high = _RANGES[own]
            yield Cross((*path, name), f"{name} takes {low} to {high}, not {value}")


def _fits(value: int | str, low: int, high: int) -> bool:
    """Texts are as the kernel reads numbers: what is none is left to it."""
    try:
        number = int(str(value), 0)
    except ValueError:
        return True
    return low <= number <= high
