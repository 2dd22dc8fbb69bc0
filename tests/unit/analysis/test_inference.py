# SPDX-License-Identifier: Apache-2.0
"""Tests and intervals agree with published examples and do what their names promise."""

from __future__ import annotations

import math
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.analysis import inference

# Student (1908), The probable error of a mean: hours of sleep gained with one drug over the other.
SLEEP_HOURS = [1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4]
# Darwin's maize as Fisher used it (The Design of Experiments, 1935): crossed less self-fertilised, 1/8 inch.
MAIZE = [49.0, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]

LOGS = st.lists(st.floats(-2, 2).filter(lambda value: abs(value) > 1e-6), min_size=2, max_size=9)


def test_the_paired_interval_is_students() -> None:
    interval = inference.paired_t_interval(SLEEP_HOURS)
    assert (interval.low, interval.high) == pytest.approx((0.7001142, 2.4598858))


def test_the_sign_flip_test_is_fishers() -> None:
    # Of 32,768 arrangements 863 have a sum as large as what was seen.
    assert inference.sign_flip_p(MAIZE) == pytest.approx(2 * 863 / 2**15)


def test_the_tea_is_fishers() -> None:
    assert inference.fisher_p((3, 1), (1, 3)) == pytest.approx(34 / 70)


def test_discordant_pairs_are_tossed_like_coins() -> None:
    assert inference.mcnemar_p(1, 9) == pytest.approx(22 / 1024)
    assert inference.mcnemar_p(0, 0) == 1


def test_shares_have_exact_intervals() -> None:
    assert inference.clopper_pearson(0, 10).high == pytest.approx(1 - 0.025 ** (1 / 10))
    assert inference.clopper_pearson(10, 10).low == pytest.approx(0.025 ** (1 / 10))
    assert inference.clopper_pearson(0, 0) == inference.Interval(0, 1)


def test_welchs_interval() -> None:
    # Welch (1947) by hand: means 3 and 6, variances 2.5 and 3.5 / 6 elements.
    one, other = [1.0, 2, 3, 4, 5], [3.5, 5.0, 6.0, 6.5, 7.0, 8.0]
    interval = inference.welch(other, one)
    difference = statistics.fmean(other) - statistics.fmean(one)
    assert statistics.fmean((interval.low, interval.high)) == pytest.approx(difference)
    error = math.sqrt(statistics.variance(one) / 5 + statistics.variance(other) / 6)
    freedom = error**4 / ((statistics.variance(one) / 5) ** 2 / 4 + (statistics.variance(other) / 6) ** 2 / 5)
    assert 8 < freedom < 9
    # 97.5 % quantiles of t: 2.306 for 8 degrees of freedom, 2.262 for 9.
    assert 2.262 < (interval.high - difference) / error < 2.306


def test_labels_are_exchanged_in_every_way() -> None:
    """Two samples of three have 20 labellings; two of them are as far apart as these."""
    assert inference.label_p_values([[1.0, 2, 3]], [[4.0, 5, 6]]) == [pytest.approx(2 / 20)]
    assert inference.label_p_values([[1.0, 2, 4]], [[3.0, 5, 6]]) == [pytest.approx(4 / 20)]
    assert inference.label_p_values([[1.0, 2, 3]], [[9.0, 8]]) == [pytest.approx(1 / 10)]


def test_exchanging_the_samples_changes_no_p() -> None:
    one, other = [[1.0, 2, 5], [3.0, 3, 3]], [[4.0, 2, 7], [3.0, 1, 2]]
    assert inference.label_p_values(one, other) == inference.label_p_values(other, one)


def test_many_labellings_are_drawn() -> None:
    """17 of 34 are more than two thousand million; what is far apart has the least p that draws can give."""
    one, other = [float(block) for block in range(17)], [float(block) for block in range(100, 117)]
    assert inference.label_p_values([one], [other]) == [inference.smallest_unpaired_p(17, 17)]
    assert inference.label_p_values([one], [one])[0] > 0.9


@pytest.mark.parametrize("correlated", [False, True])
def test_labelling_keeps_its_level(correlated: bool) -> None:
    """Equal seeds may make boots of both variants alike: that makes false alarms fewer, never more."""
    dice = random.Random(7)
    tests = 1_000
    seeds = [[dice.gauss(0, 1) if correlated else 0.0 for _ in range(6)] for _ in range(tests)]
    one, other = ([[seed + dice.gauss(0, 1) for seed in row] for row in seeds] for _ in range(2))
    alarms = sum(p <= inference.LEVEL for p in inference.label_p_values(one, other)) / tests
    assert alarms < (0.015 if correlated else 0.065)
    assert correlated or alarms > 0.035


def test_the_spread_within_two_samples() -> None:
    """Variances 2.5 of five and 0.5 of two: (4 * 2.5 + 0.5) / 5."""
    assert inference.pooled_spread([1.0, 2, 3, 4, 5], [7.0, 8]) == pytest.approx(math.sqrt(10.5 / 5))


def test_the_smallest_unpaired_effect_is_that_of_cohens_tables() -> None:
    """Cohen (1988), table 2.4.1: d = 0.8 takes 26 of each for a power of 80 % at 5 %, two-sided."""
    assert inference.smallest_unpaired_effect(1.0, 26, 26) == pytest.approx(0.8, abs=0.01)
    assert inference.smallest_unpaired_effect(2.0, 26, 26) == pytest.approx(1.6, abs=0.02)
    assert inference.smallest_unpaired_effect(1.0, 26, 5) is None


