# SPDX-License-Identifier: Apache-2.0
"""Whether a scenario has the phases whose costs it expects, and guests that leave one another in peace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from orchestrator.scenario.benchmark import Benchmark
from orchestrator.scenario.costs import COST_NAMES
from orchestrator.scenario.expectation import Expectation
from orchestrator.scenario.fields import Cross
from orchestrator.text.nearest import nearest


def phase_problems(
    expectations: Mapping[str, Expectation],
    benchmarks: Sequence[Benchmark],
    *,
    at_once: bool,
    triggered: bool = True,
) -> Iterator[Cross]:
    """Costs of phases that there are not, and in time where guests run `at_once` and disturb one another."""
    phases: set[str] = {when for benchmark in benchmarks for when in benchmark.when}
    phases |= {"trigger"} if triggered else set()
    for variant, expectation in expectations.items():
        for name, bounds in expectation.costs.items():
            path = ("expectations", variant, "costs", name)
            if bounds.phase not in phases:
                if bounds.phase == "trigger":
                    yield Cross(path, f"the scenario has no trigger: add 'phase: {min(phases, default='')}'")
                    continue
                what = f"no benchmark runs in the phase '{bounds.phase}': there is nothing to cost anything"
                yield Cross((*path, "phase"), what, nearest(bounds.phase, phases))
            if at_once and COST_NAMES[name].is_time:
                what = f"'{name}' is a time, and guests that run at once disturb one another"
                yield Cross(path, f"{what}: leave out 'timing: false'")
