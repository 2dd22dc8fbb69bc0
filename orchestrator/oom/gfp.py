# SPDX-License-Identifier: Apache-2.0
"""Names of the gfp (get free page) flags that a numeric mask stands for.

Kernels from 4.6 print the names themselves; this is for texts that carry only the number (trace
histograms, cut lines, older kernels). Bit values: include/linux/gfp_types.h of Linux 6.1 and
gfp.h/gfp_types.h of 6.12; they are the same in both except bit 9 (`__GFP_ATOMIC` in 6.1, unused in 6.12).
The greedy choice of names follows `__print_flags` over include/trace/events/mmflags.h, so the result equals
what the kernel would have printed. "4.3" stands for the numbering of 2.6 to 4.3 (include/linux/gfp.h), which
grew without any bit changing its meaning; 4.4 to 5.7 changed theirs from version to version.
"""

from __future__ import annotations

from typing import Literal

KernelSeries = Literal["4.3", "6.1", "6.12"]

_BITS_COMMON = {
    "__GFP_DMA": 0x01,
    "__GFP_HIGHMEM": 0x02,
    "__GFP_DMA32": 0x04,
    "__GFP_MOVABLE": 0x08,
    "__GFP_RECLAIMABLE": 0x10,
    "__GFP_HIGH": 0x20,
    "__GFP_IO": 0x40,
    "__GFP_FS": 0x80,
    "__GFP_ZERO": 0x100,
    "__GFP_DIRECT_RECLAIM": 0x400,
    "__GFP_KSWAPD_RECLAIM": 0x800,
    "__GFP_WRITE": 0x1000,
    "__GFP_NOWARN": 0x2000,
    "__GFP_RETRY_MAYFAIL": 0x4000,
    "__GFP_NOFAIL": 0x8000,
    "__GFP_NORETRY": 0x10000,
    "__GFP_MEMALLOC": 0x20000,
    "__GFP_COMP": 0x40000,
    "__GFP_NOMEMALLOC": 0x80000,
    "__GFP_HARDWALL": 0x100000,
    "__GFP_THISNODE": 0x200000,
    "__GFP_ACCOUNT": 0x400000,
    "__GFP_ZEROTAGS": 0x800000,
}
_BITS_4_3 = {
    "__GFP_DMA": 0x01,
    "__GFP_HIGHMEM": 0x02,
    "__GFP_DMA32": 0x04,
    "__GFP_MOVABLE": 0x08,
    "__GFP_WAIT": 0x10,
    "__GFP_HIGH": 0x20,
    "__GFP_IO": 0x40,
    "__GFP_FS": 0x80,
    "__GFP_COLD": 0x100,
    "__GFP_NOWARN": 0x200,
    "__GFP_REPEAT": 0x400,
    "__GFP_NOFAIL": 0x800,
    "__GFP_NORETRY": 0x1000,
    "__GFP_MEMALLOC": 0x2000,
    "__GFP_COMP": 0x4000,
    "__GFP_ZERO": 0x8000,
    "__GFP_NOMEMALLOC": 0x10000,
    "__GFP_HARDWALL": 0x20000,
    "__GFP_THISNODE": 0x40000,
    "__GFP_RECLAIMABLE": 0x80000,
    "__GFP_NOTRACK": 0x200000,
    "__GFP_OTHER_NODE": 0x800000,
    "__GFP_WRITE": 0x1000000,
}
_COMPOSITE_4_3 = {
    "GFP_HIGHUSER_MOVABLE": 0x200DA,
    "GFP_HIGHUSER": 0x200D2,
    "GFP_USER": 0x200D0,
    "GFP_KERNEL": 0xD0,
    "GFP_NOFS": 0x50,
    "GFP_ATOMIC": 0x20,
    "GFP_NOIO": 0x10,
    "GFP_DMA": 0x01,
    "GFP_DMA32": 0x04,
}
_BITS: dict[KernelSeries, dict[str, int]] = {
    "4.3": _BITS_4_3,
    "6.1": {**_BITS_COMMON, "__GFP_ATOMIC": 0x200},
    "6.12": dict(_BITS_COMMON),
}

