# SPDX-License-Identifier: Apache-2.0
"""Sizes and durations carry units, and survive being written and read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from orchestrator.units import Duration, Size, format_duration, format_size, parse_duration

SIZE: TypeAdapter[int] = TypeAdapter(Size)
DURATION: TypeAdapter[float] = TypeAdapter(Duration)


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("256MiB", 256 << 20),
        ("64KiB", 64 << 10),
        ("1GiB", 1 << 30),
        ("4MB", 4_000_000),
        ("512 B", 512),
        (0, 0),
    ],
)
def test_sizes(text: str | int, size_bytes: int) -> None:
    assert SIZE.validate_python(text) == size_bytes


@pytest.mark.parametrize("text", ["256", 256, "256Mb", "-1MiB", "MiB", "1e3MiB", None, 1.5, True, "1PiB"])
def test_a_size_without_a_proper_unit_is_refused(text: object) -> None:
    with pytest.raises(ValidationError):
        SIZE.validate_python(text)


@given(st.integers(min_value=0, max_value=1 << 45))
def test_a_formatted_size_reads_back(size_bytes: int) -> None:
    assert SIZE.validate_python(format_size(size_bytes)) == size_bytes


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("5min", 300), ("250ms", 0.25), ("1.5h", 5400)])
def test_durations(text: str, seconds: float) -> None:
    assert DURATION.validate_python(text) == seconds


@pytest.mark.parametrize("text", ["90", 90, "5m", "-1s", "", None, True])
def test_a_duration_without_a_unit_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="needs a unit"):
        parse_duration(text)


@given(st.integers(min_value=0, max_value=10**9))
def test_a_formatted_duration_reads_back(milliseconds: int) -> None:
    seconds = milliseconds / 1000
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, rel=1e-5)
