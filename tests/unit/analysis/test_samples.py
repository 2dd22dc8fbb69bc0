# SPDX-License-Identifier: Apache-2.0
"""One figure for each block and variant, and pairs of them, whatever forks and stages they come from."""

from __future__ import annotations

import math

import pytest

from orchestrator.analysis.samples import (
    Timed,
    TimingKey,
    block_of,
    evident,
    outcome_shares,
    timed,
)
from orchestrator.analysis.timings import Pair, compare_timings, pairs
from orchestrator.outcome import Outcome
from orchestrator.stage import Stage
from tests.unit.analysis.trials import row, trial

KEY = TimingKey("BM_x/4", "target", "real_time")
P50 = TimingKey("mmap", "trigger", "p50")


def served(log_ns: dict[str, float], count: float = 600) -> Timed:
    return Timed(log_ns, dict.fromkeys(log_ns, count))


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("BM_x/4", "BM_x/"),
        ("BM_x/8", "BM_x/"),
        ("BM_x", "BM_x/"),
        ("BM_x/4/map:8", "BM_x/map:8"),
        ("BM_x/8/map:8/b", "BM_x/map:8/b"),
        ("BM_y/4", "BM_y/"),
    ],
)
def test_sizes_of_one_benchmark_are_a_family(name: str, family: str) -> None:
    assert TimingKey(name, "target", "p50").family == (family, "target", "p50")


def test_a_block_is_its_memory_or_its_number() -> None:
    assert block_of(trial("first", 3)) == "3"
    assert block_of(trial("first", 3, fingerprint=None)) == "block 3"


def test_what_ended_without_evidence_is_left_out() -> None:
    trials = [trial("first", 1), trial("second", 1), trial("first", 2, outcome=Outcome.LOST)]
    assert [each.block for each in evident(trials, "first")] == [1]


def test_a_blocks_figure_is_the_median_of_its_forks() -> None:
    forks = [
        trial("first", 1, p50_ns, succeeded=count) for p50_ns, count in ((100, 10), (900, 30), (200, 20))
    ]
    found = timed([*forks, trial("first", 2, 50)])
    assert found[P50].log_ns == {"1": math.log(200), "2": math.log(50)}
    assert found[P50].succeeded == {"1": 20, "2": 600}
    assert found[TimingKey("mmap", "trigger", "p99")].log_ns["1"] == math.log(1800)


@pytest.mark.parametrize(
    ("stage", "count"), [("trigger", 2), ("relaxed", 0), ("audit-trigger", 0), ("audit-target", 0)]
)
def test_maps_are_timed_in_the_untraced_trigger_alone(stage: Stage, count: int) -> None:
    assert len(timed([trial("first", 1, 100, stage=stage)])) == count


def test_a_benchmark_gives_all_its_statistics() -> None:
    rows = (row("BM_x/4", 10.0, p50_ns=20, p99_ns=30, max_ns=40), row("BM_y", 5.0))
    found = timed([trial("first", 1, benchmarks=rows)])
    assert {(key.name, key.statistic): math.exp(each.log_ns["1"]) for key, each in found.items()} == (
        pytest.approx(
            {
                ("BM_x/4", "real_time"): 10, ("BM_x/4", "cpu_time"): 5, ("BM_x/4", "p50"): 20,
                ("BM_x/4", "p99"): 30, ("BM_x/4", "max"): 40,
                ("BM_y", "real_time"): 5, ("BM_y", "cpu_time"): 2.5,
            }
        )
    )  # fmt: skip


def test_a_benchmark_is_served_in_percent_of_its_iterations() -> None:
    found = timed([trial("first", 1, benchmarks=(row("BM_x/4", 10.0, failed=25),))])
    assert found[KEY].succeeded == {"1": 75}


def test_figures_that_are_none_are_left_out() -> None:
    rows = (
        row("BM_x/1", 0.0),
        row("BM_x/2", 1.0, error="a map was refused"),
        row("BM_x/3", 1.0, killed=True),
        row("BM_x/4", 0.5),
    )
    assert {key.name for key in timed([trial("first", 1, benchmarks=rows)])} == {"BM_x/4"}


def test_a_benchmark_that_never_ran_is_no_division_by_nothing() -> None:
    never = row("BM_x/4", 7.0).model_copy(update={"iterations": 0})
    assert timed([trial("first", 1, benchmarks=(never,))])[KEY].succeeded == {"1": 0}


def test_outcomes_are_shares_of_the_triggers_forks() -> None:
    trials = [
        trial("first", 1, outcome=Outcome.OOM),
        trial("first", 1),
        trial("first", 1),
        trial("first", 1, stage="relaxed", outcome=Outcome.OOM),
        trial("first", 2, outcome=Outcome.OOM),
    ]
    assert outcome_shares(trials, Outcome.OOM) == {"1": pytest.approx(1 / 3), "2": 1}