# In the kernel's own order: the first entry whose bits are all set is taken, then its bits are cleared.
_COMPOSITE_FIRST = (
    ("GFP_HIGHUSER_MOVABLE", 0x100CCA),
    ("GFP_HIGHUSER", 0x100CC2),
    ("GFP_USER", 0x100CC0),
    ("GFP_KERNEL_ACCOUNT", 0x400CC0),
    ("GFP_KERNEL", 0xCC0),
    ("GFP_NOFS", 0xC40),
)
_AFTER_ATOMIC = (("GFP_NOIO", 0xC00), ("GFP_NOWAIT", 0x800), ("GFP_DMA", 0x01))
_SINGLE_ORDER = (
    "__GFP_HIGHMEM",
    "GFP_DMA32",
    "__GFP_HIGH",
    "__GFP_ATOMIC",
    "__GFP_IO",
    "__GFP_FS",
    "__GFP_NOWARN",
    "__GFP_RETRY_MAYFAIL",
    "__GFP_NOFAIL",
    "__GFP_NORETRY",
    "__GFP_COMP",
    "__GFP_ZERO",
    "__GFP_NOMEMALLOC",
    "__GFP_MEMALLOC",
    "__GFP_HARDWALL",
    "__GFP_THISNODE",
    "__GFP_RECLAIMABLE",
    "__GFP_MOVABLE",
    "__GFP_ACCOUNT",
    "__GFP_WRITE",
    "__GFP_RECLAIM",
    "__GFP_DIRECT_RECLAIM",
    "__GFP_KSWAPD_RECLAIM",
    "__GFP_ZEROTAGS",
)
_EXTRA_SINGLES = {"GFP_DMA32": 0x04, "__GFP_RECLAIM": 0xC00}

# A huge-page request is movable user memory that gives up early; printed under its own name.
_TRANSHUGE_LIGHT = 0x1C20CA
_TRANSHUGE = _TRANSHUGE_LIGHT | 0x400


def _table(series: KernelSeries) -> list[tuple[str, int]]:
    bits = _BITS[series]
    atomic = 0xA20 if series == "6.1" else 0x820
    table = [("GFP_TRANSHUGE", _TRANSHUGE), ("GFP_TRANSHUGE_LIGHT", _TRANSHUGE_LIGHT)]
    table += [*_COMPOSITE_FIRST, ("GFP_ATOMIC", atomic), *_AFTER_ATOMIC]
    for name in _SINGLE_ORDER:
        mask = _EXTRA_SINGLES.get(name, bits.get(name, 0))
        if mask:
            table.append((name, mask))
    return table


_TABLES: dict[KernelSeries, list[tuple[str, int]]] = {
    "4.3": [*_COMPOSITE_4_3.items(), *_BITS_4_3.items()],
    "6.1": _table("6.1"),
    "6.12": _table("6.12"),
}


def series_of(release: str) -> KernelSeries | None:
    """Which table fits a kernel release such as "6.1.0-56-arm64"; None where no table does."""
    parts = release.split(".")
    try:
        version = (int(parts[0]), int("".join(ch for ch in parts[1] if ch.isdigit())))
    except (IndexError, ValueError):
        return None
    if (2, 6) <= version < (4, 4):
        return "4.3"
    if version < (5, 8):
        return None
    return "6.1" if version < (6, 3) else "6.12"


def decode(mask: int, series: KernelSeries = "6.1") -> str:
    """`0x40dc0` -> "GFP_KERNEL|__GFP_COMP|__GFP_ZERO"; "" for 0; unknown bits stay as one hex number."""
    names = []
    for name, bits in _TABLES[series]:
        if mask & bits == bits:
            names.append(name)
            mask &= ~bits
    if mask > 0:
        names.append(hex(mask))
    return "|".join(names)


def mask_of(names: str, series: KernelSeries = "6.1") -> int:
    """The inverse of `decode`; hex numbers are taken as they are. Raises KeyError for an unknown name."""
    table = dict(_TABLES[series]) | _BITS[series]
    mask = 0
    for name in filter(None, names.split("|")):
        mask |= int(name, 16) if name.startswith("0x") else table[name]
    return mask


def printed_or_decoded(flags: str | None, mask: str | None, kernel: str | None) -> str:
    """Flag names: as printed, else decoded where the kernel is known to number them so; "" if neither."""
    if flags or mask is None:
        return flags or ""
    series = series_of(kernel or "")
    number = int(mask, 16) if len(mask) <= 18 else 0
    return decode(number, series) if series and number else ""
