# SPDX-License-Identifier: Apache-2.0
"""What `--vary` may say, and which place of a scenario it means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import InputError
from orchestrator.search.varied import Varied, parse_varied, with_first_entries
from orchestrator.units import parse_size


def test_numbers() -> None:
    varied = parse_varied("trigger.count=20..600")
    assert varied == Varied("trigger.count", 20, 600)
    assert varied.override(310) == "trigger.count=310"


@pytest.mark.parametrize(
    ("option", "low", "high", "text"),
    [
        ("device.memory=128MiB..1GiB", 128, 1024, "300MiB"),
        ("device.memory=1GiB..2GiB", 1, 2, "300GiB"),
        ("trigger.size=512KiB..4MiB", 512, 4096, "300KiB"),
    ],
)
def test_sizes_keep_the_finer_unit(option: str, low: int, high: int, text: str) -> None:
    varied = parse_varied(option)
    assert (varied.low, varied.high, varied.text(300)) == (low, high, text)


@given(st.integers(1, 10_000), st.sampled_from(["KiB", "MiB", "GiB", "kB", "MB"]))
def test_every_size_is_text_that_a_scenario_may_hold(value: int, unit: str) -> None:
    varied = parse_varied(f"device.memory=1{unit}..20000{unit}")
    assert parse_size(varied.text(value)) == value * parse_size(f"1{unit}")


@pytest.mark.parametrize(
    "option",
    [
        "trigger.count", "trigger.count=5", "=1..2", "trigger.count=9..9", "trigger.count=9..3",
        "trigger.count=a..b", "device.memory=128..512MiB", "device.memory=1.5GiB..2GiB", "x=-3..4",
        "deadlines.boot=1s..2s",
    ],
)  # fmt: skip
def test_anything_else_is_refused_with_a_hint(option: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_varied(option)
    assert option in caught.value.message
    assert caught.value.hint


def test_a_list_without_an_index_means_its_first_entry() -> None:
    data = {"target": {"usable_units": [{"max": 3}, {"max": 9}], "free": {"min": "1MiB"}}}
    assert with_first_entries("target.usable_units.max", data) == "target.usable_units.0.max"
    assert with_first_entries("target.usable_units.1.max", data) == "target.usable_units.1.max"
    assert with_first_entries("target.free.min", data) == "target.free.min"
    assert with_first_entries("target.missing.min", data) == "target.missing.min"
