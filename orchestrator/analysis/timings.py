# SPDX-License-Identifier: Apache-2.0
"""Times of two variants: ratios, intervals, tests, and words for them.

Block against block where both fork from the same ones; else the blocks (of cold trials: the boots) of one
against those of the other, as two independent samples.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from orchestrator.analysis import inference
from orchestrator.analysis.phrases import WHEN
from orchestrator.analysis.records import LEAST_BLOCKS_FOR_A_CLAIM, Sample, TimingComparison
from orchestrator.analysis.rounding import rounded
from orchestrator.analysis.samples import Timed, TimingKey
from orchestrator.analysis.wording import Seen, timing_words
from orchestrator.clock import ICOUNT_SHIFT, Clock

_SAME_WORK = 0.01
"""Variants with numbers of requests that succeeded further apart than this share did not do the same."""
_PERCENT = 100

IntervalKind = Literal["paired t", "bootstrap", "Welch", "exact", "none"]


@dataclass(frozen=True)
class _Inferred:
    """What can be said of the logarithm of a ratio; `spread` is its standard deviation over the blocks."""

    log_ratio: float
    kind: IntervalKind = "none"
    low: float | None = None
    high: float | None = None
    p: float | None = None
    spread: float | None = None
    smallest: float | None = None
    samples: tuple[tuple[float, ...], ...] = ()
    """What a test is made of: log-ratios by block for sign flips, or two samples to be labelled anew."""


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
    def blocks(self) -> int:
        """Blocks that a claim can rest on."""
        return min(len(self.baseline), len(self.candidate))

    @property
    def log_ratios(self) -> list[float]:
        """Of a paired timing, by block."""
        return [theirs - ours for ours, theirs in zip(self.baseline, self.candidate, strict=True)]

    @property
    def spread(self) -> float | None:
        """Standard deviation of the log-ratios; within both samples where nothing is paired."""
        if self.blocks < 2:
            return None
        if self.paired:
            return statistics.stdev(self.log_ratios)
        return inference.pooled_spread(self.baseline, self.candidate)

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
    inferred = _with_p([_inferred(pair, clock) for pair in found])
    holm = _corrected(found, inferred)
    return tuple(
        _comparison(names, pair, each, p_holm, clock)
        for pair, each, p_holm in zip(found, inferred, holm, strict=True)
    )


def _inferred(pair: Pair, clock: Clock) -> _Inferred:
    logs = pair.log_ratios if pair.paired else []
    ratio = statistics.fmean(pair.candidate) - statistics.fmean(pair.baseline)
    plain = _Inferred(ratio, spread=pair.spread)
    if not pair.same_work:
        return plain
    if clock == "deterministic" and logs:
        return replace(plain, kind="exact", low=min(logs), high=max(logs))
    if pair.blocks < LEAST_BLOCKS_FOR_A_CLAIM:
        return plain
    return _paired(plain, logs) if pair.paired else _unpaired(plain, pair)


def _unpaired(plain: _Inferred, pair: Pair) -> _Inferred:
    """Under the deterministic clock, too: there chance is not in the measuring but in the memory states."""
    interval = inference.welch(pair.candidate, pair.baseline)
    return replace(
        plain,
        kind="Welch",
        low=interval.low,
        high=interval.high,
        samples=(pair.baseline, pair.candidate),
        smallest=inference.smallest_unpaired_effect(
            plain.spread or 0.0, len(pair.baseline), len(pair.candidate)
        ),
    )


def _paired(plain: _Inferred, logs: Sequence[float]) -> _Inferred:
    kind: IntervalKind = "paired t"
    interval = inference.paired_t_interval(logs)
    if len(logs) >= inference.LEAST_BLOCKS_FOR_A_BOOTSTRAP and interval.low < interval.high:
        # The wider one counts: on real blocks the bootstrap alone was too narrow (docs/statistics.md).
        other = inference.bootstrap_interval(logs)
        if other.high - other.low > interval.high - interval.low:
            kind, interval = "bootstrap", other
    return replace(
        plain,
        kind=kind,
        low=interval.low,
        high=interval.high,
        samples=(tuple(logs),),
        smallest=inference.smallest_effect(plain.spread or 0.0, len(logs)),
    )


def _with_p(inferred: Sequence[_Inferred]) -> list[_Inferred]:
    """With the permutation tests: all of as many blocks at once, which takes a fortieth of the time."""
    p_values: dict[int, float] = {}
    for sizes in {_sizes(each) for each in inferred if each.samples}:
        indexes = [index for index, each in enumerate(inferred) if _sizes(each) == sizes]
        columns = list(zip(*(inferred[index].samples for index in indexes), strict=True))
        values = (
            inference.sign_flip_p_values(*columns) if len(sizes) == 1 else inference.label_p_values(*columns)
        )
        p_values |= dict(zip(indexes, values, strict=True))
    return [replace(each, p=p_values.get(index)) for index, each in enumerate(inferred)]


def _sizes(each: _Inferred) -> tuple[int, ...]:
    return tuple(map(len, each.samples))


def _corrected(found: Sequence[Pair], inferred: Sequence[_Inferred]) -> list[float | None]:
    families: dict[tuple[str, str, str], list[int]] = {}
    for index, (pair, each) in enumerate(zip(found, inferred, strict=True)):
        if each.p is not None:
            families.setdefault(pair.key.family, []).append(index)
    corrected: list[float | None] = [None] * len(found)
    for indexes in families.values():
        p_values = [p for index in indexes if (p := inferred[index].p) is not None]
        for index, p in zip(indexes, inference.holm(p_values), strict=True):
            corrected[index] = p
    return corrected


def _comparison(
    names: tuple[str, str], pair: Pair, each: _Inferred, p_holm: float | None, clock: Clock
) -> TimingComparison:
    timed = pair.key.unit == "ns"
    exact = clock == "deterministic" and timed
    unit_ns = 1 << ICOUNT_SHIFT if exact else 1
    ratio = rounded(math.exp(each.log_ratio))
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
