# SPDX-License-Identifier: Apache-2.0
"""What triggers measured themselves, variant against variant. Pure.

A measure may be 0, so differences are compared, as with costs. A block's number is the median over its forks.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import NamedTuple

from orchestrator.analysis.estimate import Estimate, Figures, corrected, estimate, mean_fields, with_p
from orchestrator.analysis.records import MeasureComparison, Sample
from orchestrator.analysis.samples import block_of, sample_of
from orchestrator.clock import Clock
from orchestrator.record.result import TrialResult


class MeasureKey(NamedTuple):
    """What was measured, and in what unit."""

    name: str
    unit: str

    @property
    def is_rate(self) -> bool:
        """Whether it is by time, which means something only where guests did not disturb one another."""
        return self.unit.endswith("/s")


def compare_measures(
    baseline: Sequence[TrialResult],
    candidate: Sequence[TrialResult],
    *,
    clock: Clock,
    paired: bool,
    timed: bool,
) -> tuple[MeasureComparison, ...]:
    """Every measure that both variants' triggers told, each a test of its own."""
    ours, theirs = _by_block(baseline), _by_block(candidate)
    keys = [key for key in ours if key in theirs and (timed or not key.is_rate)]
    found = {
        key: figures
        for key in keys
        if (figures := _figures(ours[key], theirs[key], paired=paired)) is not None
    }
    estimates = with_p([estimate(figures, clock) for figures in found.values()])
    holm = corrected(list(found), estimates)
    sample = sample_of([*baseline, *candidate])
    return tuple(
        _comparison(key, figures, each, p_holm, sample)
        for (key, figures), each, p_holm in zip(found.items(), estimates, holm, strict=True)
    )


def _by_block(trials: Sequence[TrialResult]) -> dict[MeasureKey, dict[str, float]]:
    forks: dict[MeasureKey, dict[str, list[float]]] = {}
    for trial in trials:
        if trial.stage == "trigger":
            for measure in trial.measures:
                blocks = forks.setdefault(MeasureKey(measure.name, measure.unit), {})
                blocks.setdefault(block_of(trial), []).append(measure.value)
    return {
        key: {block: statistics.median(values) for block, values in blocks.items()}
        for key, blocks in forks.items()
    }


def _figures(ours: dict[str, float], theirs: dict[str, float], *, paired: bool) -> Figures | None:
    one, other = sorted(ours), sorted(theirs)
    if paired:
        one = other = sorted(ours.keys() & theirs.keys())
    if not one or not other:
        return None
    return Figures(tuple(ours[block] for block in one), tuple(theirs[block] for block in other), paired)


def _comparison(
    key: MeasureKey, figures: Figures, each: Estimate, p_holm: float | None, sample: Sample
) -> MeasureComparison:
    return MeasureComparison(name=key.name, unit=key.unit, **mean_fields(figures, each, p_holm, sample))
