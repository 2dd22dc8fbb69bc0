# SPDX-License-Identifier: Apache-2.0
"""Whole runs without a guest: what becomes of a scenario by what its devices say."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import DeadlinePassed, HostError, InputError
from orchestrator.guests.backend import ABLE, Ability, Capabilities
from orchestrator.host.capacity import Capacity, Share
from orchestrator.host.facts import host_facts
from orchestrator.outcome import Outcome
from orchestrator.plan import MAX_ATTEMPTS, PlannedBlock, plan_blocks
from orchestrator.record.directory import RunDirectory
from orchestrator.record.journal import (
    BlockEnded,
    BlockStarted,
    Entry,
    RunEnded,
    TrialEnded,
    TrialStarted,
    read_journal,
    trial_results,
)
from orchestrator.record.manifest import RunManifest
from orchestrator.record.result import BlockResult, TrialResult
from orchestrator.report.formats.registry import FORMATS, render
from orchestrator.run.asked import load_runnable
from orchestrator.run.engine import RunOptions, resume_run, run_scenario
from orchestrator.run.environment import open_environment
from orchestrator.run.work import Place, run_block
from orchestrator.scenario.loading.problems import ScenarioInvalid
from orchestrator.scenario.triggers.binder_mmap import BinderMmap
from orchestrator.search.search import Search, SearchOptions
from orchestrator.search.varied import parse_varied
from orchestrator.units import GIB, MIB
from orchestrator.verdict.judged_run import load_judged_run
from orchestrator.verdict.judgement import Conclusion
from orchestrator.verdict.verdict import Verdict
from tests.unit.run.conftest import Put
from tests.unit.run.memory_backend import ALL, Call, Garbage, Hang, Part, Step, control, interrupt
from tests.unit.run.stories import (
    HELLO,
    hangs,
    misses_target,
    panics,
    passes,
    runs_out_of_memory,
    story,
    vanishes,
)

Trial = Callable[[Part], list[Step]]


class Quiet:
    """An observer that says nothing."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *_: None


def run(out: Path, *overrides: str, jobs: int | None = None) -> tuple[RunDirectory, Verdict]:
    loaded = load_runnable(Path("binder-order3"), ["audit=false", "trials.blocks=2", *overrides])
    judged = run_scenario(loaded, Quiet(), RunOptions("oomlab run", out, share=Share(jobs)))
    return judged.directory, judged.verdict


def results(directory: RunDirectory) -> list[TrialResult]:
    return trial_results(read_journal(directory.journal))


def outcomes(directory: RunDirectory) -> dict[tuple[str, int], Outcome]:
    """By variant and block, the last attempt's."""
    return {(each.variant, each.block): each.outcome for each in results(directory)}


def test_a_run_comes_to_its_verdict(put: Put, tmp_path: Path) -> None:
    backend = put(story(kcalloc=runs_out_of_memory, kvcalloc=passes))
    directory, verdict = run(tmp_path / "run")
    assert verdict.conclusion is Conclusion.MET
    assert outcomes(directory) == {
        ("kcalloc", 1): Outcome.OOM, ("kcalloc", 2): Outcome.OOM,
        ("kvcalloc", 1): Outcome.PASSED, ("kvcalloc", 2): Outcome.PASSED,
    }  # fmt: skip
    assert (backend.started, backend.running) == (2 + 4, 0)
    assert load_judged_run(directory.path).verdict == verdict
    manifest = directory.load(directory.manifest, RunManifest)
    assert manifest.accelerators["realtime"] == backend.report
    assert manifest.qemu_commands == {"kcalloc": "imagine kcalloc", "kvcalloc": "imagine kvcalloc"}
    first = results(directory)[0]
    assert first.fingerprint is not None
    assert first.private_memory_kb == 1024
    assert directory.trial(first.directory).read("console.log")


