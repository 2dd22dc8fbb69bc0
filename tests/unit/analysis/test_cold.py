# SPDX-License-Identifier: Apache-2.0
"""Cold trials as the analysis sees them: independent samples, whatever seeds, numbers and memory say."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import pytest

from orchestrator.analysis import inference
from orchestrator.analysis.answers import CONTIGUOUS, EXPLANATION
from orchestrator.analysis.audit import summarise_audit
from orchestrator.analysis.controls import ControlGroup, control_groups
from orchestrator.analysis.records import Comparison
from orchestrator.analysis.samples import blocks_of, sample_of
from orchestrator.analysis.variants import compare_variants
from orchestrator.outcome import Outcome
from orchestrator.record.result import AuditPhase, AuditRow, TrialResult
from orchestrator.report.audit import audit_lines, audit_warnings
from orchestrator.report.rows import control_line, sample_line
from orchestrator.scenario.loading.loader import load_text
from orchestrator.scenario.models import Scenario
from orchestrator.verdict.attempts import inexact_pairs, missing_evidence
from orchestrator.verdict.verdict import PassVerdict, compute_verdict
from tests.unit.analysis.trials import TEXT, trial
from tests.unit.evidence.guest_output import ACCELERATORS


def scenario(twin: str = "") -> Scenario:
    text = TEXT.replace("BASE", "debian-6.1").replace("blocks: 20", "blocks: 6, fork: false")
    return load_text(text.replace("trigger:", f"{twin}trigger:", 1), Path("example.yaml")).scenario


TWIN = "  again: {base: debian-6.1, twin_of: first}\n"


def cold(variant: str, number: int, p50_ns: float | None = None, **fields: Any) -> TrialResult:
    return trial(variant, number, p50_ns, cold=True, **fields)


def boots(variant: str, scale: float, rounds: int = 6, seed: int = 1, **fields: Any) -> list[TrialResult]:
    dice = random.Random(f"{variant} {seed}")
    return [
        cold(
            variant, number, scale * math.exp(dice.gauss(0, 0.05)), fingerprint=f"{variant}{number}", **fields
        )
        for number in range(1, rounds + 1)
    ]


def compared(*trials: TrialResult, twin: str = "") -> Comparison:
    (found, *_) = compare_variants(scenario(twin), trials[0].clock, trials, twins_identical=None)
    return found


def test_boots_with_equal_memory_are_one_observation() -> None:
    trials = [cold("first", number, fingerprint="same" if number < 4 else str(number)) for number in range(7)]
    assert len(blocks_of(trials)) == 4
    assert sample_of(trials) == "boot"


@pytest.mark.parametrize("clock", ["realtime", "deterministic"])
def test_equal_memory_of_two_variants_makes_no_pair(clock: str) -> None:
    trials = [cold(name, number, 1e6 + number, fingerprint=str(number), clock=clock)
              for name in ("first", "second") for number in range(1, 7)]  # fmt: skip
    found = compared(*trials)
    assert (found.paired, found.sample, found.blocks) == (False, "boot", 6)
    assert {timing.interval for timing in found.timings} == {"Welch"}
    assert found.basis == "6 distinct boots of each, NOT paired"


def test_a_difference_takes_interval_and_test() -> None:
    found = compared(*boots("first", 1e6), *boots("second", 1.5e6))
    (median, *_) = found.timings
    assert "takes 4" in median.words
    assert median.p == pytest.approx(2 / 924, rel=0.01)
    assert median.interval == "Welch"
    assert median.low is not None
    assert 1 < median.low < median.ratio
    assert median.smallest_effect_percent is not None


def test_the_effect_that_could_be_seen_is_that_of_two_samples() -> None:
    found = compared(*boots("first", 1e6), *boots("second", 1e6))
    (median, *_) = found.timings
    spread = (found.noise.spread_percent or 0) / 100
    effect = inference.smallest_unpaired_effect(math.log(1 + spread), 6, 6)
    assert effect is not None
    assert median.smallest_effect_percent == pytest.approx((math.exp(effect) - 1) * 100, rel=0.05)


def test_below_six_boots_no_claim_is_made() -> None:
    found = compared(*boots("first", 1e6, 5), *boots("second", 2e6, 5))
    assert not found.claims
    assert found.timings[0].words.endswith("in 5 boots; below 6 no claim is made")


def test_outcomes_are_compared_by_fishers_test() -> None:
    died = boots("first", 1e6, outcome=Outcome.OOM)
    outcome = compared(*died, *boots("second", 1e6)).outcome
    assert outcome is not None
    assert (outcome.only_baseline, outcome.only_candidate, outcome.sample) == (0, 0, "boot")
    assert outcome.p == pytest.approx(2 / 924, rel=0.01)
    assert "oom in 6 of 6 boots with first, in 0 of 6 with second" in outcome.words


def test_wide_boots_are_called_so() -> None:
    dice = random.Random(3)
    trials = [cold(name, number, 1e6 * math.exp(dice.gauss(0, 0.4)), fingerprint=f"{name}{number}")
              for name in ("first", "second") for number in range(1, 7)]  # fmt: skip
    (warning,) = compared(*trials).noise.warnings
    assert warning.startswith("times of one variant spread by ")
    assert "from boot to boot: with nothing paired, small differences cannot be seen" in warning


def control(*trials: TrialResult, difference: str | None = None) -> ControlGroup:
    (found,) = control_groups(scenario(TWIN), trials[0].clock, trials, lambda _one, _other: difference)
    return found


def test_twins_in_real_time_are_two_samples() -> None:
    found = control(*boots("first", 1e6), *boots("again", 1.2e6))
    assert (found.pairs, found.repeats, found.p50_percent) == (0, 6, None)
    assert found.p50_percent_unpaired == pytest.approx(20, abs=8)
    assert "6 boots of each, NOT paired" in control_line(found)


def test_only_boots_with_a_trigger_count_where_its_latencies_are_compared() -> None:
    others = [*boots("first", 1e6, stage="relaxed"), *boots("again", 1e6, stage="relaxed")]
    assert control(*boots("first", 1e6), *boots("again", 1e6), *others).repeats == 6


def test_twins_that_were_counted_repeat_one_another() -> None:
    """One recipe, word for word: under the deterministic clock that is the same boot twice."""
    trials = [cold(name, number, 1e6, fingerprint=str(number), clock="deterministic")
              for name in ("first", "again") for number in (1, 2)]  # fmt: skip
    same, other = control(*trials), control(*trials, difference="console.log line 3")
    assert (same.pairs, same.repeats, same.identical) == (0, 2, True)
    assert "identical (2 boots of each by one recipe" in control_line(same)
    assert other.identical is False
    assert "NOT identical" in control_line(other)


def traced(variant: str, number: int, p50_ns: float, **fields: Any) -> TrialResult:
    phase = AuditPhase(
        phase="trigger", made=600, requests=600, other_reclaims=0, other_reclaim_us=0, other_compactions=0,
        other_compact_us=0, oom_kills=0, taken_kb=12,
    )  # fmt: skip
    return cold(variant, number, p50_ns, stage="audit-trigger", audit_phases=(phase,), **fields)


def audited(*trials: TrialResult) -> PassVerdict:
    return compute_verdict(scenario(), [], trials, accelerators=ACCELERATORS).passes[0]


def test_tracing_is_measured_by_medians_over_boots() -> None:
    trials = [cold("first", 1, 1e6), cold("first", 2, 3e6), traced("first", 1, 4e6), traced("first", 2, 2e6)]
    summary = summarise_audit(["first"], trials, "realtime", timed=True)
    assert summary is not None
    (found,) = summary.disturbances
    assert (found.pairs, found.boots, found.percent, found.same_outcome) == (0, 2, None, 2)
    assert (found.untraced, found.traced) == (2e6, 3e6)
    line = next(audit_lines(audited(*trials)))
    assert line.startswith("Traced in boots of their own")
    assert "takes +50.0 % (p50 of 2 boots, NOT paired" in line


def test_tracing_that_changes_outcomes_is_told() -> None:
    trials = [cold("first", 1), traced("first", 1, 1e6, outcome=Outcome.OOM)]
    assert "first: tracing changed the outcome in 1 of 1 traced boot" in audit_warnings(audited(*trials))


def test_what_was_traced_was_not_in_the_memory_that_was_timed() -> None:
    row = AuditRow(
        phase="trigger", order=3, gfp_flags="GFP_KERNEL", requests=600, contiguous=600, fell_back=0,
        refused=0, reclaims=0, reclaim_us=0, compactions=0, compact_us=0,
    )  # fmt: skip
    trials = [traced(name, 1, 2e6, audit=(row,)) for name in ("first", "second")]
    trials += [*boots("first", 1e6), *boots("second", 1e6)]
    answers = {answer.question: answer for answer in audited(*trials).answers}
    line = "traced were other boots than the timed ones, by the same recipes and with memory of their own"
    assert line in answers[EXPLANATION].evidence
    assert line in answers[CONTIGUOUS].evidence
    assert answers[CONTIGUOUS].answer.startswith("With contiguous memory for every request of both")


def test_a_cold_run_has_no_pairs_that_could_be_inexact() -> None:
    trials = [cold("first", 1, fingerprint="a"), cold("second", 1, fingerprint="b")]
    assert list(inexact_pairs(scenario(), trials)) == []


def test_what_was_not_run_is_named_by_its_round() -> None:
    assert "round 1 of first (realtime) was not run" in missing_evidence(scenario(), {})


def test_the_line_below_the_table() -> None:
    reached = {"reached": True, "reason": "", "free_kb": 1, "usable_units": (), "elapsed_ms": 1,
               "usable_units_before_compaction": None}  # fmt: skip
    measured = {"target": reached, "private_memory_kb": 2048}
    at_target = [
        TrialResult.model_validate(each.model_dump() | measured)
        for each in (cold("first", 1), cold("second", 1, fingerprint="other"))
    ]
    first, second = sample_line(audited(*at_target)).splitlines()
    assert first.startswith("2 boots, one for each trial, with 2 distinct memory states; cold trials")
    assert first.endswith("each has the memory of its own boot, so the variants are NOT paired")
    assert second == "a guest took 2 MiB of memory of its own (median), 2 MiB at most"
