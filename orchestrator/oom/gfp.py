# SPDX-License-Identifier: Apache-2.0
"""Names of the gfp (get free page) flags that a numeric mask stands for.

Kernels from 4.6 print the names themselves; this is for texts that carry only the number (trace
histograms, cut lines, older kernels). Bit values: include/linux/gfp.h, later gfp_types.h. They were
renumbered four times, and the bits that allow reclaim, which almost every mask has, are elsewhere in each
numbering:

- "4.3", 2.6 to 4.3: one bit, `__GFP_WAIT` (0x10)
- "4.4", 4.4 to 4.9: `__GFP_DIRECT_RECLAIM` 0x400000, `__GFP_KSWAPD_RECLAIM` 0x2000000
- "4.17", 4.10 to 4.17: 0x400000 and 0x1000000 (`__GFP_OTHER_NODE` was dropped)
- "5.0", 4.18 to 5.0: 0x200000 and 0x400000
- "6.1" and "6.12", from 5.1: 0x400 and 0x800; they differ in bit 9 (`__GFP_ATOMIC`, unused from 6.3)

Where a release falls between two numberings (backports), or is not in the text, these bits tell which one a
mask is of. The greedy choice of names follows `__print_flags` over include/trace/events/mmflags.h, so the
result equals what the kernel would have printed.
"""

from __future__ import annotations

from typing import Literal

KernelSeries = Literal["4.3", "4.4", "4.17", "5.0", "6.1", "6.12"]

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
# 4.4 to 5.0 kept the low 20 bits of 4.3, but for the two of reclaim; __GFP_COLD and __GFP_NOTRACK went in
# 4.15, and
# __GFP_REPEAT is __GFP_RETRY_MAYFAIL from 4.13.
_BITS_4_4 = {
    **{name: bit for name, bit in _BITS_4_3.items() if name not in ("__GFP_WAIT", "__GFP_RECLAIMABLE")},
    "__GFP_RECLAIMABLE": 0x10,
    "__GFP_ATOMIC": 0x80000,
    "__GFP_ACCOUNT": 0x100000,
    "__GFP_DIRECT_RECLAIM": 0x400000,
    "__GFP_KSWAPD_RECLAIM": 0x2000000,
}
_BITS_4_17 = {
    **{name: bit for name, bit in _BITS_4_4.items() if name != "__GFP_OTHER_NODE"},
    "__GFP_WRITE": 0x800000,
    "__GFP_KSWAPD_RECLAIM": 0x1000000,
}
_BITS_5_0 = {
    **{
        name: bit
        for name, bit in _BITS_4_17.items()
        if name not in ("__GFP_COLD", "__GFP_NOTRACK", "__GFP_REPEAT")
    },
    "__GFP_RETRY_MAYFAIL": 0x400,
    "__GFP_WRITE": 0x100,
    "__GFP_DIRECT_RECLAIM": 0x200000,
    "__GFP_KSWAPD_RECLAIM": 0x400000,
}
_BITS: dict[KernelSeries, dict[str, int]] = {
    "4.3": _BITS_4_3,
    "4.4": _BITS_4_4,
    "4.17": _BITS_4_17,
    "5.0": _BITS_5_0,
    "6.1": {**_BITS_COMMON, "__GFP_ATOMIC": 0x200},
    "6.12": dict(_BITS_COMMON),
}

# In the kernel's own order: the first entry whose bits are all set is taken, then its bits are cleared.
_COMPOSITES = {
    "GFP_TRANSHUGE": "GFP_TRANSHUGE_LIGHT __GFP_DIRECT_RECLAIM",
    "GFP_TRANSHUGE_LIGHT": "GFP_USER_BITS __GFP_HIGHMEM __GFP_MOVABLE __GFP_COMP"
    " __GFP_NOMEMALLOC __GFP_NOWARN",
    "GFP_HIGHUSER_MOVABLE": "GFP_USER_BITS __GFP_RECLAIM __GFP_HIGHMEM __GFP_MOVABLE",
    "GFP_HIGHUSER": "GFP_USER_BITS __GFP_RECLAIM __GFP_HIGHMEM",
    "GFP_USER": "GFP_USER_BITS __GFP_RECLAIM",
    "GFP_KERNEL_ACCOUNT": "__GFP_RECLAIM __GFP_IO __GFP_FS __GFP_ACCOUNT",
    "GFP_KERNEL": "__GFP_RECLAIM __GFP_IO __GFP_FS",
    "GFP_NOFS": "__GFP_RECLAIM __GFP_IO",
    "GFP_ATOMIC": "__GFP_HIGH __GFP_ATOMIC __GFP_KSWAPD_RECLAIM",
    "GFP_NOIO": "__GFP_RECLAIM",
    "GFP_NOWAIT": "__GFP_KSWAPD_RECLAIM",
    "GFP_DMA": "__GFP_DMA",
}
"""What each stands for; a flag that a numbering lacks counts as no bit."""
_SINGLE_ORDER = (
    "__GFP_HIGHMEM",
    "GFP_DMA32",
    "__GFP_HIGH",
    "__GFP_ATOMIC",
    "__GFP_IO",
    "__GFP_FS",
    "__GFP_COLD",
    "__GFP_NOWARN",
    "__GFP_REPEAT",
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
    "__GFP_NOTRACK",
    "__GFP_WRITE",
    "__GFP_RECLAIM",
    "__GFP_DIRECT_RECLAIM",
    "__GFP_KSWAPD_RECLAIM",
    "__GFP_OTHER_NODE",
    "__GFP_ZEROTAGS",
)


