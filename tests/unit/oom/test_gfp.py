# SPDX-License-Identifier: Apache-2.0
"""Flag names, checked against masks that kernels printed with their names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.oom.gfp import decode, mask_of, numbering, printed_or_decoded, series_of
from orchestrator.oom.reader import read_events
from tests.unit.oom.texts import console_paths, corpus_paths, memory_events


@pytest.mark.parametrize(
    ("mask", "names"),
    [
        (0x40DC0, "GFP_KERNEL|__GFP_COMP|__GFP_ZERO"),
        (0x40CC0, "GFP_KERNEL|__GFP_COMP"),
        (0x140DCA, "GFP_HIGHUSER_MOVABLE|__GFP_COMP|__GFP_ZERO"),
        (0x101C4A, "GFP_NOFS|__GFP_HIGHMEM|__GFP_HARDWALL|__GFP_MOVABLE|__GFP_WRITE"),
        (0xC0C40, "GFP_NOFS|__GFP_COMP|__GFP_NOMEMALLOC"),
        (0x52DC0, "GFP_KERNEL|__GFP_NOWARN|__GFP_NORETRY|__GFP_COMP|__GFP_ZERO"),
        (0, ""),
    ],
)
def test_masks(mask: int, names: str) -> None:
    assert decode(mask) == names
    assert decode(mask, "6.12") == names


def test_atomic_has_one_bit_more_in_6_1() -> None:
    assert decode(0xA20, "6.1") == "GFP_ATOMIC"
    assert decode(0x820, "6.12") == "GFP_ATOMIC"
    assert decode(0xA20, "6.12") == "GFP_ATOMIC|0x200"


@pytest.mark.parametrize(
    ("release", "series"),
    [
        ("6.1.0-56-arm64", "6.1"),
        ("5.10.168-android12-9", "6.1"),
        ("6.12.117+deb12-arm64", "6.12"),
        ("6.10.0-rc1", "6.12"),
        ("2.6.33-rc4-mm1", "4.3"),
        ("3.10.0-1160.el7.x86_64", "4.3"),
        ("4.3.6", "4.3"),
        ("4.4.171", "4.4"),
        ("5.7.0", "6.1"),
        ("2.5.70", None),
        ("", None),
        ("nonsense", None),
    ],
)
def test_series_of_a_release(release: str, series: str | None) -> None:
    assert series_of(release) == series


@pytest.mark.parametrize(
    ("mask", "names"),
    [
        (0xD0, "GFP_KERNEL"),
        (0x201DA, "GFP_HIGHUSER_MOVABLE|__GFP_COLD"),
        (0x280DA, "GFP_HIGHUSER_MOVABLE|__GFP_ZERO"),
        (0x2040D0, "GFP_KERNEL|__GFP_COMP|__GFP_NOTRACK"),
        (0x4020, "GFP_ATOMIC|__GFP_COMP"),
        (0xD4, "GFP_KERNEL|GFP_DMA32"),
    ],
)
def test_masks_of_kernels_that_printed_no_names(mask: int, names: str) -> None:
    assert decode(mask, "4.3") == names
    assert mask_of(names, "4.3") == mask


@pytest.mark.parametrize(
    ("mask", "release", "names"),
    [
        # 4.4 and 4.5 print the number alone, and so do not say how they number
        ("0x24000c0", "4.4.13-v7+", "GFP_KERNEL"),
        ("0x24040c0", "4.4.13-v7+", "GFP_KERNEL|__GFP_COMP"),
        ("0x2080020", "4.5.0", "GFP_ATOMIC"),
        ("0x24280ca", "4.4.302", "GFP_HIGHUSER_MOVABLE|__GFP_ZERO"),
        ("0x2400040", "4.4.0-210-generic", "GFP_NOFS"),
        ("0x242c2c2", None, "GFP_HIGHUSER|__GFP_NOWARN|__GFP_COMP|__GFP_ZERO"),
        ("0x240c2c0", None, "GFP_KERNEL|__GFP_NOWARN|__GFP_COMP|__GFP_ZERO"),
        ("0x2204020", None, "GFP_NOWAIT|__GFP_HIGH|__GFP_COMP|__GFP_NOTRACK"),
        # their names were printed by the kernels themselves
        ("0x27000c0", "4.9.0", "GFP_KERNEL_ACCOUNT|__GFP_NOTRACK"),
        ("0x14000c0", "4.14.79-v7+", "GFP_KERNEL"),
        ("0x15080c0", "4.14.79-v7+", "GFP_KERNEL_ACCOUNT|__GFP_ZERO"),
        ("0x1080020", "4.14.158", "GFP_ATOMIC"),
        ("0x14200ca", "4.15.0-99-generic", "GFP_HIGHUSER_MOVABLE"),
        ("0x6200ca", "4.18.0-240.el8.x86_64", "GFP_HIGHUSER_MOVABLE"),
        ("0x6000c0", "4.19.0", "GFP_KERNEL"),
        ("0x484020", "5.0.1", "GFP_ATOMIC|__GFP_COMP"),
        ("0xcc0", "5.4.0", "GFP_KERNEL"),
        # without a release the bits of reclaim tell
        ("0x201da", None, "GFP_HIGHUSER_MOVABLE|__GFP_COLD"),
        ("0xd0", None, "GFP_KERNEL"),
        ("0x4020", None, "GFP_ATOMIC|__GFP_COMP"),
        ("0x6280ca", None, "GFP_HIGHUSER_MOVABLE|__GFP_ZERO"),
        ("0x40dc0", None, "GFP_KERNEL|__GFP_COMP|__GFP_ZERO"),
        ("0xa20", None, "GFP_ATOMIC"),
        # a patched 4.18 that numbers as the one before
        ("0x14000c0", "4.18.0-rc1", "GFP_KERNEL"),
        ("0x4000", None, ""),
        ("0xd0", "2.4.18", ""),
    ],
)
def test_masks_of_every_numbering(mask: str, release: str | None, names: str) -> None:
    assert printed_or_decoded(None, mask, release) == names


def test_where_names_are_from_is_said() -> None:
    assert numbering("0x24040c0", "4.4.13") == "the numbering of 4.4 to 4.9"
    assert numbering("0x14000c0", None) == "the numbering of 4.10 to 4.17"
    assert numbering("0x4000", None) == ""


@given(mask=st.integers(0, 0xFFFFFF))
def test_names_stand_for_the_mask(mask: int) -> None:
    assert mask_of(decode(mask, "6.1"), "6.1") == mask
    assert mask_of(decode(mask, "6.12"), "6.12") == mask


@pytest.mark.parametrize("path", [*console_paths, *corpus_paths], ids=lambda path: path.stem)
def test_decoding_agrees_with_what_real_kernels_printed(path: Path) -> None:
    for event in memory_events(read_events(path.read_bytes())):
        series = series_of(event.kernel or "")
        if series and event.gfp_mask and event.gfp_flags and re.match(r"[56]\.\d", event.kernel or ""):
            assert decode(int(event.gfp_mask, 16), series) == event.gfp_flags
