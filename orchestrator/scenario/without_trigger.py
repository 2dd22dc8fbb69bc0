# SPDX-License-Identifier: Apache-2.0
"""Scenarios that fire nothing at the kernel: what they may say, and what they mean where they say nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from orchestrator.outcome import Outcome
from orchestrator.scenario.benchmark import Benchmark
from orchestrator.scenario.expectation import Expectation
from orchestrator.scenario.fields import Cross
from orchestrator.scenario.triggers.base import TriggerKind

_BEFORE = ["relaxed", "target"]
_OF_BENCHMARKS = frozenset({"outcome", "kernel_bug", "panicked", "costs"})
"""What can be expected of forks in which benchmarks alone are run."""


def without_after(data: dict[str, Any]) -> dict[str, Any]:
    """Benchmarks that do not say when come before a trigger alone: there is none that they could follow."""
    given = data.get("benchmarks")
    if not isinstance(given, list | tuple):
        return data
    told = [
        {**each, "when": _BEFORE} if isinstance(each, dict) and "when" not in each else each for each in given
    ]
    return {**data, "benchmarks": told}


def trigger_less_problems(
    trigger: TriggerKind, benchmarks: Sequence[Benchmark], expectations: Mapping[str, Expectation]
) -> Iterator[Cross]:
    """A scenario without a trigger has benchmarks, and asks for nothing that only a trigger could show."""
    if trigger.runs:
        return
    if not benchmarks:
        yield Cross(("trigger",), "is missing, and so are 'benchmarks': nothing would be run")
    for index, benchmark in enumerate(benchmarks):
        if "after" in benchmark.when:
            yield Cross(("benchmarks", index, "when"), "there is no trigger that 'after' could follow")
    for name, expectation in expectations.items():
        if expectation.outcome not in (None, Outcome.PASSED):
            what = "without a trigger it can be 'passed' alone: the benchmarks ran to their end"
            yield Cross(("expectations", name, "outcome"), what, "passed")
        yield from (
            Cross(("expectations", name, key), "this is of a trigger, and the scenario has none")
            for key, value in expectation
            if value not in (None, {}) and key not in _OF_BENCHMARKS
        )
