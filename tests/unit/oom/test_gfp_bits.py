# SPDX-License-Identifier: Apache-2.0
"""Every flag alone and every combination with a name, by the numbers of its bits.

Bit numbers: the enum of include/linux/gfp_types.h (6.12; in 6.1 the same positions as masks), and
include/linux/gfp.h of 4.3. Combinations: the GFP_ macros of the same files.
"""

from __future__ import annotations

import pytest

from orchestrator.oom.gfp import KernelSeries, decode, mask_of, printed_or_decoded, series_of

NEW = [
    "DMA",
    "HIGHMEM",
    "DMA32",
    "MOVABLE",
    "RECLAIMABLE",
    "HIGH",
    "IO",
    "FS",
    "ZERO",
    "ATOMIC",
    "DIRECT_RECLAIM",
    "KSWAPD_RECLAIM",
    "WRITE",
    "NOWARN",
    "RETRY_MAYFAIL",
    "NOFAIL",
    "NORETRY",
    "MEMALLOC",
    "COMP",
    "NOMEMALLOC",
    "HARDWALL",
    "THISNODE",
    "ACCOUNT",
    "ZEROTAGS",
]
OLD = [
    "DMA",
    "HIGHMEM",
    "DMA32",
    "MOVABLE",
    "WAIT",
    "HIGH",
    "IO",
    "FS",
    "COLD",
    "NOWARN",
    "REPEAT",
    "NOFAIL",
    "NORETRY",
    "MEMALLOC",
    "COMP",
    "ZERO",
    "NOMEMALLOC",
    "HARDWALL",
    "THISNODE",
    "RECLAIMABLE",
    "-",
    "NOTRACK",
    "-",
    "OTHER_NODE",
    "WRITE",
]
ALIASES = {"__GFP_DMA": "GFP_DMA", "__GFP_DMA32": "GFP_DMA32", "__GFP_KSWAPD_RECLAIM": "GFP_NOWAIT"}
OLD_ALIASES = {
    "__GFP_DMA": "GFP_DMA", "__GFP_DMA32": "GFP_DMA32", "__GFP_HIGH": "GFP_ATOMIC", "__GFP_WAIT": "GFP_NOIO"
}  # fmt: skip

RECLAIM = 1 << 10 | 1 << 11
IO, FS, HARDWALL, HIGHMEM, MOVABLE, HIGH = 1 << 6, 1 << 7, 1 << 20, 1 << 1, 1 << 3, 1 << 5
COMBINED = {
    "GFP_NOIO": RECLAIM,
    "GFP_NOFS": RECLAIM | IO,
    "GFP_KERNEL": RECLAIM | IO | FS,
    "GFP_KERNEL_ACCOUNT": RECLAIM | IO | FS | 1 << 22,
    "GFP_USER": RECLAIM | IO | FS | HARDWALL,
    "GFP_HIGHUSER": RECLAIM | IO | FS | HARDWALL | HIGHMEM,
    "GFP_HIGHUSER_MOVABLE": RECLAIM | IO | FS | HARDWALL | HIGHMEM | MOVABLE,
    "GFP_TRANSHUGE_LIGHT": IO | FS | HARDWALL | HIGHMEM | MOVABLE | 1 << 18 | 1 << 19 | 1 << 13,
    "GFP_TRANSHUGE": IO | FS | HARDWALL | HIGHMEM | MOVABLE | 1 << 18 | 1 << 19 | 1 << 13 | 1 << 10,
}
OLD_WAIT, OLD_HARDWALL = 1 << 4, 1 << 17
OLD_COMBINED = {
    "GFP_NOIO": OLD_WAIT,
    "GFP_NOFS": OLD_WAIT | IO,
    "GFP_KERNEL": OLD_WAIT | IO | FS,
    "GFP_USER": OLD_WAIT | IO | FS | OLD_HARDWALL,
    "GFP_HIGHUSER": OLD_WAIT | IO | FS | OLD_HARDWALL | HIGHMEM,
    "GFP_HIGHUSER_MOVABLE": OLD_WAIT | IO | FS | OLD_HARDWALL | HIGHMEM | MOVABLE,
    "GFP_ATOMIC": HIGH,
}


def _single(bits: list[str], aliases: dict[str, str]) -> list[tuple[int, str]]:
    names = [(number, f"__GFP_{name}") for number, name in enumerate(bits) if name != "-"]
    return [(1 << number, aliases.get(name, name)) for number, name in names]


@pytest.mark.parametrize(("mask", "name"), [*_single(NEW, ALIASES), *((v, k) for k, v in COMBINED.items())])
@pytest.mark.parametrize("series", ["6.1", "6.12"])
def test_names_of_today(series: KernelSeries, mask: int, name: str) -> None:
    if name == "__GFP_ATOMIC" and series == "6.12":
        name = "0x200"  # without a meaning since 6.3
    assert decode(mask, series) == name
    assert mask_of(name, series) == mask


@pytest.mark.parametrize(("number", "name"), [*enumerate(NEW)])
def test_a_flag_s_own_name_stands_for_its_bit(number: int, name: str) -> None:
    every: tuple[KernelSeries, ...] = ("6.1", "6.12")
    for series in every:
        if (name, series) != ("ATOMIC", "6.12"):
            assert mask_of(f"__GFP_{name}", series) == 1 << number


@pytest.mark.parametrize(
    ("mask", "name"), [*_single(OLD, OLD_ALIASES), *((v, k) for k, v in OLD_COMBINED.items())]
)
def test_names_of_4_3(mask: int, name: str) -> None:
    assert decode(mask, "4.3") == name
    assert mask_of(name, "4.3") == mask


@pytest.mark.parametrize(
    ("release", "series"),
    [("2.5.99", None), ("2.6.0", "4.3"),
     ("4.3.9", "4.3"), ("4.4.0", "4.4"), ("4.9.337", "4.4"), ("4.10.0", "4.17"), ("4.17.19", "4.17"),
     ("4.18.0", "5.0"), ("5.0.21", "5.0"), ("5.1.0", "6.1"), ("5.7.19", "6.1"),
     ("6.2.16", "6.1"), ("6.3.0", "6.12"), ("7.0.0", "6.12")],
)  # fmt: skip
def test_where_the_numbering_changed(release: str, series: str | None) -> None:
    assert series_of(release) == series


def test_printed_names_win_and_a_damaged_mask_has_none() -> None:
    assert printed_or_decoded("GFP_NOFS", "0xcc0", "6.1.0") == "GFP_NOFS"
    assert printed_or_decoded(None, "0xcc0", "6.1.0") == "GFP_KERNEL"
    assert printed_or_decoded("", "0xcc0", None) == "GFP_KERNEL", (
        "its bits of reclaim are those of 5.1 and later"
    )
    assert printed_or_decoded(None, None, "6.1.0") == ""
    assert printed_or_decoded(None, "0x0", "6.1.0") == ""
    assert printed_or_decoded(None, f"0x{0xCC0:016x}", "6.1.0") == "GFP_KERNEL", "64 bits"
    assert printed_or_decoded(None, f"0x{0xCC0:017x}", "6.1.0") == "", "more than a mask has"
