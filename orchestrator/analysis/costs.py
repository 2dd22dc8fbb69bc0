# SPDX-License-Identifier: Apache-2.0
"""What variants cost the kernel: a number for each block, phase and figure, and variants compared by them.

A cost may be 0, so differences are compared and not ratios. Everything else is as with times: a block's
number is the median over its forks, and blocks are what tests and intervals are made from. Pure.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from pydantic import Field

from orchestrator.analysis.cost_words import cost_words
from orchestrator.analysis.estimate import Estimate, Figures, corrected, estimate, mean_fields, with_p
from orchestrator.analysis.phrases import cost_subject
from orchestrator.analysis.records import CostComparison, Sample, When
from orchestrator.analysis.rounding import rounded
from orchestrator.analysis.samples import block_of, evident, sample_of
from orchestrator.clock import ICOUNT_SHIFT, Clock
from orchestrator.frozen import Frozen
from orchestrator.record.result import Costs, TrialResult
from orchestrator.scenario.costs import COSTS, CostFigure

Unit = Literal["ns", "instructions", "pages", "times"]
_PHASES: tuple[When, ...] = ("relaxed", "target", "trigger", "after")
_SAME_WORK = 0.01
"""Variants whose work is further apart than this share did not do the same."""


class CostKey(NamedTuple):
    """Which cost, and in which phase."""

    phase: When
    figure: CostFigure


@dataclass
class Spent:
    """One variant's figures of one cost, by block."""

    values: dict[str, float] = field(default_factory=dict)
    """Median over the block's forks, in the unit of `unit_of`."""
    work: dict[str, float] = field(default_factory=dict)
    """Median over the forks of what was done for it: see `_work`."""


class CostLine(Frozen):
    """One cost in one phase: the mean over the blocks of each variant."""

    phase: When = Field(description="when")
    name: str = Field(description="`kswapd_cpu` and the like, as in the table of costs")
    unit: Unit = Field(description="of the figures")
    means: dict[str, float | None] = Field(
        description="by variant the mean over its blocks of the median over their forks; null: not known"
    )
    elapsed_ms: dict[str, float | None] = Field(
        description="by variant how long the phase took, guest milliseconds, likewise"
    )
    expected: bool = Field(False, description="an expectation of the scenario bounds it")


def unit_of(figure: CostFigure, clock: Clock) -> Unit:
    """Time of a processor is instructions where those make the clock; time that passed stays time."""
    if figure.measure == "cpu":
        return "instructions" if clock == "deterministic" else "ns"
    return "ns" if figure.measure == "time" else figure.measure


def cost_lines(
    variants: Sequence[str],
    trials: Sequence[TrialResult],
    clock: Clock,
    *,
    timed: bool,
    expected: Collection[tuple[str, str]] = (),
) -> tuple[CostLine, ...]:
    """Every cost that any variant's trials told of, in the order of a report.

    `timed` is False where guests disturbed one another: then there are no times. `expected`: phases and names
    of the costs that expectations bound.
    """
    own = [trial for trial in trials if trial.clock == clock]
    by_variant = {name: spent(evident(own, name), clock, timed=timed) for name in variants}
    elapsed = {name: _elapsed(evident(own, name)) for name in variants}
    keys = (CostKey(when, figure) for when in _PHASES for figure in COSTS)
    return tuple(
        CostLine(
            phase=key.phase,
            name=key.figure.name,
            unit=unit_of(key.figure, clock),
            means={name: _mean(found.get(key)) for name, found in by_variant.items()},
            elapsed_ms={name: found.get(key.phase) if timed else None for name, found in elapsed.items()},
            expected=(key.phase, key.figure.name) in expected,
        )
        for key in keys
        if any(key in found for found in by_variant.values())
    )


def spent(trials: Sequence[TrialResult], clock: Clock, *, timed: bool) -> dict[CostKey, Spent]:
    """All costs of one variant's trials, a number for each block."""
    forks: dict[CostKey, dict[str, list[tuple[float, float]]]] = {}
    for trial in trials:
        for costs in _whole_phases(trial):
            work = _work(trial, costs)
            for figure in COSTS:
                value = costs.figures.get(figure.key)
                if value is not None and (timed or not figure.is_time):
                    scaled = (
                        value / (1 << ICOUNT_SHIFT) if unit_of(figure, clock) == "instructions" else value
                    )
                    blocks = forks.setdefault(CostKey(costs.phase, figure), {})
                    blocks.setdefault(block_of(trial), []).append((scaled, work))
    return {
        key: Spent(
            {block: statistics.median(value for value, _ in found) for block, found in blocks.items()},
            {block: statistics.median(work for _, work in found) for block, found in blocks.items()},
        )
        for key, blocks in forks.items()
    }


