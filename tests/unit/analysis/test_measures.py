# SPDX-License-Identifier: Apache-2.0
"""What triggers measured themselves is compared block by block, by differences."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from orchestrator.analysis.measures import compare_measures
from orchestrator.clock import Clock
from orchestrator.record.result import Measure, TrialResult
from tests.unit.evidence.guest_output import judged, passed


def trials(
    values: Sequence[float], name: str = "throughput", unit: str = "KiB/s", stage: str = "trigger"
) -> list[TrialResult]:
    measures = [(Measure(name=name, value=value, unit=unit),) for value in values]
    return [
        judged(passed()).model_copy(
            update={"measures": each, "block": block, "fingerprint": f"f{block}", "stage": stage}
        )
        for block, each in enumerate(measures, start=1)
    ]


def compared(
    ours: list[TrialResult], theirs: list[TrialResult], clock: Clock = "realtime", *, timed: bool = True
) -> list[tuple[str, float, float | None, float | None, str]]:
    found = compare_measures(ours, theirs, clock=clock, paired=True, timed=timed)
    return [(each.name, each.difference, each.low, each.high, each.interval) for each in found]


def test_below_the_least_number_of_blocks_there_is_a_difference_and_no_claim() -> None:
    assert compared(trials([5, 7]), trials([4, 4])) == [("throughput", -2, None, None, "none")]


def test_with_enough_blocks_there_is_an_interval_and_a_test() -> None:
    (found,) = compare_measures(
        trials([10, 11, 12, 13, 14, 15]), trials([7, 8, 9, 10, 11, 13]), clock="realtime", paired=True,
        timed=True,
    )  # fmt: skip
    assert found.interval == "paired t"
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.difference < found.high < 0
    assert found.p == found.p_holm == pytest.approx(2 / 2**6)


def test_pairs_under_the_deterministic_clock_are_exact_and_may_be_0() -> None:
    ours, theirs = (trials(values, "dropped", "messages") for values in ([0, 0], [3, 28]))
    assert compared(ours, theirs, "deterministic") == [("dropped", 15.5, 3, 28, "exact")]


def test_rates_of_guests_that_disturbed_one_another_and_traced_forks_are_left_out() -> None:
    assert compared(trials([5]), trials([4]), timed=False) == []
    assert compared(trials([5], unit="messages"), trials([4], unit="messages"), timed=False)
    assert compared(trials([5]), trials([4], stage="audit-trigger")) == []


def test_blocks_that_one_variant_lacks_are_no_pairs() -> None:
    assert compared(trials([5, 50]), trials([4])) == [("throughput", -1, None, None, "none")]
    assert compared(trials([5]), trials([4], name="another")) == []