def test_pairs_are_of_blocks_that_both_have_and_others_of_all() -> None:
    baseline = {KEY: served({"b": 2.0, "a": 1.0, "c": 3.0})}
    candidate = {KEY: served({"d": 9.0, "b": 5.0, "a": 4.0}, 300)}
    (paired,) = pairs(baseline, candidate, paired=True)
    assert (paired.baseline, paired.candidate, paired.succeeded) == ((1.0, 2.0), (4.0, 5.0), (600, 300))
    (apart,) = pairs(baseline, candidate, paired=False)
    assert (apart.baseline, apart.candidate) == ((1.0, 2.0, 3.0), (4.0, 5.0, 9.0))
    assert pairs(baseline, {KEY: served({"d": 1.0})}, paired=True) == []
    assert pairs(baseline, {}, paired=False) == []
    assert pairs({KEY: served({})}, candidate, paired=False) == []


def test_pairs_come_in_the_order_of_the_states_of_memory() -> None:
    keys = [TimingKey("x", when, "p50") for when in ("after", "target", "trigger", "relaxed")]
    figures = {key: served({"a": 1.0}) for key in keys}
    whens = [pair.key.when for pair in pairs(figures, figures, paired=True)]
    assert whens == ["relaxed", "target", "trigger", "after"]


def pair(*logs: tuple[float, float], paired: bool = True, served: tuple[float, float] = (1, 1)) -> Pair:
    baseline, candidate = zip(*logs, strict=True)
    return Pair(KEY, baseline, candidate, served, paired)


@pytest.mark.parametrize(
    ("served", "same"),
    [((600, 600), True), ((600, 595), True), ((600, 593), False), ((99, 100), True), ((98, 100), False)],
)
def test_one_percent_apart_is_the_same_work(served: tuple[float, float], same: bool) -> None:
    assert pair((1, 2), served=served).same_work is same


def test_the_spread_is_of_ratios_or_within_both_variants() -> None:
    logs = (0.0, 1.0), (5.0, 8.0)
    assert pair(*logs).spread == pytest.approx(math.sqrt(2))
    assert pair(*logs, paired=False).spread == pytest.approx(math.sqrt((12.5 + 24.5) / 2))
    assert pair(logs[0]).spread is None
    assert pair(*logs).figures.differences == [1.0, 3.0]


def test_the_smaller_number_of_blocks_bears_a_claim() -> None:
    assert Pair(KEY, (1.0, 2.0), (1.0,), (1, 1), paired=False).blocks == 1


@pytest.mark.parametrize(("blocks", "kind"), [(5, "none"), (6, "Welch"), (7, "Welch")])
def test_unpaired_times_have_claims_from_six_blocks_on(blocks: int, kind: str) -> None:
    logs = [(math.log(100 + block), math.log(200 + block)) for block in range(blocks)]
    (found,) = compare_timings(("a", "b"), [pair(*logs, paired=False)], "realtime")
    assert (found.interval, found.low is None, found.p is None) == (kind, kind == "none", kind == "none")


@pytest.mark.parametrize(("blocks", "kind"), [(5, "none"), (6, "paired t"), (19, "paired t")])
def test_paired_times_have_claims_from_six_blocks_on(blocks: int, kind: str) -> None:
    logs = [(math.log(100), math.log(200 + block)) for block in range(blocks)]
    (found,) = compare_timings(("a", "b"), [pair(*logs)], "realtime")
    assert found.interval == kind


def test_no_bootstrap_is_drawn_where_nothing_spreads() -> None:
    (found,) = compare_timings(("a", "b"), [pair(*[(1.0, 2.0)] * 20)], "realtime")
    assert (found.interval, found.smallest_effect_percent) == ("paired t", 0)
    assert found.low == found.high == pytest.approx(math.e, rel=1e-5)


def test_the_smallest_effect_is_in_percent_of_a_ratio() -> None:
    logs = [(0.0, shift) for shift in (0.1, -0.1) * 10]
    (found,) = compare_timings(("a", "b"), [pair(*logs)], "realtime")
    assert found.smallest_effect_percent == pytest.approx(7.0, abs=0.3)


def test_instructions_are_a_quarter_of_the_nanoseconds() -> None:
    logs = (math.log(4000), math.log(8000)), (math.log(4000), math.log(4000))
    exact, *_ = compare_timings(("a", "b"), [pair(*logs)], "deterministic")
    assert (exact.unit, exact.interval, exact.low, exact.high) == ("instructions", "exact", 1, 2)
    assert (exact.baseline, exact.baseline_mean) == (1000, 1000)
    assert exact.candidate == exact.candidate_mean == pytest.approx(1000 * math.sqrt(2), rel=1e-5)
    apart, *_ = compare_timings(("a", "b"), [pair(*logs, paired=False)], "deterministic")
    assert (apart.interval, apart.low, apart.p) == ("none", None, None)
    real, *_ = compare_timings(("a", "b"), [pair(*logs)], "realtime")
    assert (real.unit, real.baseline) == ("ns", 4000)


def test_other_work_has_a_ratio_and_nothing_else() -> None:
    logs = [(1.0, 2.0 + block / 9) for block in range(8)]
    (found,) = compare_timings(("a", "b"), [pair(*logs, served=(100, 50))], "realtime")
    assert (found.comparable, found.interval, found.p, found.low) == (False, "none", None, None)
    assert found.smallest_effect_percent is None
