# SPDX-License-Identifier: Apache-2.0
"""The plan of cold trials: a boot for each, with the number, seed and stage that the fork would have."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from orchestrator.plan import (
    PlannedBlock,
    PlannedTrial,
    are_paired,
    by_hand,
    count_blocks,
    count_trials,
    plan_blocks,
    shares_boot,
)
from orchestrator.record.journal import TrialEnded
from orchestrator.run.resume import remaining_blocks
from orchestrator.scenario.loading.loader import load_scenario, load_text
from orchestrator.scenario.loading.problems import ScenarioInvalid
from orchestrator.scenario.models import Scenario
from orchestrator.stage import Mode
from tests.unit.evidence.guest_output import judged, passed
from tests.unit.run.test_resume import FORBIDDEN
from tests.unit.verdict.test_verdict import TEXT

COLD = "trials.fork=false"
SHIPPED = tuple(sorted(path.stem for path in Path("scenarios").glob("*.yaml")))


def shipped(name: str, *settings: str) -> Scenario:
    return load_scenario(Path(name), settings).scenario


def cold(trials: str = "{blocks: 3, fork: false}", extra: str = "") -> Scenario:
    return load_text(f"{TEXT}audit: false\ntrials: {trials}\n{extra}", Path("x.yaml")).scenario


def trials_of(blocks: Sequence[PlannedBlock]) -> list[PlannedTrial]:
    return [trial for block in blocks for trial in block.trials]


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_scenario_can_be_run_cold(name: str) -> None:
    """The same trials by variant, seed and stage, each with a boot that is told what the trial is.

    They have the same numbers, too, where one draw decides the order of all.
    """
    forks = "trials.forks=1"
    # On bare guests, which take snapshots: of a device's trials each is a boot anyway.
    forked = plan_blocks(shipped(name, forks, "device.backend=qemu"))
    boots = plan_blocks(shipped(name, forks, COLD))
    skip = 0 if len(shares_boot(shipped(name))) == 1 else 1
    same = [{identity(trial)[skip:] for trial in trials_of(blocks)} for blocks in (boots, forked)]
    assert same[0] == same[1]
    for boot in boots:
        (trial,) = boot.trials
        assert trial.cold
        assert boot.variants == (trial.variant,)
        if boot.mode is not Mode.PROOF:
            assert (boot.mode, boot.stage, boot.seed) == (Mode.TRIAL, trial.stage, trial.seed)
    assert count_trials(boots) == count_trials(forked)
    assert (count_blocks(boots), count_blocks(forked)) == (0, len(forked))


def identity(trial: PlannedTrial) -> tuple[object, ...]:
    return trial.number, trial.block, trial.variant, trial.clock, trial.stage, trial.seed, trial.mode


def test_variants_of_other_kernels_take_turns_within_a_round() -> None:
    text = TEXT.replace("kvcalloc: {base: debian-6.1", "kvcalloc: {base: debian-6.12")
    subject = load_text(f"{text}audit: false\ntrials: {{blocks: 30, fork: false}}", Path("x")).scenario
    trials = trials_of(plan_blocks(subject))
    assert [trial.block for trial in trials] == [number for number in range(1, 31) for _ in range(2)]
    firsts = {trial.variant for trial in trials[::2]}
    assert firsts == {"kcalloc", "kvcalloc"}


def test_cold_variants_are_never_paired() -> None:
    assert are_paired(cold("{fork: true}"), ["kcalloc", "kvcalloc"])
    assert not are_paired(cold(), ["kcalloc", "kvcalloc"])


def test_forks_of_cold_trials_are_refused_with_the_reason() -> None:
    with pytest.raises(ScenarioInvalid, match="each trial boots for itself"):
        cold("{forks: 2, fork: false}")


def test_the_proof_needs_no_snapshot_either() -> None:
    (proof, *others) = plan_blocks(cold(extra=FORBIDDEN))
    assert proof.mode is Mode.PROOF
    assert all(block.is_cold for block in (proof, *others))


def test_boots_by_hand_are_those_of_the_run_without_the_traced_ones() -> None:
    boots = plan_blocks(shipped("binder-order3", COLD))
    untraced = [boot for boot in boots if not boot.stage.startswith("audit-")]
    assert by_hand(boots) == untraced


def test_a_run_that_was_cut_short_goes_on_with_the_boots_that_are_missing() -> None:
    subject = cold()
    boots = plan_blocks(subject)
    (done,) = boots[2].trials
    result = judged(
        passed(), variant=done.variant, block=done.block, trial=done.number, mode=done.mode, stage=done.stage
    )
    assert remaining_blocks(subject, [TrialEnded(result=result)]) == [*boots[:2], *boots[3:]]
