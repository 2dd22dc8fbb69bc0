# SPDX-License-Identifier: Apache-2.0
"""What phases may cost, as a scenario says it, and what is wrong with it."""

from __future__ import annotations

import pytest

from orchestrator.scenario.cost_bounds import amount
from tests.unit.scenario.conftest import Load, Refuse

_TEXT = """
name: example
device: {arch: arm64, memory: 256MiB}
variants: {a: {base: debian-6.1}}
trigger: {kind: binder-mmap, size: 4MiB, count: 600}
benchmarks: [{kind: binder-mmap, sizes: [4MiB], when: [target]}]
trials: TRIALS
expectations: {a: {costs: COSTS}}
"""


def text(costs: str, trials: str = "{blocks: 1}") -> str:
    return _TEXT.replace("TRIALS", trials).replace("COSTS", costs)


@pytest.mark.parametrize(
    "costs",
    [
        "{kswapd_cpu: {max: 50 %}, direct_reclaims: {max: 100}}",
        "{kswapd_cpu: {min: 0, max: 200ms}, memory_some: {min: 1.5%}}",
        "{kcompactd_cpu: {max: 5 %, phase: target}}",
        "{refaults: {min: 0, max: 0}}",
    ],
)
def test_costs_that_can_be(load: Load, costs: str) -> None:
    assert load(text(costs)).scenario.expectations["a"].costs


@pytest.mark.parametrize(
    ("costs", "what", "nearest"),
    [
        ("{kswapd: {max: 1}}", "there is no cost 'kswapd'; the costs are trigger_reclaim, ", "kswapd_cpu"),
        ("{direct_reclaim: {max: 1}}", "there is no cost 'direct_reclaim'", "direct_reclaims"),
        ("{kswapd_cpu: {max: 5}}", "'kswapd_cpu' is a time: give a share of the phase such as 50 %", "5 %"),
        ("{direct_reclaims: {max: 5 %}}", "'direct_reclaims' is counted in times: give a whole number", None),
        ("{refaults: {max: 5ms}}", "'refaults' is counted in pages: give a whole number", None),
        ("{kswapd_cpu: {max: 5 apples}}", "a cost is a whole number, a share of the phase", None),
        ("{refaults: {max: -1}}", "a cost is not below 0", None),
        ("{refaults: {max: true}}", "a cost is a whole number", None),
        ("{refaults: {max: 1.5}}", "a cost is a whole number", None),
        ("{refaults: {}}", "needs at least one of 'min' and 'max'", None),
        ("{refaults: {min: 5, max: 4}}", "'min' 5 is larger than 'max' 4", None),
        ("{kswapd_cpu: {min: 5ms, max: 4 %}}", "'min' and 'max' need one unit", None),
        ("{refaults: {max: 1, phase: relaxed}}", "no benchmark runs in the phase 'relaxed'", None),
        ("{refaults: {max: 1, phase: targets}}", "must be one of relaxed, target, trigger, after", "target"),
    ],
)
def test_costs_that_cannot_be(refuse: Refuse, costs: str, what: str, nearest: str | None) -> None:
    (problem,) = refuse(text(costs))
    assert what in problem.what
    assert problem.line == 8
    assert problem.nearest == nearest


def test_times_need_guests_that_run_alone(load: Load, refuse: Refuse) -> None:
    at_once = "{blocks: 1, timing: false}"
    quiet = text("{kswapd_cpu: {max: 5 %}}", at_once).replace("benchmarks:", "#")
    (problem,) = refuse(quiet)
    assert "'kswapd_cpu' is a time, and guests that run at once disturb one another" in problem.what
    load(quiet.replace("kswapd_cpu: {max: 5 %}", "refaults: {max: 5}"))
    load(quiet.replace("timing: false", "timing: false, clock: deterministic"))


@pytest.mark.parametrize(
    ("written", "kind", "value"),
    [
        (7, "count", 7),
        ("50 %", "share", 50),
        ("1.5%", "share", 1.5),
        ("200ms", "duration", 2e8),
        ("0", None, 0),
    ],
)
def test_what_is_written_is_understood(written: str | int, kind: str | None, value: float) -> None:
    if kind is None:
        with pytest.raises(ValueError, match="a cost is a whole number"):
            amount(written)
        return
    assert (amount(written).kind, amount(written).value) == (kind, value)
