# SPDX-License-Identifier: Apache-2.0
"""What a timing allows to be said, at the edges of each statement, and the words for it."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.analysis.findings import Finding, bound, finding, headline, judge, summary
from orchestrator.analysis.samples import TimingKey
from orchestrator.analysis.wording import Seen, timing_words
from tests.unit.analysis.trials import compared_time

FEW: dict[str, Any] = {"low": None, "high": None, "p": None, "p_holm": None, "interval": "none"}
EXACT: dict[str, Any] = {"p": None, "p_holm": None, "interval": "exact"}
DIFFERENT: dict[str, Any] = {"ratio": 1.05, "low": 1.02, "high": 1.08, "p_holm": 0.01}


@pytest.mark.parametrize(
    ("low", "high", "p_holm", "found"),
    [
        (1.01, 1.10, 0.05, Finding.DIFFERENT),
        (0.90, 0.99, 0.01, Finding.DIFFERENT),
        (1.01, 1.10, 0.0501, Finding.BOUNDED),
        # Interval and test have to agree; the ends belong to the interval.
        (1.0, 1.10, 0.01, Finding.BOUNDED),
        (0.90, 1.0, 0.01, Finding.BOUNDED),
        (0.98, 1.20, 0.5, Finding.BOUNDED),
        (0.98, 1.2001, 0.5, Finding.UNDECIDED),
        (0.81, 1.02, 0.5, Finding.BOUNDED),
        (0.79, 1.02, 0.5, Finding.UNDECIDED),
        (None, 1.1, 0.5, Finding.FEW),
        (0.9, None, 0.5, Finding.FEW),
        (0.9, 1.1, None, Finding.FEW),
    ],
)
def test_the_strongest_statement(
    low: float | None, high: float | None, p_holm: float | None, found: Finding
) -> None:
    assert judge(low, high, p_holm, "paired t") is found


def test_counted_instructions_and_other_work_are_statements_of_their_own() -> None:
    assert finding(compared_time(**EXACT)) is Finding.EXACT
    assert finding(compared_time(comparable=False, **DIFFERENT)) is Finding.OTHER_WORK
    assert finding(compared_time(**DIFFERENT)) is Finding.DIFFERENT


@pytest.mark.parametrize(("low", "high", "farther"), [(0.9, 1.3, 0.3), (0.6, 1.3, 0.4), (1.1, 1.2, 0.2)])
def test_the_farther_end_is_the_bound(low: float, high: float, farther: float) -> None:
    assert bound(low, high) == pytest.approx(farther)


def test_summaries_are_of_times_per_iteration_and_of_the_triggers_median_and_tail() -> None:
    every = [
        compared_time(name=name, when=when, statistic=statistic)
        for name, when in (("mmap", "trigger"), ("BM_x/4", "target"))
        for statistic in ("real_time", "cpu_time", "p50", "p99", "max")
    ]
    assert [(each.name, each.statistic) for each in headline(every)] == [
        ("mmap", "p50"),
        ("mmap", "p99"),
        ("BM_x/4", "real_time"),
    ]


@pytest.mark.parametrize(
    ("timings", "words"),
    [
        ([], "nothing was timed"),
        ([{}], "no difference larger than 4 % in 1 timing"),
        ([{}, {"low": 0.95}], "no difference larger than 5 % in 2 timings"),
        ([DIFFERENT], "a difference in 1 timing (real_time of BM_x at 4096 B, at the target +5.0 %)"),
        ([{"low": 0.5, "high": 1.4}], "1 timing undecided (intervals reach 50 % away)"),
        ([{"low": 0.5, "high": 5.0}], "1 timing undecided (intervals reach a factor of 5 away)"),
        ([{"low": 0.5, "high": 2.9}], "1 timing undecided (intervals reach 190 % away)"),
        (
            [FEW, {**FEW, "ratio": 0.9}],
            "-10.0 % to +1.0 % in 2 timings, with fewer than 6 blocks and so without a claim",
        ),
        ([{"comparable": False}], "1 timing of different work (more of one variant succeeded)"),
        ([{**EXACT, "low": 1.0, "high": 1.0}], "not one instruction of difference in 1 timing"),
        ([{**EXACT, "low": 1.0, "high": 1.001}], "+0.000 % to +0.100 % instructions, exact, in 1 timing"),
        ([{**EXACT, "low": 0.999, "high": 1.0}], "-0.100 % to +0.000 % instructions, exact, in 1 timing"),
        (
            [EXACT],
            "-2.000 % to +4.000 % instructions, exact, in 1 timing, of either sign",
        ),
    ],
)
def test_many_timings_in_a_clause(timings: list[dict[str, Any]], words: str) -> None:
    assert summary([compared_time(**changes) for changes in timings]) == words


@pytest.mark.parametrize(("count", "more"), [(3, "%)"), (4, " and 1 more)"), (6, " and 3 more)")])
def test_three_differences_are_named_and_the_rest_counted(count: int, more: str) -> None:
    text = summary([compared_time(**DIFFERENT) for _ in range(count)])
    assert text.startswith(f"a difference in {count} timings (real_time of ")
    assert text.count("real_time of") == 3
    assert text.endswith(more)


def test_the_strongest_statements_come_first() -> None:
    text = summary([compared_time(**changes) for changes in ({"low": 0.5}, FEW, {}, DIFFERENT)])
    assert [part.split(" in ")[0].split(" (")[0] for part in text.split("; ")] == [
        "a difference",
        "no difference larger than 4 %",
        "1 timing undecided",
        "+1.0 %",
    ]


def said(*, same_work: bool = True, **changes: Any) -> str:
    fields: dict[str, Any] = {
        "names": ("first", "second"), "key": TimingKey("BM_x/4096", "target", "p50"), "blocks": 8,
        "ratio": 1.05, "low": 1.02, "high": 1.08, "p_holm": 0.01, "interval": "paired t",
        "succeeded": (600.0, 600.0),
    }  # fmt: skip
    text = timing_words(Seen(**(fields | changes)), same_work=same_work)
    return text.removeprefix("p50 of BM_x at 4096 B, at the target: ").removeprefix(
        "p50 of the trigger's mmaps: "
    )


INSIDE = "95 % interval +2.0 % to +8.0 %, p ="


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, f"second takes 5.0 % longer ({INSIDE} 0.01)"),
        ({"p_holm": 0.2}, f"no difference larger than 8 % ({INSIDE} 0.2)"),
        ({"p_holm": 0.2, "high": 1.3}, "undecided (95 % interval +2.0 % to +30.0 %, p = 0.2)"),
        ({"p_holm": 0.0}, f"second takes 5.0 % longer ({INSIDE} 0)"),
        (
            {**FEW, "blocks": 1},
            "second takes 5.0 % longer in 1 block; below 6 no claim is made",
        ),
        (
            {**FEW, "blocks": 5},
            "second takes 5.0 % longer in 5 blocks; below 6 no claim is made",
        ),
        (
            {**EXACT, "blocks": 1, "low": 1.05, "high": 1.05},
            "second +5.000 % instructions, exact in 1 memory state (+5.000 %)",
        ),
        (EXACT, "second +5.000 % instructions, exact in 8 memory states (+2.000 % to +8.000 %)"),
        ({**EXACT, "low": 1.0, "high": 1.0}, "not one instruction of difference in 8 memory states"),
        (
            {**EXACT, "low": 1.0, "high": 1.001, "ratio": 1.0005},
            "second +0.050 % instructions, exact in 8 memory states (+0.000 % to +0.100 %)",
        ),
        (
            {**EXACT, "low": 0.999, "high": 1.0, "ratio": 0.9995},
            "second -0.050 % instructions, exact in 8 memory states (-0.100 % to +0.000 %)",
        ),
    ],
)
def test_a_sentence_says_what_the_numbers_say(changes: dict[str, Any], words: str) -> None:
    changes = {key: value for key, value in changes.items() if key != "p"}
    assert said(**changes) == words


def test_different_work_is_told_in_its_unit() -> None:
    key = TimingKey("mmap", "trigger", "p50")
    assert said(same_work=False, key=key, succeeded=(120.0, 600.0)) == (
        "not the same work (120 mmaps of first succeeded, 600 of second), so no comparison"
    )
    assert said(same_work=False, succeeded=(50.0, 100.0)) == (
        "not the same work (50 % of the iterations of first succeeded, 100 of second), so no comparison"
    )
