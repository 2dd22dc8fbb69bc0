# SPDX-License-Identifier: Apache-2.0
"""Runs of cold trials on devices that take no snapshots: all that a run does, without one."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.errors import HostError, InputError
from orchestrator.guests.backend import Ability
from orchestrator.host.capacity import Share
from orchestrator.outcome import Outcome
from orchestrator.plan import MAX_ATTEMPTS
from orchestrator.record.directory import RunDirectory
from orchestrator.record.journal import block_results, read_journal, trial_results
from orchestrator.record.manifest import RunManifest
from orchestrator.record.result import TrialResult
from orchestrator.report.formats.registry import FORMATS, render
from orchestrator.run.asked import load_runnable
from orchestrator.run.engine import RunOptions, resume_run, run_scenario
from orchestrator.scenario.loading.problems import ScenarioInvalid
from orchestrator.search.search import Search, SearchOptions
from orchestrator.search.varied import parse_varied
from orchestrator.stage import Mode
from orchestrator.verdict.judged_run import load_judged_run
from orchestrator.verdict.judgement import Conclusion
from orchestrator.verdict.verdict import Verdict
from tests.unit.run.conftest import Put
from tests.unit.run.memory_backend import ALL, Call, Hang, Part, Step, control, interrupt
from tests.unit.run.stories import HELLO, misses_target, passes, proves, runs_out_of_memory, story
from tests.unit.run.test_engine import Quiet

LESS = replace(ALL, snapshots=Ability("this kind of device cannot be stopped and copied"))
USUAL = story(kcalloc=runs_out_of_memory, kvcalloc=passes)


def run(
    out: Path, *overrides: str, scenario: str = "binder-order3", jobs: int | None = None
) -> tuple[RunDirectory, Verdict]:
    settings = ["audit=false", "trials.blocks=2", "trials.fork=false", *overrides]
    loaded = load_runnable(Path(scenario), settings)
    judged = run_scenario(loaded, Quiet(), RunOptions("oomlab run", out, share=Share(jobs)))
    return judged.directory, judged.verdict


def results(directory: RunDirectory) -> list[TrialResult]:
    return trial_results(read_journal(directory.journal))


def test_forks_are_refused_with_the_reason_and_the_way_out(put: Put) -> None:
    put(USUAL, LESS)
    with pytest.raises(ScenarioInvalid) as told:
        load_runnable(Path("binder-order3"), [])
    (problem,) = told.value.problems
    assert "this kind of device cannot be stopped and copied" in problem.what
    assert problem.nearest == "false"


def test_a_run_comes_to_its_verdict(put: Put, tmp_path: Path) -> None:
    backend = put(USUAL, LESS)
    directory, verdict = run(tmp_path / "run")
    assert verdict.conclusion is Conclusion.MET
    assert {(each.variant, each.outcome) for each in results(directory)} == {
        ("kcalloc", Outcome.OOM), ("kvcalloc", Outcome.PASSED),
    }  # fmt: skip
    assert (backend.started, backend.running) == (4, 0)
    assert load_judged_run(directory.path).verdict == verdict
    assert block_results(read_journal(directory.journal)) == []
    assert not directory.blocks.exists()
    manifest = directory.load(directory.manifest, RunManifest)
    assert dict(manifest.qemu_commands) == {"kcalloc": "imagine kcalloc", "kvcalloc": "imagine kvcalloc"}


def test_equal_memory_in_a_round_makes_no_pair(put: Put, tmp_path: Path) -> None:
    put(USUAL, LESS)
    directory, verdict = run(tmp_path / "run", "trials.clock=[realtime, deterministic]")
    assert len({each.fingerprint for each in results(directory)}) == 2
    for each in verdict.passes:
        assert (each.cold, each.paired, each.blocks, each.boots, each.distinct_states) == (
            True, False, 0, 4, 2,
        )  # fmt: skip
        assert [comparison.paired for comparison in each.comparisons] == [False]


@pytest.mark.parametrize("name", FORMATS)
def test_every_report_can_be_made_of_it(put: Put, tmp_path: Path, name: str) -> None:
    put(USUAL, LESS)
    directory, _ = run(tmp_path / "run")
    text = render(load_judged_run(directory.path), name)
    assert "kvcalloc" in text or name == "gbench", "no benchmark ran, but all else"


def test_times_that_count_are_taken_alone_and_others_side_by_side(put: Put, tmp_path: Path) -> None:
    backend = put(USUAL, LESS)
    run(tmp_path / "alone", jobs=2)
    assert backend.most_running == 1

    both = threading.Barrier(2)

    def meets_another(part: Part) -> list[Step]:
        return [Call(lambda: both.wait(20)), *passes(part)]

    backend = put(story(kcalloc=meets_another, kvcalloc=meets_another), LESS)
    run(tmp_path / "beside", "trials.timing=false", jobs=2)
    assert backend.most_running == 2


def test_what_gives_no_evidence_is_booted_again_and_then_given_up(put: Put, tmp_path: Path) -> None:
    def told(part: Part) -> list[Step]:
        return misses_target() if part.variant == "kcalloc" else list(USUAL(part))

    backend = put(told, LESS)
    directory, verdict = run(tmp_path / "run", "trials.blocks=1")
    missed = [each for each in results(directory) if each.variant == "kcalloc"]
    assert [each.attempt for each in missed] == list(range(1, MAX_ATTEMPTS + 1))
    assert {each.outcome for each in missed} == {Outcome.TARGET_MISSED}
    assert len({each.directory for each in missed}) == MAX_ATTEMPTS
    assert backend.started == MAX_ATTEMPTS + 1
    assert verdict.conclusion is Conclusion.MISSING
    assert verdict.missing[0].startswith("round 1 of kcalloc: target-missed")


def test_a_device_that_cannot_be_started_is_no_verdict_on_a_kernel(put: Put, tmp_path: Path) -> None:
    def told(part: Part) -> list[Step]:
        raise HostError("no such device here")

    put(told, LESS)
    directory, verdict = run(tmp_path / "run", "trials.blocks=1")
    assert {each.outcome for each in results(directory)} == {Outcome.HARNESS_ERROR}
    assert verdict.conclusion is Conclusion.MISSING


def test_a_guest_that_refuses_the_scenario_ends_the_run(put: Put, tmp_path: Path) -> None:
    backend = put(lambda _: [HELLO, control("error", where="recipe", errno=22, message="too much")], LESS)
    with pytest.raises(InputError, match="the guest refuses what the scenario says: recipe: too much"):
        run(tmp_path / "run", jobs=1)
    assert backend.started == 1


@pytest.mark.parametrize(
    ("where", "hint"), [("rights", "`root` of the device's settings"), ("binder", "binder.impl=")]
)
def test_a_device_that_refuses_what_it_is_asked_ends_the_run_at_once(
    put: Put, tmp_path: Path, where: str, hint: str
) -> None:
    backend = put(lambda _: [HELLO, control("error", where=where, errno=13, message="it needs `x`")], LESS)
    with pytest.raises(HostError, match="the device gives no evidence: it needs `x`") as refused:
        run(tmp_path / "run", jobs=1)
    assert hint in (refused.value.hint or "")
    assert backend.started == 1


@pytest.mark.parametrize("repaired", [True, False])
def test_the_proof_is_a_boot_like_any_other(put: Put, tmp_path: Path, repaired: bool) -> None:
    def told(part: Part) -> list[Step]:
        if part.planned.mode is Mode.PROOF:
            return proves(repaired=repaired)
        return list(story(kcalloc=passes, kvcalloc=passes)(part))

    backend = put(told, LESS)
    once = ("trials.blocks=1", "expectations={}")
    _, verdict = run(tmp_path / "run", *once, scenario="binder-compactable")
    assert verdict.conclusion is (Conclusion.COMPARED_ONLY if repaired else Conclusion.MISSING)
    assert backend.started == (1 + 2 if repaired else MAX_ATTEMPTS)


def test_an_interrupted_run_goes_on_where_it_was(put: Put, tmp_path: Path) -> None:
    """Ctrl-C in a trial of the second round: it is made again, and what came after it; nothing else."""

    def told(part: Part) -> list[Step]:
        if part.planned.number == 1:
            return list(USUAL(part))
        return [Call(interrupt), Hang()]

    put(told, LESS)
    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        run(out, jobs=1)
    before = trial_results(read_journal(RunDirectory(out).journal))
    assert [each.outcome is Outcome.INTERRUPTED for each in before] == [False, False, True]

    backend = put(USUAL, LESS)
    judged = resume_run(out, Quiet())
    assert judged.verdict.conclusion is Conclusion.MET
    assert results(judged.directory)[:3] == before
    assert (backend.started, judged.verdict.passes[0].boots) == (2, 4)


def test_a_search_is_made_of_such_runs(put: Put, tmp_path: Path) -> None:
    backend = put(USUAL, LESS)
    options = SearchOptions(
        command="oomlab search", out=tmp_path / "s", blocks=2, points=2, overrides=["trials.fork=false"]
    )
    _, result = Search(Path("binder-order3"), parse_varied("trigger.count=20..600"), options).run(Quiet())
    assert (result.cold, result.blocks) == (True, 2)
    assert backend.started == 2 * 2 * len(result.points)
