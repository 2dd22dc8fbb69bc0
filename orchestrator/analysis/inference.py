# SPDX-License-Identifier: Apache-2.0
"""Tests, intervals and their limits, by SciPy. Every observation is a block's; none of a fork's.

SciPy is imported where it is used: it takes longer to load than most commands take to run.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from orchestrator.analysis.comparison import LEAST_BLOCKS_FOR_A_CLAIM

CONFIDENCE = 0.95
LEVEL = 1 - CONFIDENCE
POWER = 0.8
LEAST_BLOCKS_FOR_A_BOOTSTRAP = 20
"""With few blocks a bootstrap is too narrow: its false alarms are far above their level."""
LARGEST_EXACT_BLOCKS = 15
"""Up to here the permutation test goes through all 2^n signs; beyond, it draws from them."""
ROUNDING = 1e-9
"""Logarithms of nanoseconds that are closer than this are of one time."""
_RESAMPLES = 9_999
_BATCH = 1_024
"""Resamples at once: all of them of some hundred timings would fill the memory."""
_SEED = 20_240_614
"""Any number, but always the same: a report made again has to say the same."""


@dataclass(frozen=True)
class Interval:
    """A two-sided 95 % interval."""

    low: float
    high: float


def paired_t_interval(differences: Sequence[float]) -> Interval:
    """Of the mean of paired differences (log-ratios); at least two are needed (Student 1908).

    Differences that are all the same up to rounding leave an interval without a width.
    """
    from scipy import stats

    if max(differences) - min(differences) <= ROUNDING:
        return Interval(differences[0], differences[0])
    found = stats.ttest_1samp(differences, 0.0).confidence_interval(CONFIDENCE)
    return Interval(float(found.low), float(found.high))


def bootstrap_interval(differences: Sequence[float]) -> Interval:
    """BCa bootstrap of the mean (Efron 1987), for LEAST_BLOCKS_FOR_A_BOOTSTRAP and more."""
    import numpy
    from scipy import stats

    found = stats.bootstrap(
        (numpy.asarray(differences),), numpy.mean, confidence_level=CONFIDENCE, n_resamples=_RESAMPLES,
        rng=numpy.random.default_rng(_SEED),
    ).confidence_interval  # fmt: skip
    return Interval(float(found.low), float(found.high))


def sign_flip_p(differences: Sequence[float]) -> float:
    """Two-sided permutation test on the mean of paired differences (Fisher 1935).

    Under the null hypothesis either variant could have had either figure, so every sign is as likely.
    Exact up to LARGEST_EXACT_BLOCKS differences.
    """
    return sign_flip_p_values([differences])[0]


def sign_flip_p_values(samples: Sequence[Sequence[float]]) -> list[float]:
    """The same for many samples of one size: SciPy goes through the signs once for all of them."""
    import numpy
    from scipy import stats

    count = len(samples[0])
    found = stats.permutation_test(
        (numpy.asarray(samples),), numpy.mean, permutation_type="samples", vectorized=True, axis=-1,
        n_resamples=2**count if count <= LARGEST_EXACT_BLOCKS else _RESAMPLES, batch=_BATCH,
        rng=numpy.random.default_rng(_SEED),
    )  # fmt: skip
    return [float(p) for p in found.pvalue]


def welch(candidate: Sequence[float], baseline: Sequence[float]) -> tuple[Interval, float]:
    """Interval of the difference of two independent means, and p (Welch 1947); two of each at least."""
    from scipy import stats

    if max(candidate) - min(candidate) <= ROUNDING and max(baseline) - min(baseline) <= ROUNDING:
        apart = candidate[0] - baseline[0]
        p = 1.0 if abs(apart) <= ROUNDING else smallest_unpaired_p(len(baseline), len(candidate))
        return Interval(apart, apart), p
    with warnings.catch_warnings():
        # One of the two may be the same throughout; the test's error is then that of the other.
        warnings.simplefilter("ignore", RuntimeWarning)
        found = stats.ttest_ind(candidate, baseline, equal_var=False)
    interval = found.confidence_interval(CONFIDENCE)
    return Interval(float(interval.low), float(interval.high)), float(found.pvalue)


def clopper_pearson(count: int, total: int) -> Interval:
    """Exact 95 % interval of a share (Clopper and Pearson 1934); all of 0 to 1 when nothing was seen."""
    from scipy import stats

    if total == 0:
        return Interval(0.0, 1.0)
    found = stats.binomtest(count, total).proportion_ci(CONFIDENCE, method="exact")
    return Interval(float(found.low), float(found.high))


def mcnemar_p(only_one: int, only_other: int) -> float:
    """Exact paired test of two shares: a two-sided binomial test of the discordant pairs (McNemar 1947)."""
    from scipy import stats

    discordant = only_one + only_other
    return float(stats.binomtest(only_one, discordant).pvalue) if discordant else 1.0


def fisher_p(one: tuple[int, int], other: tuple[int, int]) -> float:
    """Fisher's exact test of two independent shares, each as (with, without)."""
    import numpy
    from scipy import stats

    return float(stats.fisher_exact(numpy.array([one, other])).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """p after Holm's step-down correction over a family (Holm 1979, Scand. J. Statist. 6).

    In SciPy only the false discovery rate is controlled, which is another promise.
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted, largest = [1.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def smallest_paired_p(blocks: int) -> float:
    """The least p that sign flips (or discordant pairs) of so many blocks can give: 2 of 2^n."""
    exact = 2.0 ** (1 - blocks)
    return min(1.0, exact if blocks <= LARGEST_EXACT_BLOCKS else 2 / (_RESAMPLES + 1))


def smallest_unpaired_p(baseline: int, candidate: int) -> float:
    """The least p that Fisher's test can give: all blocks of one variant, none of the other."""
    return fisher_p((baseline, 0), (0, candidate)) if baseline and candidate else 1.0


def smallest_effect(spread: float, blocks: int) -> float | None:
    """The mean difference that a paired t test of `blocks` differences finds in 80 % of all runs.

    `spread` is their standard deviation; the test's level is 5 %, two-sided. Its power is that of the
    noncentral t distribution (Owen 1965). None with too few blocks for any claim.
    """
    if blocks < LEAST_BLOCKS_FOR_A_CLAIM:
        return None
    return _smallest_shift(blocks) * spread / math.sqrt(blocks)


@cache
def _smallest_shift(blocks: int) -> float:
    """The same in standard errors, which is one number for all timings of a run."""
    from scipy import optimize, stats

    freedom = blocks - 1
    critical = float(stats.t.ppf(1 - LEVEL / 2, freedom))

    def short_of_power(shift: float) -> float:
        above = float(stats.nct.sf(critical, freedom, shift))
        below = float(stats.nct.cdf(-critical, freedom, shift))
        return above + below - POWER

    most = 1.0
    while short_of_power(most) < 0:
        most *= 2
    return float(optimize.brentq(short_of_power, 0.0, most))
