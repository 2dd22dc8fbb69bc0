# SPDX-License-Identifier: Apache-2.0
"""What a run that was cut short still has to do: every trial without a result, and no other."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.clock import Clock
from orchestrator.errors import InputError
from orchestrator.evidence.evidence import Ending
from orchestrator.guests.accelerator_report import AcceleratorReport
from orchestrator.host.facts import HostFacts
from orchestrator.outcome import Outcome
from orchestrator.plan import PlannedTrial, plan_blocks
from orchestrator.record.journal import Entry, RunEnded, RunStarted, TrialEnded
from orchestrator.record.manifest import RunManifest
from orchestrator.record.result import TrialResult
from orchestrator.run.resume import host_differences, is_finished, remaining_blocks
from orchestrator.scenario.loading.loader import load_text
from orchestrator.scenario.models import Scenario
from orchestrator.stage import Mode
from orchestrator.verdict.judgement import Conclusion
from orchestrator.verdict.verdict import compute_verdict
from tests.unit.evidence.guest_output import judged, passed
from tests.unit.verdict.test_verdict import TEXT, raised

FORBIDDEN = """
fragmentation:
  target: {usable_units: {order: 3, max: 300}, free: {min: 64MiB}, hard: forbidden}
  stressors: [pipes]
"""


def scenario(trials: str = "{blocks: 3, forks: 2}", extra: str = "") -> Scenario:
    return load_text(f"{TEXT}audit: false\ntrials: {trials}\n{extra}", Path("x.yaml")).scenario


def trials_of(subject: Scenario) -> list[PlannedTrial]:
    return [trial for block in plan_blocks(subject) for trial in block.trials]


def ended(
    trial: PlannedTrial, outcome: Outcome = Outcome.PASSED, attempt: int = 1, fingerprint: str = "f"
) -> TrialEnded:
    ending = Ending.INTERRUPTED if outcome is Outcome.INTERRUPTED else Ending.EXITED
    result: TrialResult = judged(
        passed(), ending=ending, variant=trial.variant, block=trial.block, trial=trial.number,
        attempt=attempt, mode=trial.mode,
    )  # fmt: skip
    fields = {"outcome": outcome, "fork": trial.fork, "clock": trial.clock, "fingerprint": fingerprint}
    return TrialEnded(result=result.model_copy(update=fields))


def missing(subject: Scenario, *entries: Entry) -> list[int]:
    return [trial.number for block in remaining_blocks(subject, entries) for trial in block.trials]


@given(st.sets(st.integers(1, 12)))
def test_what_has_a_result_is_not_made_again_and_all_else_is(done: set[int]) -> None:
    subject = scenario()
    planned = trials_of(subject)
    entries = [ended(trial) for trial in planned if trial.number in done]
    assert missing(subject, *entries) == [trial.number for trial in planned if trial.number not in done]


def test_blocks_are_raised_with_the_same_words_and_only_when_they_are_needed() -> None:
    subject = scenario()
    first, second, third = plan_blocks(subject)
    entries = [*map(ended, first.trials), ended(second.trials[1])]
    left = remaining_blocks(subject, entries)
    assert [block.index for block in left] == [second.index, third.index]
    assert (left[0].seed, left[0].variants, left[0].number) == (second.seed, second.variants, second.number)
    assert left[0].trials == (second.trials[0], *second.trials[2:])


@pytest.mark.parametrize(
    ("outcome", "attempt", "again"),
    [
        (Outcome.PASSED, 1, False),
        (Outcome.LOST, 1, False),
        (Outcome.HANG, 1, False),
        (Outcome.INTERRUPTED, 3, True),
        (Outcome.HARNESS_ERROR, 1, True),
        (Outcome.TARGET_MISSED, 3, False),
    ],
)
def test_which_results_stand(outcome: Outcome, attempt: int, *, again: bool) -> None:
    subject = scenario("{blocks: 1}")
    first, second = trials_of(subject)
    entries = [ended(first, outcome, attempt), ended(second)]
    assert missing(subject, *entries) == ([first.number] if again else [])


def test_a_proof_is_not_made_twice_and_its_refusal_stands() -> None:
    subject = scenario("{blocks: 1}", FORBIDDEN)
    proof, *others = trials_of(subject)
    assert proof.mode is Mode.PROOF
    assert missing(subject) == [1, 2, 3]
    assert missing(subject, ended(proof)) == [trial.number for trial in others]
    assert missing(subject, ended(proof, Outcome.TARGET_MISSED, attempt=3)) == []


def test_results_of_another_plan_are_refused() -> None:
    subject = scenario("{blocks: 1}")
    first, second = trials_of(subject)
    mixed_up = ended(first).result.model_copy(update={"trial": second.number})
    with pytest.raises(InputError, match="is not the one that this oomlab would plan"):
        remaining_blocks(subject, [TrialEnded(result=mixed_up)])


def test_finished_is_what_ended_last() -> None:
    start, end = RunStarted(scenario="x", planned=1), RunEnded(reason="finished")
    assert is_finished([start, end])
    assert not is_finished([])
    assert not is_finished([start, RunEnded(reason="interrupted")])
    assert not is_finished([start, end, start])


def test_the_verdict_does_not_tell_where_the_run_was_cut() -> None:
    subject = scenario()
    planned = trials_of(subject)
    whole = [ended(trial).result for trial in planned]
    cut = [ended(planned[0]).result, ended(planned[4], Outcome.INTERRUPTED).result, *reversed(whole[1:])]
    blocks = [raised(number, f"{number}") for number in (1, 2, 3)]
    verdicts = [
        compute_verdict(subject, given, results, accelerators=REPORTS)
        for given, results in ((blocks, whole), ([*blocks, blocks[1]], cut))
    ]
    assert verdicts[0] == verdicts[1]


def test_a_block_that_came_out_otherwise_is_no_exact_pair() -> None:
    subject = scenario("{blocks: 2}")
    results = [ended(trial, fingerprint="f").result for trial in trials_of(subject)]
    results[-1] = results[-1].model_copy(update={"fingerprint": "another"})
    verdict = compute_verdict(subject, [], results, accelerators=REPORTS)
    assert verdict.inexact_pairs == ("block 2 (realtime): its trials continue from 2 memory states",)
    assert verdict.conclusion is Conclusion.COMPARED_ONLY


def manifest(trials: str) -> RunManifest:
    return RunManifest(
        oomlab_version="1", python_version="3", started=datetime.now(UTC), command="oomlab run x",
        scenario_file="x.yaml", overrides=(), scenario=scenario(trials), seed=1, host=HOST,
        accelerators=dict.fromkeys(scenario(trials).trials.clock, REPORT), artefacts={}, qemu_commands={},
    )  # fmt: skip


HOST = HostFacts(system="Debian", kernel="6.1", architecture="x86_64", cpu_model="EPYC", cpus=2, memory_kb=1)
REPORT = AcceleratorReport(
    accelerator="tcg", reason="", qemu_version="7.2.0", cpu_model="cortex-a76", boot_s=3, loops_per_s=1
)
REPORTS: dict[Clock, AcceleratorReport] = {"realtime": REPORT, "deterministic": REPORT}


def test_another_machine_is_told_by_what_would_change_the_figures() -> None:
    realtime, deterministic = manifest("{}"), manifest("{clock: deterministic}")
    assert host_differences(realtime, REPORTS, HOST) == []
    elsewhere = HOST.model_copy(update={"cpu_model": "Xeon", "memory_kb": 2})
    assert host_differences(realtime, REPORTS, elsewhere) == ["the host's CPU was EPYC, here it is Xeon"]
    assert host_differences(deterministic, REPORTS, elsewhere) == []
    newer = REPORT.model_copy(update={"qemu_version": "8.0.0", "accelerator": "kvm", "boot_s": 1})
    both: dict[Clock, AcceleratorReport] = {"realtime": newer, "deterministic": newer}
    assert host_differences(manifest("{clock: [realtime, deterministic]}"), both, HOST) == [
        "accelerator was tcg, here it is kvm",
        "QEMU was 7.2.0, here it is 8.0.0",
    ]
