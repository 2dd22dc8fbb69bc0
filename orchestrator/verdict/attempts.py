# SPDX-License-Identifier: Apache-2.0
"""The attempts of a run's trials: the last of each counts, and what is missing of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from orchestrator.clock import Clock
from orchestrator.outcome import Outcome
from orchestrator.plan import plan_blocks
from orchestrator.record.result import TrialResult
from orchestrator.scenario.models import Scenario
from orchestrator.stage import Mode, Stage
from orchestrator.text.amounts import count_of


class TrialKey(NamedTuple):
    """What tells one trial of a scenario from all others, whatever attempt it is."""

    mode: str
    clock: Clock
    block: int
    variant: str
    fork: int
    stage: Stage = "trigger"


def trial_key(result: TrialResult) -> TrialKey:
    """Which trial a result is of."""
    return TrialKey(result.mode, result.clock, result.block, result.variant, result.fork, result.stage)


def last_attempts(results: Sequence[TrialResult]) -> dict[TrialKey, TrialResult]:
    """In the order of the plan: what ran first depends on the host, and on where a run was cut short."""
    last = {trial_key(result): result for result in results}
    return dict(sorted(last.items(), key=lambda item: item[1].trial))


def inexact_pairs(scenario: Scenario, trials: Sequence[TrialResult]) -> Iterator[str]:
    """Blocks that were re-created when the run was resumed, and came out otherwise.

    A cold run has no pairs that could have become inexact.
    """
    if not scenario.trials.fork:
        return
    boots = {name: variant.boot for name, variant in scenario.variants.items()}
    states: dict[tuple[Clock, int, object], set[str]] = {}
    for result in trials:
        if result.fingerprint is not None:
            key = (result.clock, result.block, boots[result.variant])
            states.setdefault(key, set()).add(result.fingerprint)
    for (clock, block, _), fingerprints in states.items():
        if len(fingerprints) > 1:
            states_text = count_of("memory state", len(fingerprints))
            yield f"block {block} ({clock}): its trials continue from {states_text}"


def missing_evidence(scenario: Scenario, final: Mapping[TrialKey, TrialResult]) -> list[str]:
    """Why the evidence does not suffice for a yes or no; empty when it does.

    Traced forks say how memory was served, not whether a trial passed: a verdict can do without.
    """
    missing = []
    for key, result in final.items():
        if key.stage.startswith("audit-"):
            continue
        is_proof = key.mode == Mode.PROOF
        what = "the proof boot" if is_proof else _trial_name(scenario, key)
        proven = is_proof and result.outcome is Outcome.PASSED
        if not proven and (is_proof or not result.outcome.is_evidence):
            missing.append(f"{what}: {result.outcome} ({result.why})")
    for planned in plan_blocks(scenario):
        for trial in planned.trials:
            if trial.stage.startswith("audit-"):
                continue
            key = TrialKey(trial.mode, trial.clock, trial.block, trial.variant, trial.fork, trial.stage)
            if key not in final:
                missing.append(f"{_trial_name(scenario, key)} was not run")
    return missing


def _trial_name(scenario: Scenario, key: TrialKey) -> str:
    name = f"{'block' if scenario.trials.fork else 'round'} {key.block} of {key.variant}"
    name += f", fork {key.fork}" if scenario.trials.forks > 1 else ""
    name += f", {key.stage}" if key.stage != "trigger" else ""
    return name + (f" ({key.clock})" if len(scenario.trials.clock) > 1 else "")
