# SPDX-License-Identifier: Apache-2.0
"""Going on with a run that was cut short: what is missing, and whether this is the place to do it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from orchestrator.clock import Clock
from orchestrator.errors import InputError, OomlabError
from orchestrator.guests.accelerator_report import AcceleratorReport
from orchestrator.host.facts import HostFacts
from orchestrator.kernels.pins import Pins
from orchestrator.outcome import Outcome
from orchestrator.plan import MAX_ATTEMPTS, PlannedBlock, plan_blocks
from orchestrator.record.journal import Entry, RunEnded, trial_results
from orchestrator.record.manifest import RunManifest
from orchestrator.record.result import TrialResult
from orchestrator.run.environment import Environment, open_environment
from orchestrator.run.observer import Observer
from orchestrator.scenario.models import Scenario
from orchestrator.stage import Mode


def remaining_blocks(scenario: Scenario, entries: Sequence[Entry]) -> list[PlannedBlock]:
    """The part of the plan without a result yet, in the plan's order. Pure.

    A trial that was in flight, or interrupted, is made again; so is one without evidence that an
    undisturbed run would have repeated. Blocks keep number, seed and variants, and thereby the
    words their guests are booted with. InputError when the results are of another plan.
    """
    blocks = plan_blocks(scenario)
    results = trial_results(list(entries))
    _require_same_plan(blocks, results)
    settled = {result.trial: result for result in results if _is_settled(result)}
    refuted = {
        result.clock
        for result in settled.values()
        if result.mode == Mode.PROOF and result.outcome is not Outcome.PASSED
    }
    left = [
        replace(block, trials=tuple(trial for trial in block.trials if trial.number not in settled))
        for block in blocks
        if block.clock not in refuted  # the premise of its trials does not hold
    ]
    return [block for block in left if block.trials]


def is_finished(entries: Sequence[Entry]) -> bool:
    """True when the last word on the run is that it came to its end."""
    ends = [entry for entry in entries if isinstance(entry, RunEnded)]
    return bool(ends) and ends[-1] is entries[-1] and ends[-1].reason == "finished"


def reopen_environment(manifest: RunManifest, kept: Mapping[str, bytes], observer: Observer) -> Environment:
    """The environment that the run began in: the recorded artefacts, accelerator and deadlines.

    `kept` are the run's patches by checksum.

    Raises InputError when this host or its cache would not give the same: figures of different
    machines must not meet in one run.
    """
    try:
        pins = Pins(tuple(manifest.artefacts.values()), kept)
        environment = open_environment(manifest.scenario, observer, pins=pins)
    except OomlabError as error:
        raise InputError(
            f"the run cannot go on as it began: {error.message}",
            hint="restore what is missing (another OOMLAB_CACHE?), or begin a new run",
            evidence=error.evidence,
        ) from None
    differences = host_differences(manifest, environment.accelerators, environment.host)
    if differences:
        raise InputError(
            "this is not the machine that the run began on, and figures of two machines do not mix: "
            + "; ".join(differences),
            hint="resume it there, or begin a new run",
        )
    # The recorded speed of the host is part of the words on the guests' command lines.
    return replace(environment, accelerators=manifest.accelerators)


def host_differences(
    manifest: RunManifest, accelerators: Mapping[Clock, AcceleratorReport], host: HostFacts
) -> list[str]:
    """What would make figures of this machine differ from those of the run's first part."""
    pairs: list[tuple[str, str, str]] = []
    for clock, before in manifest.accelerators.items():
        now = accelerators[clock]
        pairs += [
            ("accelerator", before.accelerator, now.accelerator),
            *((name, then, now.versions.get(name, "not there")) for name, then in before.versions.items()),
            ("the guests' CPU", before.cpu_model, now.cpu_model),
        ]
    if "realtime" in manifest.scenario.trials.clock:
        pairs.append(("the host's CPU", manifest.host.cpu_model, host.cpu_model))
    found = (f"{what} was {then}, here it is {here}" for what, then, here in pairs if then != here)
    return list(dict.fromkeys(found))


def _is_settled(result: TrialResult) -> bool:
    if result.outcome is Outcome.INTERRUPTED:
        return False
    return not result.outcome.is_repeatable or result.attempt >= MAX_ATTEMPTS


def _require_same_plan(blocks: Sequence[PlannedBlock], results: Sequence[TrialResult]) -> None:
    planned = {
        trial.number: (trial.block, trial.variant, trial.fork, trial.clock, trial.stage)
        for block in blocks
        for trial in block.trials
    }
    for result in results:
        made = (result.block, result.variant, result.fork, result.clock, result.stage)
        if planned.get(result.trial) != made:
            raise InputError(
                f"trial {result.trial} of the journal is not the one that this oomlab would plan",
                hint="resume it with the version of oomlab that began it",
            )
