# SPDX-License-Identifier: Apache-2.0
"""What variants cost the kernel, block by block, and how they are compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from orchestrator.analysis.costs import compare_costs, cost_lines, spent
from orchestrator.analysis.records import CostComparison
from orchestrator.clock import Clock
from orchestrator.outcome import Outcome
from orchestrator.record.result import Costs, TrialResult
from tests.unit.analysis.trials import row, trial

_NAMES = ("first", "second")


def costs(figures: Mapping[str, int], phase: str = "trigger", benchmark: str | None = None) -> Costs:
    return Costs.model_validate(
        {"phase": phase, "benchmark": benchmark, "elapsed_ns": 1_000_000_000, "figures": dict(figures)}
    )


def trials(
    variant: str, values: Sequence[int], key: str = "direct_reclaims", **fields: Any
) -> list[TrialResult]:
    return [
        trial(variant, block, costs=(costs({key: value}),), **fields)
        for block, value in enumerate(values, start=1)
    ]


def compared(
    ours: Sequence[int], theirs: Sequence[int], key: str = "direct_reclaims", clock: Clock = "realtime",
    *, paired: bool = True, timed: bool = True, **fields: Any,
) -> tuple[CostComparison, ...]:  # fmt: skip
    results = (trials("first", ours, key), trials("second", theirs, key, **fields))
    return compare_costs(_NAMES, *results, clock=clock, paired=paired, timed=timed)


def test_the_difference_is_of_blocks_and_has_an_interval_and_a_test() -> None:
    (found,) = compared([100, 110, 90, 105, 95, 100], [10, 12, 8, 11, 9, 13])
    assert (found.baseline, found.candidate, found.difference) == (100, 10.5, -89.5)
    assert found.low is not None
    assert found.high is not None
    assert found.high < 0
    assert (found.blocks, found.interval, found.p, found.p_holm) == (6, "paired t", 0.03125, 0.03125)
    assert "direct reclaims in the trigger: 100 with first, 10.5 with second; second 89.5 less" in found.words


def test_costs_that_are_0_are_compared_like_any_other() -> None:
    (found,) = compared([0] * 6, [5, 6, 7, 5, 6, 7])
    assert (found.baseline, found.difference) == (0, 6)
    assert found.low is not None
    assert found.low > 0
    assert compared([0] * 6, [0] * 6) == ()


def test_a_block_counts_once_however_many_forks_it_has() -> None:
    forks = [trial("first", 1, costs=(costs({"direct_reclaims": value}),)) for value in (1, 2, 9)]
    assert [list(each.values.values()) for each in spent(forks, "realtime", timed=True).values()] == [[2.0]]


def test_few_blocks_make_no_claim() -> None:
    (found,) = compared([100, 101], [1, 2])
    assert (found.low, found.p, found.interval) == (None, None, "none")
    assert "below 6 no claim is made" in found.words


def test_time_of_a_processor_is_instructions_under_the_deterministic_clock() -> None:
    (cpu,) = compared([400, 800], [440, 800], "kswapd_cpu_ns", "deterministic")
    assert (cpu.unit, cpu.baseline, cpu.candidate) == ("instructions", 150, 155)
    assert (cpu.low, cpu.high, cpu.interval) == (0, 10, "exact")
    (stalled,) = compared([400, 800], [440, 800], "memory_some_ns", "deterministic")
    assert (stalled.unit, stalled.baseline) == ("ns", 600)


def test_guests_that_disturbed_one_another_are_compared_by_counts_alone() -> None:
    assert compared([1, 2], [3, 4], "kswapd_cpu_ns", timed=False) == ()
    assert compared([1, 2], [3, 4], "memory_some_ns", timed=False) == ()
    assert len(compared([1, 2], [3, 4], timed=False)) == 1


@pytest.mark.parametrize("other", [{"succeeded": 10}, {"requests": None, "outcome": Outcome.OOM}])
def test_who_did_other_work_is_not_called_cheaper(other: dict[str, Any]) -> None:
    (found,) = compared([100] * 6, [1] * 6, **other)
    assert not found.comparable
    assert (found.low, found.p) == (None, None)
    assert "not the same work" in found.words


def test_benchmarks_that_made_other_iterations_did_other_work() -> None:
    ours, theirs = (
        [
            trial(
                name,
                block,
                stage="target",
                benchmarks=(row("BM_x/1", 5, failed=failed),),
                costs=(costs({"refaults": block}, "target"),),
            )
            for block in range(1, 7)
        ]
        for name, failed in (("first", 0), ("second", 50))
    )
    (found,) = compare_costs(_NAMES, ours, theirs, clock="realtime", paired=True, timed=True)
    assert (found.phase, found.comparable) == ("target", False)


def test_holm_is_over_the_costs_of_one_kind() -> None:
    def made(variant: str, values: Sequence[int]) -> list[TrialResult]:
        return [
            trial(
                variant,
                block,
                costs=(
                    costs(dict.fromkeys(("kswapd_runs", "pages_scanned_kswapd", "direct_reclaims"), value)),
                ),
            )
            for block, value in enumerate(values, start=1)
        ]

    ours, theirs = made("first", [1, 2, 3, 4, 5, 6]), made("second", [11, 13, 14, 15, 16, 18])
    found = compare_costs(_NAMES, ours, theirs, clock="realtime", paired=True, timed=True)
    assert {each.name: each.p_holm for each in found} == {
        "kswapd_runs": 0.0625,
        "pages_scanned_kswapd": 0.0625,
        "direct_reclaims": 0.03125,
    }


def test_traced_trials_and_single_benchmarks_are_left_out() -> None:
    traced = trials("first", [7], stage="audit-trigger")
    part = [trial("first", 2, costs=(costs({"refaults": 3}, benchmark="BM_x/1"),))]
    assert spent([*traced, *part], "realtime", timed=True) == {}


def test_lines_have_each_variant_beside_the_others_and_how_long_it_took() -> None:
    results = [*trials("first", [1, 3]), *trials("second", [5])]
    (line,) = cost_lines([*_NAMES, "third"], results, "realtime", timed=True)
    assert (line.phase, line.name, line.unit) == ("trigger", "direct_reclaims", "times")
    assert line.means == {"first": 2, "second": 5, "third": None}
    assert line.elapsed_ms == {"first": 1000, "second": 1000, "third": None}


def test_unpaired_blocks_are_two_samples() -> None:
    (found,) = compared([100, 110, 90, 105, 95, 100], [10, 12, 8, 11, 9, 13], paired=False)
    assert (found.interval, found.difference) == ("Welch", -89.5)
