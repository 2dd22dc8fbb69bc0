# SPDX-License-Identifier: Apache-2.0
"""Comparisons follow from blocks alone, and words claim no more than numbers."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.analysis.inference import bootstrap_interval, paired_t_interval
from orchestrator.analysis.records import Comparison, TimingComparison
from orchestrator.analysis.variants import compare_variants
from orchestrator.clock import Clock
from orchestrator.outcome import Outcome
from orchestrator.record.result import RequestSummary, TrialResult
from orchestrator.scenario.models import Scenario
from tests.unit.analysis.trials import row, run, scenario, trial


def compared(
    trials: Sequence[TrialResult], subject: Scenario | None = None, clock: Clock = "realtime"
) -> Comparison:
    return compare_variants(subject or scenario(), clock, trials, twins_identical=None)[0]


def timing(comparison: Comparison, statistic: str = "p50", name: str = "mmap") -> TimingComparison:
    return next(each for each in comparison.timings if (each.name, each.statistic) == (name, statistic))


def test_a_difference_is_found_through_blocks_that_wander() -> None:
    each = timing(compared(run([1.10, 1.12, 1.11, 1.09, 1.13, 1.10, 1.11, 1.10])))
    assert each.interval == "paired t"
    assert each.low is not None
    assert each.high is not None
    assert 1.09 < each.low < 1.1075 < each.high < 1.12
    assert (each.p, each.p_holm) == (2 / 256, 2 / 256)
    assert each.words.startswith("p50 of the trigger's mmaps: second takes 10.7 % longer (95 % interval +9.")


def test_no_difference_is_bounded_and_never_called_equal() -> None:
    each = timing(compared(run([1.01, 0.99, 1.005, 0.992, 1.002, 0.999])))
    assert each.p_holm is not None
    assert each.p_holm > 0.05
    assert "no difference larger than" in each.words
    assert "equal" not in each.words
    assert each.smallest_effect_percent is not None
    assert 0.5 < each.smallest_effect_percent < 2


def test_a_wide_interval_decides_nothing() -> None:
    assert ": undecided (" in timing(compared(run([2.0, 0.5, 1.7, 0.6, 1.2, 0.9]))).words


def test_below_six_blocks_there_are_figures_and_no_claim() -> None:
    comparison = compared(run([1.5] * 5))
    each = timing(comparison)
    assert (comparison.claims, comparison.smallest_p) == (False, 0.0625)
    assert (each.interval, each.low, each.p, each.smallest_effect_percent) == ("none", None, None, None)
    assert each.ratio == pytest.approx(1.5, rel=1e-4)
    assert "takes 50.0 % longer in 5 blocks; below 6 no claim is made" in each.words
    assert comparison.outcome is not None
    assert comparison.outcome.p is None


def test_from_twenty_blocks_on_the_wider_interval_counts() -> None:
    dice = random.Random(3)
    logs = [math.log(1.2) + dice.gauss(0, 0.05) for _ in range(20)]
    each = timing(compared(run([math.exp(log) for log in logs])))
    student, bootstrap = paired_t_interval(logs), bootstrap_interval(logs)
    wider = max((student, bootstrap), key=lambda interval: interval.high - interval.low)
    assert each.interval == ("bootstrap" if wider is bootstrap else "paired t")
    assert (each.low, each.high) == pytest.approx((math.exp(wider.low), math.exp(wider.high)), rel=1e-3)


def test_blocks_with_equal_memory_are_one_block() -> None:
    copies = [each.model_copy(update={"fingerprint": "same"}) for each in run([1.1] * 9)]
    assert compared(copies).blocks == 1
    unknown = [each.model_copy(update={"fingerprint": None}) for each in run([1.1] * 9)]
    assert compared(unknown).blocks == 9


def test_a_block_counts_once_however_many_forks_it_has() -> None:
    forks = [each.model_copy(update={"fork": fork}) for fork in (1, 2, 3) for each in run([1.1, 1.2])]
    each = timing(compared(forks))
    assert each.blocks == 2
    assert each.ratio == pytest.approx(math.sqrt(1.1 * 1.2), rel=1e-4)


def test_a_fork_that_the_host_disturbed_does_not_move_the_median() -> None:
    disturbed = [trial("second", block, 9e9, fork=2) for block in range(1, 7)]
    extra = [trial("second", block, 1.1e6, fork=3) for block in range(1, 7)]
    trials = [*run([1.1] * 6, wander=0), *disturbed, *extra]
    assert timing(compared(trials)).ratio == pytest.approx(1.1, rel=1e-4)


def test_sizes_of_a_benchmark_are_corrected_together() -> None:
    trials = []
    for block in range(1, 9):
        for variant, factor in (("first", 1.0), ("second", 1.1 + block / 1000)):
            rows = tuple(row(f"BM_x/{size}", size * factor) for size in (4096, 8192, 65536))
            trials.append(trial(variant, block, stage="target", benchmarks=(*rows, row("BM_y", 7 * factor))))
    comparison = compared(trials)
    assert timing(comparison, "real_time", "BM_x/4096").p == pytest.approx(2 / 256)
    assert timing(comparison, "real_time", "BM_x/4096").p_holm == pytest.approx(3 * 2 / 256)
    assert timing(comparison, "real_time", "BM_y").p_holm == pytest.approx(2 / 256)
    assert timing(comparison, "cpu_time", "BM_x/4096").words.startswith(
        "cpu_time of BM_x at 4096 B, at the target: second takes 10."
    )
    assert comparison.outcome is None  # no trigger ran


def test_benchmarks_without_a_figure_are_left_out() -> None:
    trials = []
    for block in range(1, 7):
        trials.append(trial("first", block, stage="target", benchmarks=(row("BM_x", 1.0, killed=True),)))
        trials.append(trial("second", block, stage="target", benchmarks=(row("BM_x", 1.0),)))
    assert compared(trials).timings == ()


def test_figures_of_different_work_are_not_compared() -> None:
    trials = [each.model_copy(update={"requests": each.requests.model_copy(update={"succeeded": 120})})
              if each.variant == "first" and each.requests else each for each in run([4.0] * 6)]  # fmt: skip
    each = timing(compared(trials))
    assert (each.comparable, each.p, each.interval) == (False, None, "none")
    assert "not the same work (120 mmaps of first succeeded, 600 of second)" in each.words


def test_times_under_tracing_are_left_out() -> None:
    trials = []
    for name in ("first", "second"):
        for block in range(1, 7):
            trials.append(trial(name, block, stage="target", benchmarks=(row("BM_x/4", 10.0),)))
            trials.append(trial(name, block, stage="audit-target", benchmarks=(row("BM_x/4", 99.0),)))
    assert timing(compared(trials), "real_time", "BM_x/4").baseline == 10.0


def test_a_stop_rules_iterations_are_the_same_work_unless_some_failed() -> None:
    for failed, comparable in ((0, True), (300, False)):
        trials = []
        for block in range(1, 7):
            first = row("BM_x/4", 10.0 + block)
            fields = {"iterations": 600, "failed": failed}
            second = row("BM_x/4", 10.0 + block).model_copy(update=fields)
            trials.append(trial("first", block, stage="target", benchmarks=(first,)))
            trials.append(trial("second", block, stage="target", benchmarks=(second,)))
        each = timing(compared(trials), "real_time", "BM_x/4")
        assert each.comparable is comparable
        assert ("50 of second" in each.words) is not comparable


def test_outcomes_are_compared_block_by_block() -> None:
    trials = [trial("first", block, outcome=Outcome.OOM) for block in range(1, 9)]
    trials += [trial("second", block) for block in range(1, 9)]
    outcome = compared(trials).outcome
    assert outcome is not None
    assert (outcome.baseline.count, outcome.candidate.count, outcome.only_baseline) == (8, 0, 8)
    assert outcome.p == pytest.approx(2 / 256, rel=1e-5)
    assert outcome.words == (
        "oom in 8 of 8 blocks with first, in 0 of 8 with second: a difference beyond chance (p = 0.0078)"
    )


def test_outcomes_that_never_came_may_still_come() -> None:
    outcome = compared(run([1.0] * 10)).outcome
    assert outcome is not None
    assert outcome.words.endswith("; it may still happen in up to 31 % of blocks")


def test_different_kernels_are_not_paired() -> None:
    trials = [each.model_copy(update={"fingerprint": f"{each.variant}{each.block}"})
              for each in run([1.5] * 8, wander=0.05)]  # fmt: skip
    trials = [each.model_copy(update={"outcome": Outcome.OOM}) if each.variant == "first" else each
              for each in trials]  # fmt: skip
    comparison = compared(trials, scenario("debian-6.12"))
    each = timing(comparison)
    assert (comparison.paired, comparison.blocks, each.interval) == (False, 8, "Welch")
    assert each.low is not None
    assert each.low > 1
    assert comparison.outcome is not None
    assert comparison.outcome.p == pytest.approx(2 / math.comb(16, 8), rel=1e-4)


def test_instructions_are_exact() -> None:
    trials = [each.model_copy(update={"clock": "deterministic"}) for each in run([1.02, 1.03, 1.025])]
    each = timing(compared(trials, clock="deterministic"))
    assert (each.unit, each.interval, each.p) == ("instructions", "exact", None)
    assert (each.low, each.high) == pytest.approx((1.02, 1.03), rel=1e-5)
    assert "exact in 3 memory states" in each.words
    same = [each.model_copy(update={"clock": "deterministic"}) for each in run([1.0, 1.0])]
    words = timing(compared(same, clock="deterministic")).words
    assert words.endswith("not one instruction of difference in 2 memory states")


def test_a_noisy_machine_is_told() -> None:
    loud = compared(run([2.0, 0.5, 1.7, 0.6, 1.2, 0.9])).noise
    assert loud.quiet is False
    assert "too noisy a machine" in loud.warnings[0]
    quiet = compared(run([1.01, 0.99, 1.005, 0.992, 1.002, 0.999])).noise
    assert (quiet.quiet, quiet.warnings, quiet.control_percent) == (True, (), None)


def test_twins_that_differ_warn_of_everything_else() -> None:
    subject = scenario(variants="  again: {base: debian-6.1, twin_of: first}\n")
    trials = run([1.0] * 8)
    trials += [
        each.model_copy(update={"variant": "again", "requests": slower(each, 1.3)})
        for each in trials
        if each.variant == "first"
    ]
    (comparison,) = compare_variants(subject, "realtime", trials, twins_identical=None)
    assert comparison.candidate == "second"
    assert comparison.noise.control_percent == pytest.approx(30, rel=1e-3)
    assert len(comparison.noise.warnings) == 2
    assert "call one and the same driver different from itself" in comparison.noise.warnings[1]


def slower(one: TrialResult, factor: float) -> RequestSummary:
    assert one.requests is not None
    assert one.requests.latency is not None
    p50_ns = round(one.requests.latency.p50_ns * factor)
    return one.requests.model_copy(
        update={"latency": one.requests.latency.model_copy(update={"p50_ns": p50_ns, "p99_ns": p50_ns * 9})}
    )


LOG_RATIOS = st.lists(st.floats(-0.5, 0.5), min_size=6, max_size=10)


@settings(max_examples=10, deadline=None)
@given(LOG_RATIOS)
def test_swapping_the_variants_inverts_the_ratio(logs: list[float]) -> None:
    trials = run([math.exp(log) for log in logs])
    swapped = [each.model_copy(update={"variant": "second" if each.variant == "first" else "first"})
               for each in trials]  # fmt: skip
    one, other = timing(compared(trials)), timing(compared(swapped))
    assert one.low is not None
    assert other.high is not None
    assert one.ratio * other.ratio == pytest.approx(1, rel=1e-5)
    assert one.low * other.high == pytest.approx(1, rel=1e-5)
    assert one.p == other.p


@settings(max_examples=10, deadline=None)
@given(LOG_RATIOS, st.integers(2, 50))
def test_a_slower_machine_changes_no_ratio(logs: list[float], factor: int) -> None:
    ratios = [math.exp(log) for log in logs]
    one, other = (timing(compared(run(ratios, base_ns))) for base_ns in (1e9, 1e9 * factor))
    assert one.ratio == pytest.approx(other.ratio, rel=1e-5)
    assert one.low == pytest.approx(other.low, rel=1e-5)
    assert one.smallest_effect_percent == pytest.approx(other.smallest_effect_percent, rel=1e-3, abs=1e-4)


@settings(max_examples=10, deadline=None)
@given(LOG_RATIOS, st.randoms(use_true_random=False))
def test_the_order_of_blocks_changes_nothing(logs: list[float], dice: random.Random) -> None:
    trials = run([math.exp(log) for log in logs])
    shuffled = dice.sample(trials, len(trials))
    assert compared(trials) == compared(shuffled)
