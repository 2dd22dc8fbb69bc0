# SPDX-License-Identifier: Apache-2.0
"""Tests, intervals and their limits. Every observation is a block's; none of a fork's.

`scipy.stats` takes longer to load than most commands take to run, `scipy.special` a third of that, and
NumPy a tenth. So what integers can count is counted by integers, exactly; distributions are those of
`scipy.special`; and `scipy.stats` is left the resampling of many blocks. Each is imported where it is used.
Tests hold every function here against its namesake in `scipy.stats`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from orchestrator.analysis.records import LEAST_BLOCKS_FOR_A_CLAIM

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CONFIDENCE = 0.95
LEVEL = 1 - CONFIDENCE
POWER = 0.8
LEAST_BLOCKS_FOR_A_BOOTSTRAP = 20
"""With few blocks a bootstrap is too narrow: its false alarms are far above their level."""
LARGEST_EXACT_BLOCKS = 15
"""Up to here the permutation test goes through all 2^n signs; beyond, it draws from them."""
LARGEST_EXACT_LABELLINGS = 2**LARGEST_EXACT_BLOCKS
"""So many ways to label two samples are gone through (8 and 8 have 12,870); beyond, they are drawn."""
ROUNDING = 1e-9
"""Logarithms of nanoseconds that are closer than this are of one time."""
_RESAMPLES = 9_999
_BATCH = 1_024
"""Resamples at once: all of them of some hundred timings would fill the memory."""
_SAME_MEAN = 1e-13
"""Share of their figures by which two means may differ and be one: they are summed in different orders."""
_HALVINGS = 53
"""Until two floats are neighbours; `scipy.optimize` would take longer to load than this takes to run."""
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
    if max(differences) - min(differences) <= ROUNDING:
        return Interval(differences[0], differences[0])
    count = len(differences)
    mean, error = _mean_and_variance(differences)
    return _t_interval(mean, math.sqrt(error / count), count - 1)


def bootstrap_interval(differences: Sequence[float]) -> Interval:
    """BCa bootstrap of the mean (Efron 1987), for LEAST_BLOCKS_FOR_A_BOOTSTRAP and more."""
    import numpy as np
    from scipy import stats

    found = stats.bootstrap(
        (np.asarray(differences),), np.mean, confidence_level=CONFIDENCE, n_resamples=_RESAMPLES,
        rng=np.random.default_rng(_SEED),
    ).confidence_interval  # fmt: skip
    return Interval(float(found.low), float(found.high))


def sign_flip_p(differences: Sequence[float]) -> float:
    """Two-sided permutation test on the mean of paired differences (Fisher 1935).

    Under the null hypothesis either variant could have had either figure, so every sign is as likely.
    Exact up to LARGEST_EXACT_BLOCKS differences.
    """
    return sign_flip_p_values([differences])[0]


def sign_flip_p_values(samples: Sequence[Sequence[float]]) -> list[float]:
    """The same for many samples of one size, which go through the signs together."""
    import numpy as np

    rows = np.asarray(samples)
    if rows.shape[1] > LARGEST_EXACT_BLOCKS:
        return _drawn_p_values(rows)
    least = np.abs(rows.mean(axis=-1)) - _SAME_MEAN * np.abs(rows).mean(axis=-1)
    signs = _all_signs(rows.shape[1])
    as_large = np.zeros(len(rows))
    for batch in range(0, len(signs), _BATCH):
        means = rows @ signs[batch : batch + _BATCH].T / rows.shape[1]
        as_large += np.count_nonzero(np.abs(means) >= least[:, np.newaxis], axis=-1)
    return [float(p) for p in as_large / len(signs)]


def _all_signs(count: int) -> NDArray[np.float64]:
    """Every way to sign so many figures, one a row."""
    import numpy as np

    negative = np.arange(2**count)[:, np.newaxis] >> np.arange(count) & 1
    return np.where(negative, -1.0, 1.0)


def _drawn_p_values(rows: NDArray[np.float64]) -> list[float]:
    import numpy as np
    from scipy import stats

    found = stats.permutation_test(
        (rows,), np.mean, permutation_type="samples", vectorized=True, axis=-1, n_resamples=_RESAMPLES,
        batch=_BATCH, rng=np.random.default_rng(_SEED),
    )  # fmt: skip
    return [float(p) for p in found.pvalue]


def label_p_values(baseline: Sequence[Sequence[float]], candidate: Sequence[Sequence[float]]) -> list[float]:
    """Two-sided permutation tests on the difference of the means of independent samples (Pitman 1937).

    Under the null hypothesis a boot says nothing of its variant, so every labelling is as likely. A row
    of each is a test; all have as many figures. Exact up to LARGEST_EXACT_LABELLINGS.
    """
    import numpy as np

    ours, theirs = np.asarray(baseline), np.asarray(candidate)
    if math.comb(ours.shape[1] + theirs.shape[1], ours.shape[1]) > LARGEST_EXACT_LABELLINGS:
        return _drawn_label_p_values(ours, theirs)
    pooled = np.concatenate((theirs, ours), axis=1)
    apart = _apart(theirs, ours)
    least = np.where(apart <= ROUNDING, 0, apart - _SAME_MEAN * np.abs(pooled).mean(axis=-1))
    labels = _all_labellings(theirs.shape[1], pooled.shape[1])
    as_large = np.zeros(len(pooled))
    for batch in range(0, len(labels), _BATCH):
        means_apart = np.abs(pooled @ labels[batch : batch + _BATCH].T)
        as_large += np.count_nonzero(means_apart >= least[:, np.newaxis], axis=-1)
    return [float(p) for p in as_large / len(labels)]


def _apart(one: NDArray[np.float64], other: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
    import numpy as np

    return np.asarray(np.abs(one.mean(axis=axis) - other.mean(axis=axis)))


def _all_labellings(chosen: int, total: int) -> NDArray[np.float64]:
    """Every way to take so many figures for the candidate's, one a row: weights of a difference of means."""
    import numpy as np

    rows = np.array(list(itertools.combinations(range(total), chosen)))
    weights = np.full((len(rows), total), -1 / (total - chosen))
    np.put_along_axis(weights, rows, 1 / chosen, axis=1)
    return weights


