# SPDX-License-Identifier: Apache-2.0
"""Sizes and durations carry units, and survive being written and read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from orchestrator.units import Duration, Size, format_duration, format_size, parse_duration, parse_size

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


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0"), (1, "1B"), (1023, "1023B"), (1024, "1KiB"), (1025, "1025B"), (1536 << 10, "1536KiB"),
        (1 << 20, "1MiB"), ((1 << 20) + 1024, "1025KiB"), (1 << 30, "1GiB"), (3 << 30, "3GiB"),
        (1025 << 20, "1025MiB"), (1 << 40, "1024GiB"),
    ],
)  # fmt: skip
def test_a_size_is_written_in_the_largest_unit_that_is_exact(size_bytes: int, text: str) -> None:
    assert format_size(size_bytes) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"), (0.000001, "0.000001s"), (0.0005, "0.0005s"), (0.001, "1ms"), (0.25, "250ms"),
        (1, "1s"), (1.5, "1500ms"), (59, "59s"), (60, "1min"), (90, "90s"), (3600, "1h"), (5400, "90min"),
        (7200, "2h"), (0.0012345, "0.0012345s"),
    ],
)  # fmt: skip
def test_a_duration_is_written_in_the_largest_unit_that_is_exact(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1us", 1e-6), ("1ms", 1e-3), ("1s", 1), ("1min", 60), ("1h", 3600), ("0s", 0), (0, 0)],
)
def test_units_of_time(text: object, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("value", [False, "0", 0.5])
def test_nothing_is_no_duration(value: object) -> None:
    with pytest.raises(ValueError, match="a duration needs a unit, such as 90s"):
        parse_duration(value)


@pytest.mark.parametrize("value", [False, 1, "1"])
def test_a_size_other_than_none_has_a_unit(value: object) -> None:
    with pytest.raises(ValidationError, match="a size needs a unit, such as 256MiB"):
        SIZE.validate_python(value)
    assert SIZE.validate_python("0") == SIZE.validate_python(0) == 0


def test_sizes_from_an_option() -> None:
    assert parse_size("2KiB") == 2048
    with pytest.raises(ValueError, match="a size needs a unit"):
        parse_size("2")
