# SPDX-License-Identifier: Apache-2.0
"""A guest's memory at made-up moments, with the fields that real samples have."""

from __future__ import annotations

from orchestrator.memory.sample import MemorySample, ZoneState

ORDERS = 11
_MEMINFO_KB = {
    "MemTotal": 229_504, "Buffers": 0, "Cached": 3_696, "Active(anon)": 264, "Inactive(anon)": 2_892,
    "Active(file)": 0, "Inactive(file)": 0, "Unevictable": 2_240, "AnonPages": 1_700, "Mapped": 832,
    "SReclaimable": 10_572, "SUnreclaim": 17_804, "KernelStack": 752, "PageTables": 120, "Percpu": 136,
}  # fmt: skip
_VMSTAT = {
    "allocstall_normal": 444, "oom_kill": 0, "compact_stall": 888, "compact_fail": 885, "compact_success": 3,
    "pgmigrate_success": 481, "compact_migrate_scanned": 20_540, "compact_free_scanned": 2_813,
}  # fmt: skip


def moment(when: str, t_us: int, free_kb: int) -> MemorySample:
    """Memory with `free_kb` free, nearly all of it in single pages."""
    pages = free_kb // 4
    unmovable = (pages - 24, 4, 2, 1, *([0] * (ORDERS - 4)))
    empty = (0,) * ORDERS
    zone = ZoneState(
        free_kb=free_kb, boost_kb=0, min_kb=1_872, low_kb=2_340, high_kb=2_808, present_kb=262_144,
        managed_kb=229_504, cma_kb=0, free_cma_kb=0, per_cpu_kb=140,
    )  # fmt: skip
    return MemorySample(
        when=when, t_us=t_us, page_size_bytes=4096, free_kb=free_kb,
        usable_units=tuple(sum(unmovable[order:]) for order in range(ORDERS)),
        free_blocks={"Unmovable": unmovable, "Movable": empty, "Reclaimable": empty, "HighAtomic": empty},
        cma_free_kb=0, highatomic_free_kb=0, zones={"Node 0 DMA": zone},
        usable_indexes=tuple((min(1000, order * 100), 900) for order in range(ORDERS)),
        unusable_index={"Node 0 DMA": tuple(min(1.0, order / 10) for order in range(ORDERS))},
        extfrag_index={"Node 0 DMA": tuple([0.9] * ORDERS)},
        vmstat=_VMSTAT, meminfo_kb=_MEMINFO_KB | {"MemFree": free_kb},
    )  # fmt: skip