def test_what_cannot_fail_on_these_kernels_is_said_before_they_boot(
    put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []

    class Listening(Quiet):
        def progress(self, text: str) -> None:
            said.append(text)

        def guest_started(self, _: object) -> None:
            said.append("a guest")

    put(story(kcalloc=runs_out_of_memory, kvcalloc=passes))
    loaded = load_runnable(Path("binder-order3"), ["audit=false", "trials.blocks=1"])
    run_scenario(loaded, Listening(), RunOptions(command="oomlab run", out=tmp_path / "usual"))
    assert not any("warning" in line for line in said)
    monkeypatch.setattr("orchestrator.run.environment.Environment.elements", {"kcalloc": 8, "kvcalloc": 8})
    said.clear()
    run_scenario(loaded, Listening(), RunOptions(command="oomlab run", out=tmp_path / "small"))
    warnings = [line for line in said if "no OOM of order 3 comes of it" in line]
    assert len(warnings) == 1
    assert warnings[0].startswith("warning: ")
    assert "'kcalloc', order 1 (8 bytes a page)" in warnings[0]
    assert said.index(warnings[0]) < said.index("a guest")


def test_timed_trials_run_alone_and_others_side_by_side(put: Put, tmp_path: Path) -> None:
    backend = put(story(kcalloc=runs_out_of_memory, kvcalloc=passes))
    run(tmp_path / "alone", "trials.blocks=1", jobs=2)
    assert backend.most_running == 1

    both = threading.Barrier(2)

    def meets_another(part: Part) -> list[Step]:
        return [Call(lambda: both.wait(20)), *passes(part)]

    backend = put(story(kcalloc=meets_another, kvcalloc=meets_another))
    directory, _ = run(tmp_path / "beside", "trials={blocks: 1, timing: false}", jobs=2)
    assert backend.most_running == 2
    assert set(outcomes(directory).values()) == {Outcome.PASSED}


@pytest.mark.parametrize(
    ("trial", "outcome"),
    [(hangs, Outcome.HANG), (panics, Outcome.PANIC), (runs_out_of_memory, Outcome.OOM)],
)
def test_what_becomes_of_a_kernel_that_was_to_pass(
    put: Put, tmp_path: Path, trial: Trial, outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.run.watch.PhaseBudgets.silence_s", 0.2)
    put(story(kcalloc=runs_out_of_memory, kvcalloc=trial))
    directory, verdict = run(tmp_path / "run", "trials.blocks=1")
    assert outcomes(directory)["kvcalloc", 1] is outcome
    assert verdict.conclusion is Conclusion.NOT_MET
    hung = next(each for each in results(directory) if each.variant == "kvcalloc")
    assert directory.trial(hung.directory).has("registers.txt") == (outcome is Outcome.HANG)


def test_a_device_that_vanishes_under_the_trigger_is_lost(put: Put, tmp_path: Path) -> None:
    put(story(kcalloc=runs_out_of_memory, kvcalloc=vanishes))
    directory, verdict = run(tmp_path / "run", "trials.blocks=1")
    (lost,) = [each for each in results(directory) if each.variant == "kvcalloc"]
    assert lost.outcome is Outcome.LOST
    assert "the device ended" in lost.why
    assert verdict.conclusion is Conclusion.MISSING


def test_a_device_that_cannot_be_started_is_no_verdict_on_a_kernel(put: Put, tmp_path: Path) -> None:
    def told(part: Part) -> list[Step]:
        raise HostError("no such device here")

    backend = put(told)
    directory, verdict = run(tmp_path / "run", "trials.blocks=1")
    assert backend.started == 0
    assert {each.outcome for each in results(directory)} == {Outcome.HARNESS_ERROR}
    assert "no such device here" in results(directory)[0].why
    assert verdict.conclusion is Conclusion.MISSING


def test_a_snapshot_that_fails_is_no_verdict_either(
    put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise DeadlinePassed("not in time: the guest's snapshot is taken")

    monkeypatch.setattr("tests.unit.run.memory_backend.MemoryTemplate.take_snapshot", fail)
    put(story())
    directory, _ = run(tmp_path / "run", "trials.blocks=1")
    assert {each.outcome for each in results(directory)} == {Outcome.HARNESS_ERROR}


def test_a_block_that_misses_its_target_is_what_all_its_trials_have(put: Put, tmp_path: Path) -> None:
    backend = put(lambda _: misses_target())
    directory, verdict = run(tmp_path / "run", "trials.blocks=1")
    assert set(outcomes(directory).values()) == {Outcome.TARGET_MISSED}
    assert backend.started == MAX_ATTEMPTS
    assert verdict.conclusion is Conclusion.MISSING


def test_garbage_on_the_control_line(put: Put, tmp_path: Path) -> None:
    def told(part: Part) -> list[Step]:
        return [Garbage(b"not a record"), HELLO]

    put(told)
    directory, _ = run(tmp_path / "run", "trials.blocks=1")
    assert "garbage" in results(directory)[0].why


def test_a_guest_that_refuses_the_scenario_ends_the_run(put: Put, tmp_path: Path) -> None:
    put(lambda _: [HELLO, control("error", where="recipe", errno=22, message="count above 1000")])
    with pytest.raises(InputError, match="the guest refuses what the scenario says: recipe: count above"):
        run(tmp_path / "run")


def test_every_report_can_be_made_of_it(put: Put, tmp_path: Path) -> None:
    put(story(kcalloc=runs_out_of_memory, kvcalloc=passes))
    directory, _ = run(tmp_path / "run")
    report = load_judged_run(directory.path)
    for name in FORMATS:
        text = render(report, name)
        assert "kvcalloc" in text or name == "gbench", f"{name}: no benchmark ran, but all else"
        assert "QEMU" not in text, name
    assert "memory 0.1" in render(report, "html")
    assert "memory 0.1" in render(report, "mail")


def test_a_block_is_a_unit_of_work_of_plain_data(put: Put, tmp_path: Path) -> None:
    """What is given could be sent to another host; what comes back, and the folder, are all there is."""
    put(story(kcalloc=runs_out_of_memory, kvcalloc=passes))
    scenario = load_runnable(Path("binder-order3"), ["audit=false", "trials.blocks=2"]).scenario
    environment = open_environment(scenario, Quiet())
    place = Place(environment, Capacity(2, 512 * MIB, 132 * MIB, 8 * GIB), RunDirectory(tmp_path / "block"))
    place.directory.path.mkdir()
    second = plan_blocks(scenario)[1]
    sent: tuple[PlannedBlock, Place] = pickle.loads(pickle.dumps((second, place)))
    entries: list[Entry] = []
    block, *trials = run_block(*sent, Quiet(), entries.append)
    assert isinstance(block, BlockResult)
    assert (block.block, block.frozen) == (2, True)
    assert {trial.outcome for trial in trials if isinstance(trial, TrialResult)} == {
        Outcome.OOM, Outcome.PASSED
    }  # fmt: skip
    assert [entry.result for entry in entries if isinstance(entry, BlockEnded | TrialEnded)] == [
        block,
        *trials,
    ]
    (started,) = [entry for entry in entries if isinstance(entry, BlockStarted)]
    assert (started.host, started.accelerator) == (environment.host, environment.accelerators["realtime"])


def test_a_backend_without_snapshots_boots_each_trial(put: Put, tmp_path: Path) -> None:
    """It is asked for nothing but power-ons: a snapshot, or a look into a guest, would fail the test."""
    unable = Ability("not here")
    can = Capabilities(
        snapshots=unable, deterministic_clock=unable, registers=unable, private_memory=unable, shell=unable,
        numa_nodes=unable, modules=ABLE,
    )  # fmt: skip
    backend = put(story(kcalloc=runs_out_of_memory, kvcalloc=passes), can)
    with pytest.raises(ScenarioInvalid, match="takes no snapshots to fork trials from: not here"):
        run(tmp_path / "forked")
    directory, verdict = run(tmp_path / "run", "trials.fork=false")
    assert verdict.conclusion is Conclusion.MET
    assert not verdict.passes[0].paired
    assert backend.started == 4
    assert outcomes(directory)["kvcalloc", 2] is Outcome.PASSED
    assert results(directory)[0].private_memory_kb is None
    starts = [each for each in read_journal(directory.journal) if isinstance(each, TrialStarted)]
    assert {each.host for each in starts} == {host_facts()}


def test_a_guest_without_registers_hangs_all_the_same(
    put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.run.watch.PhaseBudgets.silence_s", 0.2)
    put(story(kcalloc=hangs, kvcalloc=passes), replace(ALL, registers=Ability("no monitor")))
    directory, _ = run(tmp_path / "run", "trials.blocks=1")
    assert outcomes(directory)["kcalloc", 1] is Outcome.HANG


def test_a_search_is_made_of_such_runs(put: Put, tmp_path: Path) -> None:
    def dies_above_300(part: Part) -> list[Step]:
        trigger = part.scenario.trigger
        assert isinstance(trigger, BinderMmap)
        return runs_out_of_memory(part) if trigger.count > 300 else passes(part)

    backend = put(story(kcalloc=dies_above_300, kvcalloc=passes))
    options = SearchOptions(command="oomlab search", out=tmp_path / "s", blocks=1, step=40)
    _, result = Search(Path("binder-order3"), parse_varied("trigger.count=20..600"), options).run(Quiet())
    assert result.ended == "finished"
    died = {point.value for point in result.points if point.variants["kcalloc"].ooms}
    assert died == {point.value for point in result.points if point.value > 300}
    assert backend.started == 3 * len(result.points)


def test_an_interrupted_run_goes_on_where_it_was(put: Put, tmp_path: Path) -> None:
    """Ctrl-C in the second block's trial: it is made again, and so is what came after it; nothing else."""

    def interrupts(part: Part) -> list[Step]:
        if part.planned.number == 1:
            return passes(part)
        return [Call(interrupt), Hang()]

    put(story(kcalloc=runs_out_of_memory, kvcalloc=interrupts))
    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        run(out, jobs=1)
    before = read_journal(RunDirectory(out).journal)
    assert isinstance(before[-1], RunEnded)
    assert before[-1].reason == "interrupted"
    assert Outcome.INTERRUPTED in {each.outcome for each in trial_results(before)}

    backend = put(story(kcalloc=runs_out_of_memory, kvcalloc=passes))
    judged = resume_run(out, Quiet())
    directory, verdict = judged.directory, judged.verdict
    assert verdict.conclusion is Conclusion.MET
    assert set(outcomes(directory).values()) == {Outcome.OOM, Outcome.PASSED}
    kept = [each for each in trial_results(before) if each.outcome is not Outcome.INTERRUPTED]
    assert results(directory)[: len(trial_results(before))] == trial_results(before)
    assert backend.started == 1 + 4 - len(kept)
    assert resume_run(out, Quiet()).verdict == verdict
    assert backend.started == 1 + 4 - len(kept)


def test_a_run_does_not_go_on_with_another_version_of_the_backend(put: Put, tmp_path: Path) -> None:
    put(lambda _: [Call(interrupt), Hang()])
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "run", jobs=1)  # two guests would interrupt twice
    backend = put(story(kcalloc=runs_out_of_memory, kvcalloc=passes))
    backend.report = backend.report.model_copy(update={"qemu_version": "0.2"})
    with pytest.raises(InputError, match=r"memory was 0\.1, here it is 0\.2"):
        resume_run(tmp_path / "run", Quiet())
    assert backend.started == 0