def _drawn_label_p_values(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> list[float]:
    import numpy as np
    from scipy import stats

    found = stats.permutation_test(
        (theirs, ours), _apart, permutation_type="independent", alternative="greater", vectorized=True,
        axis=-1, n_resamples=_RESAMPLES, batch=_BATCH, rng=np.random.default_rng(_SEED),
    )  # fmt: skip
    return [float(p) for p in found.pvalue]


def welch(candidate: Sequence[float], baseline: Sequence[float]) -> Interval:
    """Of the difference of two independent means (Welch 1947); two of each at least.

    Figures that are all the same up to rounding leave an interval without a width.
    """
    if max(candidate) - min(candidate) <= ROUNDING and max(baseline) - min(baseline) <= ROUNDING:
        apart = candidate[0] - baseline[0]
        return Interval(apart, apart)
    (mean, variance), (base, base_variance) = _mean_and_variance(candidate), _mean_and_variance(baseline)
    ours, theirs = variance / len(candidate), base_variance / len(baseline)
    freedom = (ours + theirs) ** 2 / (ours**2 / (len(candidate) - 1) + theirs**2 / (len(baseline) - 1))
    return _t_interval(mean - base, math.sqrt(ours + theirs), freedom)


def pooled_spread(baseline: Sequence[float], candidate: Sequence[float]) -> float:
    """Standard deviation within two independent samples together; two of each at least."""
    sides = (baseline, candidate)
    squares = sum(_mean_and_variance(each)[1] * (len(each) - 1) for each in sides)
    return math.sqrt(squares / (len(baseline) + len(candidate) - 2))


def _mean_and_variance(values: Sequence[float]) -> tuple[float, float]:
    mean = math.fsum(values) / len(values)
    return mean, math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)


