# SPDX-License-Identifier: Apache-2.0
"""Sizes, changes and bounds read as the numbers are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.analysis.phrases import bytes_text, change, share_text, subject, upwards
from orchestrator.analysis.records import When
from orchestrator.analysis.rounding import rounded
from orchestrator.analysis.samples import TimingKey


@pytest.mark.parametrize(
    ("name", "when", "words"),
    [
        ("mmap", "trigger", "p50 of the trigger's mmaps"),
        ("BM_y", "relaxed", "p50 of BM_y, relaxed"),
        ("BM_x/4096", "target", "p50 of BM_x at 4096 B, at the target"),
        ("fork", "trigger", "p50 of the trigger's forks"),
        ("BM_x/4194304/map:65536", "after", "p50 of BM_x at 4 MiB (map:65536), after the trigger"),
    ],
)
def test_what_was_timed(name: str, when: When, words: str) -> None:
    assert subject(TimingKey(name, when, "p50")) == words


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (65536, "65536 B"),
        (131071, "131071 B"),
        (131072, "128 KiB"),
        (131073, "131073 B"),
        (196608, "192 KiB"),
        (1 << 20, "1 MiB"),
        ((1 << 20) + 1024, "1025 KiB"),
        ((1 << 20) - 8192, "1016 KiB"),
        (3 << 20, "3 MiB"),
    ],
)
def test_sizes(size_bytes: int, text: str) -> None:
    assert bytes_text(size_bytes) == text


@pytest.mark.parametrize(
    ("ratio", "words"),
    [
        (1.042, "takes 4.2 % longer"),
        (0.958, "takes 4.2 % shorter"),
        (1.0, "takes 0.0 % longer"),
        (0.9994, "takes 0.1 % shorter"),
        (255.2, "takes 255 times as long"),
    ],
)
def test_changes(ratio: float, words: str) -> None:
    assert change(ratio) == words


@pytest.mark.parametrize(
    ("share", "percent"),
    [
        (0.0, "0"),
        (0.25, "25"),
        (1.04 - 1, "4"),
        (0.0411, "4.2"),
        (1e-5, "0.1"),
        (1.5, "150"),
    ],
)
def test_a_bound_is_in_percent_and_rounded_up(share: float, percent: str) -> None:
    assert upwards(share) == percent


@given(st.floats(0, 10))
def test_no_bound_is_too_narrow_nor_much_too_wide(share: float) -> None:
    assert -1e-6 < float(upwards(share)) - 100 * share < 0.1 + 1e-6


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 600, "0 %"), (600, 600, "100 %"), (0, 0, "0 %"), (1, 100_000, "0.1 %"), (1, 600, "0.167 %"),
        (160, 600, "26.7 %"), (1, 3, "33.3 %"), (99_999, 100_000, "99.9 %"), (1, 100, "1 %"),
    ],
)  # fmt: skip
def test_a_share_is_never_none_or_all_unless_it_is_just_that(part: int, whole: int, text: str) -> None:
    assert share_text(part, whole) == text


def test_figures_keep_six_digits() -> None:
    assert (rounded(1.23456789), rounded(123456789.0), rounded(None)) == (1.23457, 123457000.0, None)