def test_figures_without_a_spread_have_intervals_and_no_warnings() -> None:
    same = [0.3] * 6
    assert inference.paired_t_interval(same) == inference.Interval(0.3, 0.3)
    assert inference.welch(same, same) == inference.Interval(0.0, 0.0)
    interval = inference.welch(same, [0.1, 0.1, 0.1, 0.1, 0.1, 0.11])
    assert interval.low < 0.2 < interval.high
    assert inference.welch(same, [0.1] * 6).low == pytest.approx(0.2)
    assert inference.label_p_values([same, same], [same, [0.1] * 6]) == [1, pytest.approx(2 / 924)]


def test_holm_steps_down() -> None:
    assert inference.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert inference.holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_never_makes_p_smaller_nor_changes_the_order(p_values: list[float]) -> None:
    adjusted = inference.holm(p_values)
    assert all(p <= after <= 1 for p, after in zip(p_values, adjusted, strict=True))
    for one, other in zip(sorted(zip(p_values, adjusted, strict=True))[:-1],
                          sorted(zip(p_values, adjusted, strict=True))[1:], strict=True):  # fmt: skip
        assert one[1] <= other[1]


@pytest.mark.parametrize("blocks", range(1, 9))
def test_no_test_gives_less_than_the_smallest_p(blocks: int) -> None:
    least = inference.smallest_paired_p(blocks)
    assert inference.mcnemar_p(blocks, 0) == pytest.approx(least)
    if blocks > 1:
        assert inference.sign_flip_p([0.5 + block for block in range(blocks)]) == pytest.approx(least)


def test_five_blocks_cannot_show_anything_and_six_can() -> None:
    assert inference.smallest_paired_p(5) > inference.LEVEL >= inference.smallest_paired_p(6)


def test_many_blocks_draw_and_say_so() -> None:
    blocks = inference.LARGEST_EXACT_BLOCKS + 5
    assert inference.sign_flip_p([1.0 + block for block in range(blocks)]) == pytest.approx(
        inference.smallest_paired_p(blocks)
    )


@given(LOGS)
def test_flipping_all_signs_changes_no_p(logs: list[float]) -> None:
    assert inference.sign_flip_p(logs) == pytest.approx(inference.sign_flip_p([-log for log in logs]))


def test_the_smallest_effect_is_that_of_power_tables() -> None:
    # Cohen (1988): half a standard deviation takes 34 pairs for a power of 80 %.
    effects = [inference.smallest_effect(1.0, blocks) for blocks in (33, 34)]
    assert effects[0] is not None
    assert effects[1] is not None
    assert effects[1] < 0.5 < effects[0]
    assert inference.smallest_effect(0.0, 8) == 0
    assert inference.smallest_effect(1.0, 5) is None


def test_the_bootstrap_is_the_same_every_time() -> None:
    logs = [math.sin(block) / 10 for block in range(25)]
    assert inference.bootstrap_interval(logs) == inference.bootstrap_interval(logs)
    interval = inference.bootstrap_interval(logs)
    assert interval.low < statistics.fmean(logs) < interval.high


@pytest.mark.parametrize("blocks", [6, 12, 20])
def test_many_samples_at_once_have_the_p_of_each_alone(blocks: int) -> None:
    samples = [[math.sin(row * 7 + block) + row / 10 for block in range(blocks)] for row in range(5)]
    alone = [inference.sign_flip_p(sample) for sample in samples]
    assert inference.sign_flip_p_values(samples) == pytest.approx(alone)


def test_the_limits_of_the_tests_are_those_that_are_documented() -> None:
    """docs/statistics.md: exact up to 15 blocks, then 9,999 drawn signs; a bootstrap from 20 blocks on."""
    assert (inference.LARGEST_EXACT_BLOCKS, inference.LEAST_BLOCKS_FOR_A_BOOTSTRAP) == (15, 20)
    assert (inference.CONFIDENCE, inference.POWER) == (0.95, 0.8)
    assert inference.smallest_paired_p(15) == 2 / 2**15
    assert inference.smallest_paired_p(16) == 2 / 10_000
    assert [inference.smallest_paired_p(blocks) for blocks in (0, 1, 2)] == [1, 1, 0.5]
    assert [inference.smallest_unpaired_p(*blocks) for blocks in ((0, 0), (3, 0), (0, 3))] == [1, 1, 1]
    assert inference.smallest_unpaired_p(3, 2) == pytest.approx(0.1)
    assert math.comb(16, 8) <= inference.LARGEST_EXACT_LABELLINGS < math.comb(18, 9)
    assert inference.smallest_unpaired_p(8, 8) == 2 / math.comb(16, 8)
    assert inference.smallest_unpaired_p(9, 9) == 1 / 10_000


def test_what_is_drawn_is_drawn_alike_in_every_version_of_the_tool() -> None:
    """Another seed or number of draws would give an old run another report."""
    logs = [math.sin(block) / 10 for block in range(25)]
    interval = inference.bootstrap_interval(logs)
    assert (interval.low, interval.high) == pytest.approx((-0.02655568, 0.02787983), rel=1e-4)
    assert inference.sign_flip_p([log + 0.02 for log in logs]) == pytest.approx(0.169)


def test_times_that_differ_by_rounding_alone_are_one_time() -> None:
    tiny = inference.ROUNDING / 2
    same = [0.3, 0.3 + tiny, 0.3]
    assert inference.paired_t_interval(same) == inference.Interval(0.3, 0.3)
    spread = inference.paired_t_interval([0.3, 0.3 + 4 * tiny, 0.3])
    assert spread.low < 0.3 < spread.high
    apart = inference.label_p_values([same] * 2, [[0.3 + tiny] * 3, [0.3 + 4 * tiny] * 3])
    assert apart == [1, pytest.approx(0.1)]
