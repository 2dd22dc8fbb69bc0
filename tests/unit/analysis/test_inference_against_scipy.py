# SPDX-License-Identifier: Apache-2.0
"""What is computed without `scipy.stats` is what `scipy.stats` computes."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from scipy import optimize, stats

from orchestrator.analysis import inference

SIZES = (2, 3, 6, 8, 12, 15)


def almost(value: object) -> object:
    return pytest.approx(value, rel=1e-12, abs=1e-12)


def samples(size: int, count: int = 20) -> list[list[float]]:
    drawn = np.random.default_rng(size).normal(0.1, 0.3, (count, size))
    return [[float(value) for value in row] for row in drawn]


@pytest.mark.parametrize("total", [1, 2, 3, 5, 8, 12, 30, 200])
def test_intervals_of_shares(total: int) -> None:
    for count in range(total + 1):
        found = inference.clopper_pearson(count, total)
        known = stats.binomtest(count, total).proportion_ci(inference.CONFIDENCE, method="exact")
        assert (found.low, found.high) == (almost(known.low), almost(known.high))


def test_paired_tests_of_shares() -> None:
    for one, other in itertools.product(range(25), repeat=2):
        known = stats.binomtest(one, one + other).pvalue if one + other else 1.0
        assert inference.mcnemar_p(one, other) == almost(known)


@pytest.mark.parametrize(("first", "second"), [(1, 1), (3, 3), (6, 7), (8, 8), (12, 5), (30, 28)])
def test_independent_tests_of_shares(first: int, second: int) -> None:
    for had, has in itertools.product(range(first + 1), range(second + 1)):
        tables = (had, first - had), (has, second - has)
        assert inference.fisher_p(*tables) == almost(float(stats.fisher_exact(np.array(tables)).pvalue))


@pytest.mark.parametrize("size", SIZES)
def test_paired_intervals(size: int) -> None:
    for sample in samples(size):
        found = inference.paired_t_interval(sample)
        known = stats.ttest_1samp(sample, 0.0).confidence_interval(inference.CONFIDENCE)
        assert (found.low, found.high) == (almost(known.low), almost(known.high))


@pytest.mark.parametrize("size", SIZES)
def test_sign_flips(size: int) -> None:
    drawn = [*samples(size), [1.0] * size, [1.0, -1.0] * (size // 2) + [2.0] * (size % 2)]
    known = stats.permutation_test(
        (np.asarray(drawn),), np.mean, permutation_type="samples", vectorized=True, axis=-1,
        n_resamples=2**size,
    )  # fmt: skip
    assert inference.sign_flip_p_values(drawn) == [almost(p) for p in known.pvalue]


def test_sums_that_are_nothing_but_rounding_are_nothing() -> None:
    assert sum([0.1, 0.2, -0.3]) != 0
    assert inference.sign_flip_p([0.1, 0.2, -0.3]) == 1


@pytest.mark.parametrize(("one", "other"), list(itertools.product(SIZES, repeat=2)))
def test_unpaired_intervals(one: int, other: int) -> None:
    for candidate, baseline in zip(samples(one), samples(other + 100), strict=True):
        interval = inference.welch(candidate, baseline)
        known = stats.ttest_ind(candidate, baseline, equal_var=False)
        expected = known.confidence_interval(inference.CONFIDENCE)
        assert (interval.low, interval.high) == (almost(expected.low), almost(expected.high))


def _apart(one: Any, other: Any, axis: int) -> Any:
    return np.abs(one.mean(axis=axis) - other.mean(axis=axis))


@pytest.mark.parametrize(("one", "other"), [(2, 2), (2, 6), (3, 5), (6, 6), (8, 8)])
def test_labellings(one: int, other: int) -> None:
    candidate, baseline = samples(one), samples(other + 100)
    candidate, baseline = [each[:one] for each in candidate], [each[:other] for each in baseline]
    known = stats.permutation_test(
        (np.asarray(candidate), np.asarray(baseline)), _apart, permutation_type="independent",
        alternative="greater", vectorized=True, axis=-1, n_resamples=math.comb(one + other, one),
    )  # fmt: skip
    assert inference.label_p_values(baseline, candidate) == [almost(p) for p in known.pvalue]


@pytest.mark.parametrize(("one", "other"), [(6, 6), (6, 9), (15, 34)])
def test_the_power_of_unpaired_tests(one: int, other: int) -> None:
    freedom, error = one + other - 2, (1 / one + 1 / other) ** 0.5
    critical = stats.t.ppf(0.975, freedom)

    def power(shift: float) -> float:
        return float(stats.nct.sf(critical, freedom, shift) + stats.nct.cdf(-critical, freedom, shift))

    known = optimize.brentq(lambda shift: power(shift) - inference.POWER, 0, 4) * error
    assert inference.smallest_unpaired_effect(1.0, one, other) == pytest.approx(known, rel=1e-10)


@pytest.mark.parametrize("blocks", [6, 8, 15, 34, 200])
def test_the_power_of_paired_tests(blocks: int) -> None:
    critical = stats.t.ppf(0.975, blocks - 1)

    def power(shift: float) -> float:
        return float(stats.nct.sf(critical, blocks - 1, shift) + stats.nct.cdf(-critical, blocks - 1, shift))

    known = optimize.brentq(lambda shift: power(shift) - inference.POWER, 0, 4) / blocks**0.5
    assert inference.smallest_effect(1.0, blocks) == pytest.approx(known, rel=1e-10)
