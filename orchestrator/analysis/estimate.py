# SPDX-License-Identifier: Apache-2.0
"""A difference of two variants' figures, whatever they are: estimate, interval, test.

Block against block where both fork from the same ones; else the blocks (of cold trials: the boots) of one
against those of the other, as two independent samples.
"""

from __future__ import annotations

import statistics
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypedDict

from orchestrator.analysis import inference
from orchestrator.analysis.records import LEAST_BLOCKS_FOR_A_CLAIM, Sample
from orchestrator.analysis.rounding import rounded
from orchestrator.clock import Clock

IntervalKind = Literal["paired t", "bootstrap", "Welch", "exact", "none"]


@dataclass(frozen=True)
class Figures:
    """One figure of both variants, a number for each block."""

    baseline: tuple[float, ...]
    candidate: tuple[float, ...]
    paired: bool

    @property
    def blocks(self) -> int:
        """Blocks that a claim can rest on."""
        return min(len(self.baseline), len(self.candidate))

    @property
    def differences(self) -> list[float]:
        """Of paired figures, by block."""
        return [theirs - ours for ours, theirs in zip(self.baseline, self.candidate, strict=True)]

    @property
    def spread(self) -> float | None:
        """Standard deviation of the differences; within both samples where nothing is paired."""
        if self.blocks < 2:
            return None
        if self.paired:
            return statistics.stdev(self.differences)
        return inference.pooled_spread(self.baseline, self.candidate)


@dataclass(frozen=True)
class Estimate:
    """What can be said of the mean difference, candidate less baseline."""

    difference: float
    kind: IntervalKind = "none"
    low: float | None = None
    high: float | None = None
    p: float | None = None
    smallest: float | None = None
    samples: tuple[tuple[float, ...], ...] = ()
    """What a test is made of: differences by block for sign flips, or two samples to be labelled anew."""


def estimate(figures: Figures, clock: Clock, *, comparable: bool = True) -> Estimate:
    """The difference, and what bounds it; p comes with `with_p`. Not `comparable`: of different work."""
    plain = Estimate(statistics.fmean(figures.candidate) - statistics.fmean(figures.baseline))
    differences = figures.differences if figures.paired else []
    if not comparable:
        return plain
    if clock == "deterministic" and differences:
        return replace(plain, kind="exact", low=min(differences), high=max(differences))
    if figures.blocks < LEAST_BLOCKS_FOR_A_CLAIM:
        return plain
    if figures.paired:
        return _paired(plain, differences, figures.spread or 0.0)
    return _unpaired(plain, figures)


def _unpaired(plain: Estimate, figures: Figures) -> Estimate:
    """Under the deterministic clock, too: there chance is not in the measuring but in the memory states."""
    interval = inference.welch(figures.candidate, figures.baseline)
    smallest = inference.smallest_unpaired_effect(
        figures.spread or 0.0, len(figures.baseline), len(figures.candidate)
    )
    return replace(
        plain, kind="Welch", low=interval.low, high=interval.high, smallest=smallest,
        samples=(figures.baseline, figures.candidate),
    )  # fmt: skip


def _paired(plain: Estimate, differences: Sequence[float], spread: float) -> Estimate:
    kind: IntervalKind = "paired t"
    interval = inference.paired_t_interval(differences)
    if len(differences) >= inference.LEAST_BLOCKS_FOR_A_BOOTSTRAP and interval.low < interval.high:
        # The wider one counts: on real blocks the bootstrap alone was too narrow (docs/statistics.md).
        other = inference.bootstrap_interval(differences)
        if other.high - other.low > interval.high - interval.low:
            kind, interval = "bootstrap", other
    return replace(
        plain, kind=kind, low=interval.low, high=interval.high, samples=(tuple(differences),),
        smallest=inference.smallest_effect(spread, len(differences)),
    )  # fmt: skip


class MeanFields(TypedDict):
    """Those of `MeanDifference`."""

    sample: Sample
    blocks: int
    baseline: float
    candidate: float
    difference: float
    low: float | None
    high: float | None
    interval: IntervalKind
    p: float | None
    p_holm: float | None


def mean_fields(figures: Figures, each: Estimate, p_holm: float | None, sample: Sample) -> MeanFields:
    """What a record says of two means and their difference, rounded."""
    return {
        "sample": sample,
        "blocks": figures.blocks,
        "baseline": rounded(statistics.fmean(figures.baseline)),
        "candidate": rounded(statistics.fmean(figures.candidate)),
        "difference": rounded(each.difference),
        "low": rounded(each.low),
        "high": rounded(each.high),
        "interval": each.kind,
        "p": rounded(each.p),
        "p_holm": rounded(p_holm),
    }


def with_p(estimates: Sequence[Estimate]) -> list[Estimate]:
    """With the permutation tests: all of as many blocks at once, which takes a fortieth of the time."""
    p_values: dict[int, float] = {}
    for sizes in {_sizes(each) for each in estimates if each.samples}:
        indexes = [index for index, each in enumerate(estimates) if _sizes(each) == sizes]
        columns = list(zip(*(estimates[index].samples for index in indexes), strict=True))
        values = (
            inference.sign_flip_p_values(*columns) if len(sizes) == 1 else inference.label_p_values(*columns)
        )
        p_values |= dict(zip(indexes, values, strict=True))
    return [replace(each, p=p_values.get(index)) for index, each in enumerate(estimates)]


def _sizes(each: Estimate) -> tuple[int, ...]:
    return tuple(map(len, each.samples))


def corrected(families: Sequence[Hashable], estimates: Sequence[Estimate]) -> list[float | None]:
    """p of each after Holm's correction over its family; None where there is no p."""
    members: dict[Hashable, list[int]] = {}
    for index, (family, each) in enumerate(zip(families, estimates, strict=True)):
        if each.p is not None:
            members.setdefault(family, []).append(index)
    found: list[float | None] = [None] * len(estimates)
    for indexes in members.values():
        p_values = [p for index in indexes if (p := estimates[index].p) is not None]
        for index, p in zip(indexes, inference.holm(p_values), strict=True):
            found[index] = p
    return found
