# SPDX-License-Identifier: Apache-2.0
"""Holds what a trial cost the kernel against what the scenario allows."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.analysis.cost_words import cost_text
from orchestrator.analysis.phrases import WHEN
from orchestrator.record.result import Costs, TrialResult
from orchestrator.scenario.cost_bounds import Amount, CostBounds, amount
from orchestrator.scenario.costs import COST_NAMES, CostFigure
from orchestrator.scenario.models import Expectation, Scenario
from orchestrator.stage import TRIGGERED, TrialPhase

_PERCENT = 100


def unmet_costs(expectation: Expectation, result: TrialResult) -> Iterator[str]:
    """What costs more or less than it may, a sentence each; and what a trial should have told and did not."""
    for name, bounds in expectation.costs.items():
        if bounds.phase in _phases_of(result):
            yield from _unmet(COST_NAMES[name], bounds, result)


def expected_costs(scenario: Scenario) -> set[tuple[str, str]]:
    """Phases and names of all costs that a scenario bounds, of whatever variant."""
    return {
        (bounds.phase, name) for each in scenario.expectations.values() for name, bounds in each.costs.items()
    }


def _phases_of(result: TrialResult) -> set[TrialPhase]:
    """What a trial of this stage goes through."""
    if result.stage in TRIGGERED:
        return {"trigger", "after"}
    return {"relaxed"} if result.stage == "relaxed" else {"target"}


def _unmet(figure: CostFigure, bounds: CostBounds, result: TrialResult) -> Iterator[str]:
    costs = next(
        (each for each in result.costs if each.phase == bounds.phase and each.benchmark is None), None
    )
    if costs is None:
        yield f"what it cost the kernel {WHEN[bounds.phase]} did not reach the host"
        return
    if figure.key not in costs.figures:
        yield f"its kernel does not tell {figure.name} ({figure.source})"
        return
    seen = costs.figures[figure.key]
    for word, text, sign in (("at least", bounds.min, -1), ("at most", bounds.max, 1)):
        wanted = None if text is None else amount(text)
        if wanted is not None and sign * (_as(wanted, seen, costs) - wanted.value) > 0:
            was = _seen_text(figure, wanted, seen, costs)
            yield f"{was} {WHEN[bounds.phase]}, {word} {text} expected"


def _as(wanted: Amount, seen: int, costs: Costs) -> float:
    """A figure in the unit of what is wanted."""
    return _PERCENT * seen / max(costs.elapsed_ns, 1) if wanted.kind == "share" else float(seen)


def _seen_text(figure: CostFigure, wanted: Amount, seen: int, costs: Costs) -> str:
    text = cost_text(seen, "ns" if figure.is_time else figure.measure)
    if wanted.kind == "share":
        text = f"{_as(wanted, seen, costs):.4g} % ({text} of {cost_text(costs.elapsed_ns, 'ns')})"
    return f"{figure.name} was {text}"
