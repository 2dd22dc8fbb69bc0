# SPDX-License-Identifier: Apache-2.0
"""Devices made up for the tests, as the kernel prints them: /proc of 5.10 to 6.12, getprop, sysctl."""

from __future__ import annotations

from collections.abc import Sequence

COUNTS = (3313, 165, 35, 15, 0, 0, 0, 0, 0, 0, 0)


def meminfo(*, total_kb: int = 1_935_360, free_kb: int = 15_612, cma_kb: int | None = 204_800) -> str:
    """fs/proc/meminfo.c; 2 GB, half of the lines."""
    lines = {
        "MemTotal": total_kb, "MemFree": free_kb, "MemAvailable": 541_204, "Buffers": 3_232,
        "Cached": 612_840,
        "SwapCached": 21_000, "Active": 363_544, "Inactive": 409_444, "Active(anon)": 188_384,
        "Inactive(anon)": 231_708, "Active(file)": 175_160, "Inactive(file)": 177_736, "Unevictable": 58_772,
        "Mlocked": 58_772, "SwapTotal": 1_048_572, "SwapFree": 262_144, "Dirty": 48, "Writeback": 0,
        "AnonPages": 441_000, "Mapped": 337_940, "Shmem": 17_100, "KReclaimable": 113_000,
        "Slab": 213_788, "SReclaimable": 86_704, "SUnreclaim": 127_084, "KernelStack": 34_960,
        "ShadowCallStack": 8_740, "PageTables": 53_468, "CommitLimit": 2_016_252, "VmallocTotal": 263_061_440,
    }  # fmt: skip
    if cma_kb is not None:
        lines |= {"CmaTotal": cma_kb, "CmaFree": 44}
    return (
        "".join(f"{name + ':':<16}{kb:>8} kB\n" for name, kb in lines.items()) + "HugePages_Total:       0\n"
    )


def zoneinfo(*, pages: int = 483_840, page_kb: int = 4, nodes: int = 1) -> str:
    """mm/vmstat.c, zoneinfo_show_print()."""
    unit = page_kb // 4
    return "".join(
        f"""\
Node {node}, zone   Normal
  per-node stats
      nr_inactive_anon 57927
      nr_active_anon 47096
  pages free     {3903 // unit}
        boost    0
        min      {2048 // unit}
        low      {10654 // unit}
        high     {11541 // unit}
        spanned  {pages + 8192}
        present  {pages + 8192}
        managed  {pages}
        cma      {51200 // unit}
        protection: (0, 0, 0)
      nr_free_pages {3903 // unit}
      nr_zone_inactive_anon 57927
      nr_free_cma  {11 // unit}
  pagesets
    cpu: 0
              count: 42
              high:  378
              batch: 63
  vm stats threshold: 24
  node_unreclaimable:  0
  start_pfn:           262144
Node {node}, zone  Movable
  pages free     0
        min      0
        low      0
        high     0
        spanned  0
        present  0
        managed  0
        protection: (0, 0, 0)
"""
        for node in range(nodes)
    )


def buddyinfo(counts: Sequence[int] = COUNTS) -> str:
    """mm/vmstat.c, frag_show_print()."""
    return "Node 0, zone   Normal " + "".join(f"{count:6d} " for count in counts) + "\n"


def pagetypeinfo(counts: Sequence[int] = COUNTS, *, atomic: int = 2) -> str:
    """mm/vmstat.c, pagetypeinfo_show(); the blocks of order 2 are of the highatomic reserve in part."""
    rows = {"Unmovable": [*counts[:2], counts[2] - atomic, *counts[3:]], "Movable": [0] * 11,
            "HighAtomic": [0, 0, atomic, *[0] * 8], "CMA": [3, 4, *[0] * 9]}  # fmt: skip
    head = "Free pages count per migrate type at order " + "".join(f"{order:6d} " for order in range(11))
    free = "".join(
        f"Node {0:4d}, zone {'Normal':>8}, type {name:>12} " + "".join(f"{count:6d} " for count in row) + "\n"
        for name, row in rows.items()
    )
    blocks = "Number of blocks type     Unmovable      Movable  HighAtomic      CMA \n"
    blocks += f"Node {0}, zone {'Normal':>8} {100:12d} {300:12d} {1:12d} {50:12d} \n"
    return f"Page block order: 10\nPages per block:  1024\n\n{head}\n{free}\n{blocks}"


VMSTAT = "nr_free_pages 3903\nnr_zone_inactive_anon 57927\npgscan_kswapd 6000000\nallocstall_normal 220\n"
SWAPS = "Filename\tType\tSize\tUsed\tPriority\n/dev/block/zram0   partition\t1048572\t786428\t-2\n"
CPUINFO = (
    "".join(
        f"processor\t: {cpu}\nBogoMIPS\t: 38.40\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\n\n"
        for cpu in range(8)
    )
    + "Hardware\t: Vendor, Inc\n"
)
VERSION = "Linux version 5.10.168-android12-9 (builder@host) (clang 12) #1 SMP PREEMPT Mon Jan 1 2026\n"
GETPROP = (
    "[ro.product.cpu.abi]: [arm64-v8a]\n[ro.product.manufacturer]: [Some]\n[ro.product.model]: [Phone Go]\n"
    "[ro.config.low_ram]: [true]\n"
)
SYSCTLS = "vm.min_free_kbytes = 8192\nvm.swappiness = 100\nvm.watermark_scale_factor = 97\n"

PARTS = {
    "/proc/meminfo": meminfo(), "/proc/zoneinfo": zoneinfo(), "/proc/buddyinfo": buddyinfo(),
    "/proc/pagetypeinfo": pagetypeinfo(), "/proc/vmstat": VMSTAT, "/proc/swaps": SWAPS,
    "/proc/cpuinfo": CPUINFO,
    "/proc/version": VERSION, "getprop": GETPROP, "sysctl -a": SYSCTLS,
}  # fmt: skip
"""By the command or the file."""
