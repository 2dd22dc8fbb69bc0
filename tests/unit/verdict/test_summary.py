# SPDX-License-Identifier: Apache-2.0
"""The two lines at the head of every report: true whatever a run came to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from orchestrator.analysis.records import LEAST_BLOCKS_FOR_A_CLAIM, Comparison, TimingComparison
from orchestrator.outcome import Outcome
from orchestrator.record.result import RequestSummary, TrialResult
from orchestrator.scenario.loading.loader import load_text
from orchestrator.scenario.models import Scenario
from orchestrator.verdict.judgement import Conclusion
from orchestrator.verdict.summary import listed, summarise
from orchestrator.verdict.summary_of_times import time_clauses
from orchestrator.verdict.verdict import Verdict, compute_verdict
from tests.unit.evidence.guest_output import ACCELERATORS, judged, passed
from tests.unit.report.factory import Made, comparison, run_report

OUTCOMES = tuple(Outcome)
WORDS = {
    Outcome.OOM: "the OOM killer was invoked",
    Outcome.PANIC: "the kernel panicked",
    Outcome.ALLOCATION_FAILURE: "the kernel reported a page allocation failure",
    Outcome.HANG: "the guest hung",
    Outcome.COMMAND_FAILED: "the trigger's command failed",
    Outcome.REQUEST_FAILED: "a request failed with another error than ENOMEM",
    Outcome.KERNEL_CRASH: "the kernel crashed",
}


def scenario(names: Sequence[str], blocks: int, *, expected: bool) -> Scenario:
    variants = "".join(f"  {name}: {{base: debian-6.1}}\n" for name in names)
    text = (
        "name: example\ndevice: {arch: arm64, memory: 256MiB}\n"
        f"variants:\n{variants}"
        f"trials: {{blocks: {blocks}}}\n"
        "trigger: {kind: binder-mmap, size: 4MiB, count: 600}\n"
    )
    if expected:
        text += f"expectations:\n  {names[0]}: {{outcome: oom}}\n"
    return load_text(text, Path("example.yaml")).scenario


def trial(number: int, variant: str, block: int, outcome: Outcome, failed: int = 0) -> TrialResult:
    result = judged(passed(), variant=variant, block=block)
    requests = RequestSummary(
        planned=600, succeeded=600 - failed, failed=failed, in_flight=0, errnos={}, latency=None
    )
    update = {"trial": number, "outcome": outcome, "why": "as told", "requests": requests}
    return result.model_copy(update=update)


@some.composite
def verdicts(draw: some.DrawFn) -> tuple[Verdict, list[TrialResult]]:
    """What so many trials of so many variants come to; any of them may never have run."""
    names = [f"v{number}" for number in range(1, draw(some.integers(1, 6)) + 1)]
    blocks = draw(some.integers(1, 8))
    made: list[TrialResult] = []
    for block in range(1, blocks + 1):
        for name in names:
            outcome = draw(some.sampled_from((*OUTCOMES, None)))
            failed = draw(some.sampled_from((0, 0, 3)))
            if outcome is not None:
                made.append(trial(len(made) + 1, name, block, outcome, failed))
    subject = scenario(names, blocks, expected=draw(some.booleans()))
    return compute_verdict(subject, [], made, accelerators=ACCELERATORS), made


def counts_in(sentence: str, words: str) -> list[tuple[int, int]] | None:
    """`K of N` of every variant in the clause that has `words`; None where there is no such clause."""
    clause = next((each for each in sentence.rstrip(".").split("; ") if words in each), None)
    if clause is None:
        return None
    found = re.findall(r"[Ww]ith (v[\dv, and]*)[^,;]*? in (\d+) of (\d+)", clause)
    return [(int(count), int(of)) for names, count, of in found for _ in re.findall(r"v\d", names)]


@given(verdicts())
def test_every_count_is_one_of_the_results(made: tuple[Verdict, list[TrialResult]]) -> None:
    verdict, results = made
    sentence = summarise(verdict).sentence
    for outcome, words in WORDS.items():
        every = {name: [each for each in results if each.variant == name] for name in verdict.variants}
        crash = outcome is Outcome.KERNEL_CRASH
        evident = {
            name: own if crash else [each for each in own if each.outcome.is_evidence]
            for name, own in every.items()
        }
        expected = [
            (sum(each.outcome is outcome for each in own), len(own)) for own in evident.values() if own
        ]
        found = counts_in(sentence, words)
        if not any(count for count, _ in expected):
            assert found is None, sentence
        elif len(expected) <= 4:
            assert found is not None, sentence
            assert sorted(found) == sorted(expected), sentence


@given(verdicts())
def test_it_says_what_is_missing_and_never_more(made: tuple[Verdict, list[TrialResult]]) -> None:
    verdict, results = made
    said = summarise(verdict)
    assert said.sentence.endswith(".")
    assert "\n" not in said.sentence
    assert not re.search(" same |no difference", said.sentence)  # nothing was timed
    short = sum(not each.outcome.is_evidence for each in results)
    if verdict.conclusion is Conclusion.MISSING:
        assert said.headline == "verdict missing: the evidence is short"
        assert re.search(f"{len(verdict.missing)} trials? gave no evidence", said.sentence)
        assert short <= len(verdict.missing)
    else:
        assert "no evidence" not in said.sentence
    assert ("NOT met" in said.headline) is (verdict.conclusion is Conclusion.NOT_MET)
    assert said.headline.startswith("expectations met") is (verdict.conclusion is Conclusion.MET)


@given(verdicts())
def test_no_claim_rests_on_few_memory_states(made: tuple[Verdict, list[TrialResult]]) -> None:
    verdict, _ = made
    sentence = summarise(verdict).sentence
    compared = [each.blocks for each in verdict.passes[0].comparisons if each.blocks]
    few = [blocks for blocks in compared if blocks < LEAST_BLOCKS_FOR_A_CLAIM]
    assert ("too few for a claim" in sentence) is bool(few), sentence
    if few:
        assert f"; {min(few)} memory state" in sentence, sentence
    if "beyond chance" in sentence:
        assert not few, sentence


@some.composite
def timings(draw: some.DrawFn) -> Comparison:
    """A comparison with timings of any kind of interval, or none."""
    base = comparison("realtime", Made(blocks=draw(some.sampled_from((3, 8)))))
    return base.model_copy(
        update={"timings": tuple(draw(some.lists(some.builds(_timing, *_FIGURES), min_size=1, max_size=6)))}
    )


_FIGURES = (
    some.sampled_from(("BM_sendVec_binder/4", "BM_sendVec_binder/4096", "BM_mmap_binder/4096", "mmap")),
    some.sampled_from(("exact", "paired t", "none")),
    some.floats(0.5, 2.0),
    some.sampled_from((0.0, 0.0005, 0.03, 0.5)),
    some.sampled_from((0.001, 0.4)),
    some.booleans(),
)


def _timing(
    name: str, interval: str, ratio: float, half: float, p: float, comparable: bool
) -> TimingComparison:
    known = interval != "none" and comparable
    exact = interval == "exact"
    return TimingComparison(
        name=name, when="trigger" if name == "mmap" else "relaxed",
        statistic="p50" if name == "mmap" else "real_time",
        comparable=comparable, unit="instructions" if exact else "ns", blocks=8, baseline=1.0,
        candidate=ratio, ratio=ratio, low=ratio * (1 - half) if known else None,
        high=ratio * (1 + half) if known else None, interval=interval if comparable else "none",  # type: ignore[arg-type]
        p=None, p_holm=p if known and not exact else None, smallest_effect_percent=None, words="",
    )  # fmt: skip


@given(timings())
def test_the_same_is_said_only_where_intervals_say_so(made: Comparison) -> None:
    for clause in time_clauses(made, named=False):
        within = re.search(r"the same instructions within ([\d.]+) %", clause)
        larger = re.search(r"no difference in \w+ larger than ([\d.]+) %", clause)
        assert ("same" in clause) is bool(within), clause
        for found, kind in ((within, "exact"), (larger, "paired t")):
            if found is None:
                continue
            most = float(found[1]) / 100
            bounded = [
                each for each in made.timings
                if each.interval == kind and each.low is not None and each.high is not None
                and 1 - most - 1e-9 <= each.low and each.high <= 1 + most + 1e-9
            ]  # fmt: skip
            assert bounded, clause


def test_times_of_other_work_are_not_told() -> None:
    timing = _timing("BM_sendVec_binder/4", "paired t", 2.0, 0.01, 0.001, comparable=False)
    made = comparison("realtime", Made(blocks=8)).model_copy(update={"timings": (timing,)})
    assert list(time_clauses(made, named=False)) == []


def test_a_run_as_it_was_expected(tmp_path: Path) -> None:
    said = summarise(run_report(tmp_path / "run", Made(blocks=8)).verdict)
    assert said.headline == "expectations met"
    assert said.sentence == (
        "With kcalloc the OOM killer was invoked in 8 of 8 memory states, with kvcalloc in 0 of 8 (beyond"
        " chance, p = 0.0078); transactions show no difference in time larger than 4 %."
    )


def test_several_forks_of_one_memory_state_are_trials(tmp_path: Path) -> None:
    said = summarise(run_report(tmp_path / "run", Made(blocks=2, forks=3)).verdict)
    assert "invoked in 6 of 6 trials, with kvcalloc in 0 of 6" in said.sentence
    assert "2 memory states are too few for a claim beyond these counts, which takes 6" in said.sentence


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["a", "b", "c", "d"], "a, b, c and d"),
        ([*"abcdef"], "a, b, c and 3 more"),
    ],
)
def test_names_are_listed(names: list[str], words: str) -> None:
    assert listed(names) == words
