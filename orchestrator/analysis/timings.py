# SPDX-License-Identifier: Apache-2.0
"""Times of two variants: ratios, intervals, tests, and words for them.

Block against block where both fork from the same ones; else the blocks (of cold trials: the boots) of one
against those of the other, as two independent samples.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.analysis.estimate import Estimate, Figures, corrected, estimate, with_p
from orchestrator.analysis.phrases import WHEN
from orchestrator.analysis.records import Sample, TimingComparison
from orchestrator.analysis.rounding import rounded
from orchestrator.analysis.samples import Timed, TimingKey
from orchestrator.analysis.wording import Seen, timing_words
from orchestrator.clock import ICOUNT_SHIFT, Clock

_SAME_WORK = 0.01
"""Variants with numbers of requests that succeeded further apart than this share did not do the same."""
_PERCENT = 100


@dataclass(frozen=True)
class Pair:
    """One timing of both variants, as logarithms of nanoseconds, a number for each block."""

    key: TimingKey
    baseline: tuple[float, ...]
    candidate: tuple[float, ...]
    succeeded: tuple[float, float]
    paired: bool
    sample: Sample = "block"

    @property
    def figures(self) -> Figures:
        """Without what they are of; their differences are log-ratios."""
        return Figures(self.baseline, self.candidate, self.paired)

    @property
    def blocks(self) -> int:
        """Blocks that a claim can rest on."""
        return self.figures.blocks

    @property
    def spread(self) -> float | None:
        """Standard deviation of the log-ratios; within both samples where nothing is paired."""
        return self.figures.spread

    @property
    def same_work(self) -> bool:
        """As many requests (or iterations) of both succeeded."""
        return math.isclose(*self.succeeded, rel_tol=_SAME_WORK)


def pairs(
    baseline: Mapping[TimingKey, Timed],
    candidate: Mapping[TimingKey, Timed],
    *,
    paired: bool,
    sample: Sample = "block",
) -> list[Pair]:
    """All timings that both variants have figures of; blocks sorted, whatever order they ran in."""
    found = []
    # Whatever stage ran first; within a state of memory, benchmarks stay in the scenario's order.
    for key in sorted(baseline, key=lambda key: list(WHEN).index(key.when)):
        ours = baseline[key]
        theirs = candidate.get(key, Timed())
        blocks = sorted(ours.log_ns.keys() & theirs.log_ns.keys())
        one, other = (blocks, blocks) if paired else (sorted(ours.log_ns), sorted(theirs.log_ns))
        if one and other:
            own = statistics.median(ours.succeeded[block] for block in one)
            others = statistics.median(theirs.succeeded[block] for block in other)
            found.append(
                Pair(
                    key,
                    tuple(ours.log_ns[block] for block in one),
                    tuple(theirs.log_ns[block] for block in other),
                    (own, others),
                    paired,
                    sample,
                )
            )
    return found


def compare_timings(
    names: tuple[str, str], found: Sequence[Pair], clock: Clock
) -> tuple[TimingComparison, ...]:
    """Every timing compared, with Holm's correction over the sizes of each family."""
    inferred = with_p([estimate(pair.figures, clock, comparable=pair.same_work) for pair in found])
    holm = corrected([pair.key.family for pair in found], inferred)
    return tuple(
        _comparison(names, pair, each, p_holm, clock)
        for pair, each, p_holm in zip(found, inferred, holm, strict=True)
    )


def _comparison(
    names: tuple[str, str], pair: Pair, each: Estimate, p_holm: float | None, clock: Clock
) -> TimingComparison:
    timed = pair.key.unit == "ns"
    exact = clock == "deterministic" and timed
    unit_ns = 1 << ICOUNT_SHIFT if exact else 1
    ratio = rounded(math.exp(each.difference))
    low, high = (None if log is None else rounded(math.exp(log)) for log in (each.low, each.high))
    assert ratio is not None
    smallest = None if each.smallest is None else (math.exp(each.smallest) - 1) * _PERCENT
    seen = Seen(
        names, pair.key, pair.blocks, ratio, low, high, p_holm, each.kind, pair.succeeded, pair.sample
    )
    return TimingComparison(
        name=pair.key.name,
        when=pair.key.when,
        statistic=pair.key.statistic,
        comparable=pair.same_work,
        unit="instructions" if exact else pair.key.unit,
        sample=pair.sample,
        blocks=pair.blocks,
        baseline=rounded(math.exp(statistics.median(pair.baseline)) / unit_ns),
        candidate=rounded(math.exp(statistics.median(pair.candidate)) / unit_ns),
        baseline_mean=rounded(math.exp(statistics.fmean(pair.baseline)) / unit_ns),
        candidate_mean=rounded(math.exp(statistics.fmean(pair.candidate)) / unit_ns),
        ratio=ratio,
        low=low,
        high=high,
        interval=each.kind,
        p=rounded(each.p),
        p_holm=rounded(p_holm),
        smallest_effect_percent=rounded(smallest),
        words=timing_words(seen, same_work=pair.same_work),
    )