def _known(series: KernelSeries) -> dict[str, int]:
    """Names of a numbering that are no entries of their own, or that stand for two bits."""
    bits = dict(_BITS[series])
    bits["GFP_DMA32"] = bits["__GFP_DMA32"]
    bits["__GFP_RECLAIM"] = bits["__GFP_DIRECT_RECLAIM"] | bits["__GFP_KSWAPD_RECLAIM"]
    bits["GFP_USER_BITS"] = bits["__GFP_IO"] | bits["__GFP_FS"] | bits["__GFP_HARDWALL"]
    return bits


def _table(series: KernelSeries) -> list[tuple[str, int]]:
    known = _known(series)
    for name, parts in reversed(_COMPOSITES.items()):
        known[name] = 0
        for part in parts.split():
            known[name] |= known.get(part, 0)
    # GFP_TRANSHUGE, the first, is the light one with a bit more.
    known["GFP_TRANSHUGE"] |= known["GFP_TRANSHUGE_LIGHT"]
    return [(name, known[name]) for name in (*_COMPOSITES, *_SINGLE_ORDER) if known.get(name)]


_TABLES: dict[KernelSeries, list[tuple[str, int]]] = {
    "4.3": [*_COMPOSITE_4_3.items(), *_BITS_4_3.items()],
    **{series: _table(series) for series in ("4.4", "4.17", "5.0", "6.1", "6.12")},
}

# (first release that has it, numbering)
_SINCE: tuple[tuple[tuple[int, int], KernelSeries], ...] = (
    ((6, 3), "6.12"),
    ((5, 1), "6.1"),
    ((4, 18), "5.0"),
    ((4, 10), "4.17"),
    ((4, 4), "4.4"),
    ((2, 6), "4.3"),
)
_RANGES: dict[KernelSeries, str] = {
    "4.3": "2.6 to 4.3",
    "4.4": "4.4 to 4.9",
    "4.17": "4.10 to 4.17",
    "5.0": "4.18 to 5.0",
    "6.1": "5.1 to 6.2",
    "6.12": "6.3 and later",
}
_RENUMBERED = ((4, 10), (4, 18), (5, 1))
"""Releases whose early or patched builds may number as the one before, or the one after."""


def version_of(release: str) -> tuple[int, int] | None:
    """(6, 1) of a release such as "6.1.0-56-arm64"; None where none can be read."""
    parts = release.split(".")
    try:
        return int(parts[0]), int("".join(ch for ch in parts[1][:4] if ch.isdigit()))
    except (IndexError, ValueError):
        return None


def series_of(release: str) -> KernelSeries | None:
    """Which numbering a kernel release such as "6.1.0-56-arm64" has; None where it is not known."""
    version = version_of(release)
    if version is None:
        return None
    return next((series for since, series in _SINCE if version >= since), None)


def series_of_mask(mask: int, release: str = "") -> KernelSeries | None:
    """Which numbering a mask is of: the release's, else by its bits of reclaim; None: not known."""
    series = series_of(release)
    if series is None:
        return None if release else _by_reclaim(mask)
    return (_by_reclaim(mask) or series) if version_of(release) in _RENUMBERED else series


def _by_reclaim(mask: int) -> KernelSeries | None:
    """The numbering whose bits of reclaim a mask has."""
    if mask & 0x2000000:
        return "4.4"
    if mask & 0x10 and not mask & 0xC00:
        return "4.3"
    if mask & 0x1000000 and not mask & 0xC00:
        return "4.17"
    if mask & 0x600000 and not mask & 0xC00:
        return "5.0"
    if mask & 0xC00:
        return "6.1" if mask & 0x200 else "6.12"
    return "4.3" if mask & 0x20 else None


def numbering(mask: str | None, kernel: str | None) -> str:
    """Where the names of a bare mask are from, in words: "the numbering of 4.4 to 4.9"; "" if not known."""
    series = series_of_mask(_number(mask), kernel or "")
    return "" if series is None else f"the numbering of {_RANGES[series]}"


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
    """Flag names: as printed, else decoded where the numbering is known or shows; "" if neither."""
    if flags or mask is None:
        return flags or ""
    number = _number(mask)
    series = series_of_mask(number, kernel or "")
    return decode(number, series) if series and number else ""


_FORMER = {
    "GFP_TEMPORARY": "GFP_KERNEL|__GFP_RECLAIMABLE",
    "__GFP_ATOMIC": "__GFP_HIGH",
    "__GFP_COLD": "",
    "__GFP_NOTRACK": "",
    "__GFP_OTHER_NODE": "",
    "__GFP_REPEAT": "__GFP_RETRY_MAYFAIL",
    "__GFP_WAIT": "__GFP_RECLAIM",
}


def names_of(series: KernelSeries) -> tuple[str, ...]:
    """Every name that a numbering has, composites first."""
    return tuple(dict.fromkeys((*dict(_TABLES[series]), *_BITS[series], "GFP_DMA32")))


def former_names(series: KernelSeries) -> dict[str, str]:
    """Names that a numbering has no more, and what of it asks the same; "": nothing does, and needs not."""
    there = names_of(series)
    return {name: now for name, now in _FORMER.items() if name not in there}


def _number(mask: str | None) -> int:
    return int(mask, 16) if mask is not None and len(mask) <= 18 else 0
