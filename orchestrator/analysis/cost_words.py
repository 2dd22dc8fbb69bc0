# SPDX-License-Identifier: Apache-2.0
"""Sentences about costs that claim no more than the numbers."""

from __future__ import annotations

from orchestrator.analysis.findings import WORTH_A_BOUND
from orchestrator.analysis.inference import LEVEL
from orchestrator.analysis.records import LEAST_BLOCKS_FOR_A_CLAIM, CostComparison
from orchestrator.text.amounts import count_of, short, time_text

_SCALES = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
_WHOLE = 100
_PERCENT = 100
_NS_PER_MS = 1e6


def cost_text(value: float, unit: str) -> str:
    """A cost as a cell has it: `45.9 ms`, `11.5M insns`, `769`."""
    if unit == "ns":
        return time_text(value)
    if unit == "instructions":
        scale, letter = next((each for each in _SCALES if abs(value) >= each[0]), (1.0, ""))
        return f"{short(value / scale)}{letter} insns"
    return short(value) if abs(value) < _WHOLE else f"{value:.0f}"


def cost_cell(mean: float | None, unit: str, elapsed_ms: float | None) -> str:
    """A mean; a time with its share of the phase beside it, for that is how people speak of kswapd."""
    if mean is None:
        return "-"
    share = f" ({mean / (elapsed_ms * _NS_PER_MS) * _PERCENT:.0f} %)" if unit == "ns" and elapsed_ms else ""
    return f"{cost_text(mean, unit)}{share}"


def signed_cost(value: float, unit: str) -> str:
    """A difference of costs, with its sign."""
    return f"{'+' if value > 0 else ''}{cost_text(value, unit)}"


def range_text(low: float, high: float, unit: str) -> str:
    """Both ends of an interval, with one unit for both where it is the same: `+5.7k to +20.6k insns`."""
    ends = signed_cost(low, unit), signed_cost(high, unit)
    if ends[0] == ends[1]:
        return ends[0]
    (first, _, ours), (_, _, theirs) = ends[0].partition(" "), ends[1].partition(" ")
    return f"{first if ours == theirs else ends[0]} to {ends[1]}"


def is_different(cost: CostComparison) -> bool:
    """Interval and corrected test agree that there is a difference."""
    if cost.low is None or cost.high is None or cost.p_holm is None:
        return False
    return cost.p_holm <= LEVEL and not cost.low <= 0 <= cost.high


def cost_words(cost: CostComparison, names: tuple[str, str], work: tuple[float, float], what: str) -> str:
    """One sentence about one cost: `work` is what each variant did meanwhile, `what` the cost's name."""
    first, second = names
    ours, theirs = (cost_text(value, cost.unit) for value in (cost.baseline, cost.candidate))
    both = f"{ours} with {first}, {theirs} with {second}"
    if not cost.comparable:
        return f"{what}: {both}; not the same work ({short(work[0])} and {short(work[1])}), so no comparison"
    return f"{what}: {both}; {_finding(cost, second)}"


def _finding(cost: CostComparison, second: str) -> str:
    if cost.low is None or cost.high is None:
        blocks = count_of(cost.sample, cost.blocks)
        return f"{_difference(cost, second)} in {blocks}, below {LEAST_BLOCKS_FOR_A_CLAIM} no claim is made"
    ends = range_text(cost.low, cost.high, cost.unit)
    if cost.interval == "exact":
        return f"{_difference(cost, second)}, exact in {count_of('memory state', cost.blocks)} ({ends})"
    inside = f"95 % interval {ends}, p = {cost.p_holm or 0:.2g}"
    if is_different(cost):
        return f"{_difference(cost, second)} ({inside})"
    most = max(abs(cost.low), abs(cost.high))
    if cost.baseline and most <= WORTH_A_BOUND * cost.baseline:
        return f"no difference larger than {cost_text(most, cost.unit)} ({inside})"
    return f"undecided ({inside})"


def _difference(cost: CostComparison, second: str) -> str:
    if cost.difference == 0:
        return "no difference"
    return (
        f"{second} {cost_text(abs(cost.difference), cost.unit)} {'more' if cost.difference > 0 else 'less'}"
    )
