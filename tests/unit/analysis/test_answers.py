# SPDX-License-Identifier: Apache-2.0
"""The four answers follow from what a run has, and say what it lacks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from orchestrator.analysis.answers import answer_questions
from orchestrator.analysis.controls import control_groups
from orchestrator.analysis.records import Answer
from orchestrator.analysis.variants import compare_variants
from orchestrator.clock import Clock
from orchestrator.outcome import Outcome
from orchestrator.record.result import AuditPhase, AuditRow, TargetState, TrialResult
from orchestrator.scenario.models import Scenario
from orchestrator.scenario.triggers.fork import Fork
from orchestrator.stage import Stage, TrialPhase
from tests.unit.analysis.trials import row, scenario, trial

FRAGMENTED = "fragmentation: {target: {usable_units: {order: 3, max: 300}}, stressors: [pipes]}\n"
TARGET = TargetState(
    reached=True, reason="reached", free_kb=66_560, usable_units=(16_000, 400, 200, 104, 50),
    usable_units_before_compaction=None, elapsed_ms=1,
)  # fmt: skip


def audited(phase: TrialPhase, contiguous: int, fell_back: int = 0, refused: int = 0) -> AuditRow:
    return AuditRow(
        phase=phase, order=3, gfp_flags="GFP_KERNEL", requests=contiguous + fell_back + refused,
        contiguous=contiguous, fell_back=fell_back, refused=refused, reclaims=2, reclaim_us=300,
        compactions=5, compact_us=700,
    )  # fmt: skip


def whole(phase: TrialPhase, oom_kills: int) -> AuditPhase:
    return AuditPhase(
        phase=phase, made=None, requests=0, other_reclaims=0, other_reclaim_us=0, other_compactions=0,
        other_compact_us=0, oom_kills=oom_kills, taken_kb=0,
    )  # fmt: skip


def forks(variant: str, block: int, factor: float, clock: Clock, **fields: Any) -> list[TrialResult]:
    """A trigger and a relaxed fork, as the scenario of the review has them."""
    wander = 1 + (-1) ** block * block / 500
    dies = variant == "first"

    def stage(name: Stage, **more: Any) -> TrialResult:
        slow = 1.5 if name == "target" else 1.0
        rows = () if name == "trigger" else tuple(
            row(each, time_ns * slow * factor ** (variant == "second") * wander**dies, when=name)
            for each, time_ns in (("BM_sendVec_binder/4096", 30_000), ("BM_mmap_binder/4194304", 90_000))
        )  # fmt: skip
        return trial(
            variant, block, stage=name, benchmarks=rows, clock=clock, target=TARGET, **more, **fields
        )

    if dies:
        path = (audited("trigger", 120),)
        ended = {"outcome": Outcome.OOM, "in_flight": 1, "succeeded": 120}
    else:
        path, ended = (audited("trigger", 160, 440),), {}
    return [
        stage("trigger", audit=path, audit_phases=(whole("trigger", int(dies)),), p50_ns=80_000, **ended),
        stage("relaxed", audit=(audited("relaxed", 200),)),
        stage("target", audit=(audited("target", 100, *((0, 100) if dies else (100,))),)),
    ]


def answered(
    trials: Sequence[TrialResult], subject: Scenario | None = None, clock: Clock = "realtime"
) -> tuple[Answer, ...]:
    subject = subject or scenario(extra=FRAGMENTED)
    controls = control_groups(subject, clock, trials, lambda _one, _other: None)
    comparisons = compare_variants(subject, clock, trials, twins_identical=None)
    return answer_questions(subject, clock, trials, comparisons, controls)


def review(blocks: int = 8, factor: float = 1.0, clock: Clock = "realtime") -> list[TrialResult]:
    return [
        each
        for block in range(1, blocks + 1)
        for variant in ("first", "second")
        for each in forks(variant, block, factor, clock)
    ]


def test_the_path_explains_what_differs() -> None:
    explanation = answered(review())[0]
    assert explanation.question == "Is there an explanation for the difference?"
    assert explanation.answer == (
        "The outcomes differ. The path of the page arrays: in the trigger 100 % of first's were contiguous,"
        " with 8 OOM kills; in the trigger 26.7 % of second's were contiguous, 73.3 % came"
        " from vmalloc. Transactions cannot gain by it: their two page arrays are requested before anything"
        " is timed."
    )
    assert (
        "in the trigger, second: 4800 page arrays of order 3, 26.7 % contiguous, 73.3 % by vmalloc,"
        " 0 failed; 16 reclaims and 40 compactions on the way took 8 ms"
    ) in explanation.evidence
    assert explanation.evidence[0].startswith("oom in 8 of 8 blocks with first"), "what there is to explain"
    assert explanation.open is None


def test_transactions_that_differ_are_not_laid_to_the_patch() -> None:
    explanation = answered(review(factor=0.8))[0]
    assert "4 of 6 timings differ" in explanation.answer
    assert "does not explain" in explanation.answer


def test_pressure_is_a_column() -> None:
    pressure = answered(review())[1]
    assert pressure.answer == (
        "Yes: everything but `relaxed` ran with 65 MiB free, in which 104 requests of order 3 could be"
        " satisfied."
    )
    assert pressure.evidence[1].startswith("relaxed: no difference larger than")
    assert (
        "BM_mmap_binder at the target takes 1.50 times as long as relaxed with first, 1.50 times with second"
        in pressure.evidence
    )
    assert pressure.open is None


def test_contiguous_memory_is_looked_at_by_itself() -> None:
    contiguous = answered(review())[2]
    assert contiguous.answer.startswith(
        "With contiguous memory for every request of both (relaxed): no difference larger than"
    )
    assert contiguous.evidence[1].startswith("at the target (not always contiguous): ")


def test_noise_is_told_with_what_could_have_been_seen() -> None:
    noise = answered(review())[3]
    assert "0 of 6 timings differ by more than chance explains" in noise.answer
    assert "the smallest p that so many blocks can give is 0.0078" in noise.evidence
    assert any("would have been seen in 80 % of such runs" in line for line in noise.evidence)
    assert noise.open == "no A/A twin ran beside; a variant with `twin_of` shows what chance does"


def test_few_blocks_leave_the_question_open() -> None:
    explanation, _, _, noise = answered(review(blocks=3))
    assert explanation.answer.startswith("Too few blocks to say that there is a difference.")
    assert "3 blocks allow no claim about times" in noise.answer
    assert noise.open is not None
    assert "6 distinct blocks" in noise.open


def test_many_sizes_ask_for_more_blocks() -> None:
    trials = [
        trial(variant, block, stage="target", benchmarks=tuple(row(f"BM_x/{size}", size * 1.0 + block)
              for size in range(1, 16)))
        for block in range(1, 7) for variant in ("first", "second")
    ]  # fmt: skip
    noise = answered(trials)[3]
    assert noise.open is not None
    assert "leaves no p below 5 % with fewer than 10 blocks" in noise.open


def test_instructions_are_no_noise() -> None:
    explanation, _, contiguous, noise = answered(
        review(blocks=2, clock="deterministic"), clock="deterministic"
    )
    assert noise.answer.startswith("No: guest time is a count of instructions")
    assert explanation.answer.startswith("Instructions differ by as much as is counted below.")
    assert "instructions, exact, in 2 timings" in contiguous.answer


def test_a_run_without_pressure_audit_and_benchmarks_says_what_it_lacks() -> None:
    trials = [
        trial(variant, block, 1000.0 + block) for block in range(1, 9) for variant in ("first", "second")
    ]
    explanation, pressure, contiguous, _ = answered(trials, scenario())
    assert explanation.answer == (
        "No difference was shown that needs one."
        " Not from this run: it does not know how page arrays were allocated."
    )
    assert explanation.open is not None
    assert "`audit: true`" in explanation.open
    assert pressure.answer.startswith("No: memory was left as the boot leaves it")
    assert pressure.open is not None
    assert contiguous.answer.startswith("This run cannot say")
    assert contiguous.open is not None


def test_an_a_a_run_asks_no_reviewers_questions() -> None:
    subject = scenario(variants="  again: {base: debian-6.1, twin_of: first}\n", only_first=True)
    trials = [trial(variant, block, 1e6) for block in range(1, 8) for variant in ("first", "again")]
    assert answered(trials, subject) == ()
    (comparison,) = compare_variants(subject, "realtime", trials, twins_identical=None)
    assert comparison.candidate == "again"


@pytest.mark.parametrize("blocks", [1, 6])
def test_every_candidate_has_its_answers(blocks: int) -> None:
    subject = scenario(variants="  third: {base: debian-6.1, scope: drivers/android, patches: []}\n")
    trials = [trial(variant, block, 1e6) for block in range(1, blocks + 1)
              for variant in ("first", "second", "third")]  # fmt: skip
    questions = [each.question for each in answered(trials, subject)]
    assert len(questions) == 8
    assert questions[4] == "third: Is there an explanation for the difference?"


def test_what_asks_for_no_page_array_is_not_explained_by_one() -> None:
    subject = scenario(extra=FRAGMENTED)
    fork = Fork.model_validate({"kind": "fork", "count": 600})
    trials = [
        trial(variant, block, p50_ns=50_000 + block, target=TARGET)
        for block in range(1, 9)
        for variant in ("first", "second")
    ]
    trials = [
        each.model_copy(update={"requests": each.requests.model_copy(update={"noun": "fork"})})
        for each in trials
        if each.requests is not None
    ]
    answers = answered(trials, subject.model_copy(update={"trigger": fork}))
    explanation, pressure, contiguous, _ = answers
    assert "the trigger's requests make none" in explanation.answer
    assert any(line.startswith("the trigger's requests, which request no") for line in explanation.evidence)
    assert not any("each with a page array" in line for line in explanation.evidence)
    assert "requests of order 1 could be satisfied" in pressure.answer
    assert contiguous.answer == "This run cannot say: nothing in it requests page arrays."
    assert "mmap" not in " ".join(each.answer for each in answers)
    assert "binder" not in " ".join(each.open or "" for each in answers), "of no use to another load"


def test_a_variant_whose_requests_nobody_saw_is_not_said_to_have_been_served() -> None:
    seen = [trial("first", block, audit=(audited("trigger", 120),)) for block in (1, 2)]
    unseen = [trial("second", block, outcome=Outcome.KERNEL_CRASH) for block in (1, 2)]
    explanation = answered([*seen, *unseen])[0].answer
    assert "first got contiguous memory for every one" in explanation
    assert "how second's were allocated is not known" in explanation
    assert "Both variants" not in explanation