def compare_costs(
    names: tuple[str, str],
    baseline: Sequence[TrialResult],
    candidate: Sequence[TrialResult],
    *,
    clock: Clock,
    paired: bool,
    timed: bool,
) -> tuple[CostComparison, ...]:
    """Every cost that both variants have figures of and at least one had any of, phase by phase.

    Holm's correction is over those of one kind in a phase: what kswapd did, say.
    """
    ours, theirs = (spent(trials, clock, timed=timed) for trials in (baseline, candidate))
    possible = (
        _pair(CostKey(when, figure), ours, theirs, paired=paired) for when in _PHASES for figure in COSTS
    )
    # Whether neither had any does not depend on which is which, so leaving that out spoils no test.
    found = [
        pair for pair in possible if pair is not None and any(pair.figures.baseline + pair.figures.candidate)
    ]
    estimates = with_p([estimate(pair.figures, clock, comparable=pair.same_work) for pair in found])
    holm = corrected([(pair.key.phase, pair.key.figure.group) for pair in found], estimates)
    sample = sample_of([*baseline, *candidate])
    return tuple(
        _comparison(names, pair, each, p_holm, sample=sample, unit=unit_of(pair.key.figure, clock))
        for pair, each, p_holm in zip(found, estimates, holm, strict=True)
    )


@dataclass(frozen=True)
class _Pair:
    key: CostKey
    figures: Figures
    work: tuple[float, float]

    @property
    def same_work(self) -> bool:
        return math.isclose(*self.work, rel_tol=_SAME_WORK)


def _pair(
    key: CostKey, ours: Mapping[CostKey, Spent], theirs: Mapping[CostKey, Spent], *, paired: bool
) -> _Pair | None:
    one, other = ours.get(key, Spent()), theirs.get(key, Spent())
    if paired:
        blocks = (sorted(one.values.keys() & other.values.keys()),) * 2
    else:
        blocks = sorted(one.values), sorted(other.values)
    if not all(blocks):
        return None
    work = [
        statistics.median(each.work[block] for block in own)
        for each, own in zip((one, other), blocks, strict=True)
    ]
    values = [
        tuple(each.values[block] for block in own) for each, own in zip((one, other), blocks, strict=True)
    ]
    return _Pair(key, Figures(values[0], values[1], paired), (work[0], work[1]))


def _comparison(
    names: tuple[str, str], pair: _Pair, each: Estimate, p_holm: float | None, *, sample: Sample, unit: Unit
) -> CostComparison:
    made = CostComparison(
        phase=pair.key.phase,
        name=pair.key.figure.name,
        unit=unit,
        comparable=pair.same_work,
        words="",
        **mean_fields(pair.figures, each, p_holm, sample),
    )
    what = cost_subject(pair.key.figure, pair.key.phase)
    return made.model_copy(update={"words": cost_words(made, names, pair.work, what)})


def _whole_phases(trial: TrialResult) -> Iterator[Costs]:
    if not trial.stage.startswith("audit-"):
        yield from (costs for costs in trial.costs if costs.benchmark is None)


def _work(trial: TrialResult, costs: Costs) -> float:
    """What was done in the phase: requests served, or iterations; of what counts nothing whether it ended.

    A trigger that dies of its tenth request costs little, and that is no virtue of its kernel.
    """
    if costs.phase != "trigger":
        return sum(row.iterations - row.failed for row in trial.benchmarks if row.when == costs.phase)
    return trial.requests.succeeded if trial.requests is not None else float(trial.outcome.value == "passed")


def _elapsed(trials: Sequence[TrialResult]) -> dict[When, float]:
    blocks: dict[When, dict[str, list[float]]] = {}
    for trial in trials:
        for costs in _whole_phases(trial):
            blocks.setdefault(costs.phase, {}).setdefault(block_of(trial), []).append(costs.elapsed_ns / 1e6)
    return {
        phase: rounded(statistics.fmean(statistics.median(forks) for forks in found.values()))
        for phase, found in blocks.items()
    }


def _mean(found: Spent | None) -> float | None:
    return None if found is None else rounded(statistics.fmean(found.values.values()))
