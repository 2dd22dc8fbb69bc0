# SPDX-License-Identifier: Apache-2.0
"""What a trial cost beside what it may cost."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.record.result import Costs, TrialResult
from orchestrator.scenario.models import Expectation
from orchestrator.verdict.expectations import unmet, unmet_by_benchmarks
from tests.unit.analysis.trials import trial


def cost(phase: str = "trigger", **figures: int) -> Costs:
    return Costs.model_validate({"phase": phase, "elapsed_ns": 1_000_000_000, "figures": figures})


def expected(**costs: dict[str, Any]) -> Expectation:
    return Expectation.model_validate({"costs": costs})


def spent(*costs: Costs, **fields: Any) -> TrialResult:
    return trial("a", 1, costs=costs, **fields)


SEEN = cost(kswapd_cpu_ns=620_000_000, direct_reclaims=101)


@pytest.mark.parametrize(
    ("costs", "sentences"),
    [
        ({"kswapd_cpu": {"max": "62 %"}, "direct_reclaims": {"max": 101}}, []),
        ({"kswapd_cpu": {"min": "62 %"}}, []),
        (
            {"kswapd_cpu": {"max": "50 %"}},
            ["kswapd_cpu was 62 % (620 ms of 1 s) in the trigger, at most 50 % expected"],
        ),
        (
            {"kswapd_cpu": {"min": "1s"}},
            ["kswapd_cpu was 620 ms in the trigger, at least 1s expected"],
        ),
        (
            {"direct_reclaims": {"max": 100}},
            ["direct_reclaims was 101 in the trigger, at most 100 expected"],
        ),
        (
            {"memory_some": {"max": "1 %"}},
            ["its kernel does not tell memory_some (PSI: `some` of /proc/pressure/memory)"],
        ),
    ],
)
def test_costs_beside_their_bounds(costs: dict[str, dict[str, Any]], sentences: list[str]) -> None:
    assert unmet(expected(**costs), spent(SEEN)) == sentences


def test_costs_that_did_not_arrive_are_not_met() -> None:
    (sentence,) = unmet(expected(refaults={"max": 1}), spent())
    assert sentence == "what it cost the kernel in the trigger did not reach the host"


def test_each_phase_is_judged_in_the_trials_that_go_through_it() -> None:
    stated = expected(refaults={"max": 1, "phase": "target"})
    assert unmet(stated, spent(SEEN)) == []
    assert unmet_by_benchmarks(stated, spent(stage="relaxed")) == []
    at_target = spent(cost("target", refaults=2), stage="target")
    assert unmet_by_benchmarks(stated, at_target) == ["refaults was 2 at the target, at most 1 expected"]


def test_a_benchmark_alone_is_not_the_phase() -> None:
    part = cost("target", refaults=0).model_copy(update={"benchmark": "BM_x/1"})
    stated = expected(refaults={"max": 1, "phase": "target"})
    assert "did not reach" in unmet_by_benchmarks(stated, spent(part, stage="target"))[0]