def _t_interval(estimate: float, error: float, freedom: float) -> Interval:
    from scipy import special

    half = float(special.stdtrit(freedom, 1 - LEVEL / 2)) * error
    return Interval(estimate - half, estimate + half)


def clopper_pearson(count: int, total: int) -> Interval:
    """Exact 95 % interval of a share (Clopper and Pearson 1934); all of 0 to 1 when nothing was seen.

    None or all of something, as most runs end, have an end in closed form and need no library.
    """
    if total == 0:
        return Interval(0.0, 1.0)
    alone = (LEVEL / 2) ** (1 / total)
    if count == 0:
        return Interval(0.0, 1 - alone)
    if count == total:
        return Interval(alone, 1.0)
    from scipy import special

    low = special.betaincinv(count, total - count + 1, LEVEL / 2)
    high = special.betaincinv(count + 1, total - count, 1 - LEVEL / 2)
    return Interval(float(low), float(high))


def mcnemar_p(only_one: int, only_other: int) -> float:
    """Exact paired test of two shares: a two-sided binomial test of the discordant pairs (McNemar 1947)."""
    discordant = only_one + only_other
    tail = sum(math.comb(discordant, count) for count in range(min(only_one, only_other) + 1))
    return min(1.0, 2 * tail / int(2**discordant))


def fisher_p(one: tuple[int, int], other: tuple[int, int]) -> float:
    """Fisher's exact test of two independent shares, each as (with, without).

    Two-sided: what is at most as likely as the table that was seen, margins kept.
    """
    having, first, second = one[0] + other[0], sum(one), sum(other)

    def tables(count: int) -> int:
        """How many have `count` of the having among the first."""
        return math.comb(first, count) * math.comb(second, having - count)

    seen = tables(one[0])
    possible = [tables(count) for count in range(max(0, having - second), min(first, having) + 1)]
    return sum(each for each in possible if each <= seen) / sum(possible)


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
    """The least p that labellings of two samples (and Fisher's test) can give: one of all of them.

    Two where both are of one size: then the mirror image, both exchanged, is as far from chance.
    """
    labellings = math.comb(baseline + candidate, baseline)
    if labellings > LARGEST_EXACT_LABELLINGS:
        return 1 / (_RESAMPLES + 1)
    return min(1.0, (2 if baseline == candidate else 1) / labellings)


def smallest_effect(spread: float, blocks: int) -> float | None:
    """The mean difference that a paired t test of `blocks` differences finds in 80 % of all runs.

    `spread` is their standard deviation; the test's level is 5 %, two-sided. Its power is that of the
    noncentral t distribution (Owen 1965). None with too few blocks for any claim.
    """
    if blocks < LEAST_BLOCKS_FOR_A_CLAIM:
        return None
    return _smallest_shift(blocks - 1) * spread / math.sqrt(blocks)


def smallest_unpaired_effect(spread: float, baseline: int, candidate: int) -> float | None:
    """The same for a t test of two independent samples of these sizes; `spread` is that within them."""
    if min(baseline, candidate) < LEAST_BLOCKS_FOR_A_CLAIM:
        return None
    return _smallest_shift(baseline + candidate - 2) * spread * math.sqrt(1 / baseline + 1 / candidate)


@cache
def _smallest_shift(freedom: int) -> float:
    """The same in standard errors, which is one number for all timings of a run."""
    from scipy import special

    critical = float(special.stdtrit(freedom, 1 - LEVEL / 2))

    def short_of_power(shift: float) -> float:
        above = 1 - float(special.nctdtr(freedom, shift, critical))
        below = float(special.nctdtr(freedom, shift, -critical))
        return above + below - POWER

    least, most = 0.0, 1.0
    while short_of_power(most) < 0:
        least, most = most, 2 * most
    for _ in range(_HALVINGS):
        middle = (least + most) / 2
        least, most = (middle, most) if short_of_power(middle) < 0 else (least, middle)
    return most
