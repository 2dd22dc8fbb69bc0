# SPDX-License-Identifier: Apache-2.0
"""Numbers read well at every size: no exponents, one unit step too many, or plural of one."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.text.amounts import change_range, change_text, count_of, short, spread_text, time_text
from tests.unit.project import tree

COUNTED = (
    "block|trial|mmap|timing|pair|page array|OOM kill|reclaim|compaction|memory state|CPU|kill|event|"
    "request|variant|unit|byte|line|hunk|row|file|reason|fork|benchmark|bystander|instruction|process|entr"
)


@pytest.mark.parametrize(
    ("noun", "count", "text"),
    [
        ("block", 1, "1 block"), ("block", 0, "0 blocks"), ("process", 2, "2 processes"),
        ("entry", 2, "2 entries"), ("day", 2, "2 days"), ("switch", 3, "3 switches"),
    ],
)  # fmt: skip
def test_counts_have_the_number_of_their_noun(noun: str, count: int, text: str) -> None:
    assert count_of(noun, count) == text


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0 ns"), (0.5, "0.5 ns"), (999.4, "999 ns"), (999.6, "1 us"), (269_000, "269 us"),
        (1_320_000_000, "1.32 s"), (999_600, "1 ms"), (62_040, "62 us"), (63_349, "63.3 us"),
        (999_600_000, "1 s"), (1_320_000_000_000, "1320 s"),
    ],
)  # fmt: skip
def test_times_are_in_the_unit_that_suits_them(ns: float, text: str) -> None:
    assert time_text(ns) == text


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (1.166, "+16.6 %"), (1.0, "+0.0 %"), (0.5, "-50.0 %"), (2.99, "+199.0 %"), (3.0, "x 3"),
        (255.249, "x 255"), (0.1, "-90.0 %"), (0.0039, "x 0.0039"), (25424.9, "x 25425"),
    ],
)  # fmt: skip
def test_changes_are_percentages_as_long_as_these_say_something(ratio: float, text: str) -> None:
    assert change_text(ratio) == text


def test_ranges_and_spreads() -> None:
    assert change_range((1.02, 0.99)) == "-1.0 % to +2.0 %"
    assert change_range((1.5, 255)) == "+50.0 % to x 255"
    assert change_range((1.0201, 1.0202)) == "+2.0 %"
    assert (spread_text(4.21), spread_text(25424.9)) == ("4.2 %", "a factor of 255")


@given(st.floats(min_value=1e-12, max_value=1e15))
def test_no_number_has_an_exponent_and_all_keep_three_digits(value: float) -> None:
    for text in (short(value), time_text(value), change_text(value), spread_text(value)):
        assert "e" not in text.replace("a factor of", "")
    assert float(short(value)) == pytest.approx(value, rel=0.0051)


def test_no_text_counts_without_the_helper(checkout: Path) -> None:
    """A number and a plural side by side in an f-string would say `1 blocks` one day."""
    plural = re.compile(rf" (?:distinct |more |further |binder |usable )?(?:{COUNTED})(?:s|es|ies)\b")
    found = []
    for path, text in tree.texts(checkout):
        if path.parts[0] != "orchestrator" or path.suffix != ".py":
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.JoinedStr):
                found += [
                    f"{path}:{node.lineno}: {words}" for words in _after_values(node) if plural.match(words)
                ]
    assert found == []


def _after_values(node: ast.JoinedStr) -> list[str]:
    """The text that follows each bare value of an f-string; one in capitals is a constant, and known."""
    return [
        str(text.value)
        for value, text in zip(node.values, node.values[1:], strict=False)
        if isinstance(value, ast.FormattedValue)
        and isinstance(text, ast.Constant)
        and value.format_spec is None
        and not (isinstance(value.value, ast.Name) and value.value.id.isupper())
        and not (isinstance(value.value, ast.Call) and ast.unparse(value.value.func) == "change_text")
        and not (isinstance(value.value, ast.Call) and ast.unparse(value.value.func) == "change_range")
    ]
