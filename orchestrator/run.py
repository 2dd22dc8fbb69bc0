# SPDX-License-Identifier: Apache-2.0
"""A whole run: from a loaded scenario to a run directory with a verdict in it."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from orchestrator import __version__
from orchestrator.errors import HostError, OomlabError
from orchestrator.guests.qemu.machine import Wiring, qemu_argv
from orchestrator.host import host_facts
from orchestrator.journal import (
    EventRecorded,
    Journal,
    RunEnded,
    RunStarted,
    TrialEnded,
    TrialStarted,
    open_journal,
    read_journal,
    trial_results,
)  # fmt: skip
from orchestrator.kernels.manifest import ArtefactManifest
from orchestrator.laboratory import Laboratory, open_laboratory
from orchestrator.manifest import RunManifest
from orchestrator.observer import Observer, TrialLabel
from orchestrator.oom.records import MemoryEvent
from orchestrator.outcome import Outcome
from orchestrator.plan import MAX_ATTEMPTS, PlannedTrial, plan_trials
from orchestrator.process import paste_ready
from orchestrator.recipe import Mode
from orchestrator.recorder import ConsoleEvent
from orchestrator.result import TrialResult
from orchestrator.rundir import RunDirectory, create_run_directory, open_run_directory, require_unused
from orchestrator.scenario import LoadedScenario
from orchestrator.trial import TrialSetup, run_trial
from orchestrator.verdict import Verdict, compute_verdict

CLOCK = "realtime"


def recorded_artefacts(run: Path) -> list[ArtefactManifest]:
    """The artefacts of an earlier run, for `--artefacts-from`."""
    directory = open_run_directory(run)
    return list(directory.load(directory.manifest, RunManifest).artefacts.values())


def run_scenario(
    loaded: LoadedScenario, observer: Observer, *, out: Path | None, command: str,
    overrides: Sequence[str] = (), artefacts_from: Path | None = None,
) -> tuple[RunDirectory, Verdict]:  # fmt: skip
    """Run a scenario to its verdict.

    Raises OomlabError when it cannot be run, KeyboardInterrupt when the user stops it; the run
    directory is whole in every case.
    """
    if out is not None:
        require_unused(out)  # before the minutes that images may take
    pins = recorded_artefacts(artefacts_from) if artefacts_from else ()
    laboratory = open_laboratory(loaded.scenario, observer, pins=pins)
    planned = plan_trials(loaded.scenario)
    directory = create_run_directory(out, loaded.scenario.name)
    manifest = _manifest(loaded, laboratory, planned, command=command, overrides=overrides)
    directory.save(directory.manifest, manifest)
    with open_journal(directory.journal) as journal:
        journal.append(RunStarted(scenario=loaded.scenario.name, planned=len(planned)))
        observer.run_planned(len(planned))
        execution = _Execution(laboratory, directory, journal, observer)
        interrupted = _carry_out(execution, planned, journal)
    verdict = judge_run(directory)
    directory.save(directory.verdict, verdict)
    if interrupted:
        raise KeyboardInterrupt
    return directory, verdict


def _carry_out(execution: _Execution, planned: Sequence[PlannedTrial], journal: Journal) -> bool:
    """Run all boots and journal how it ended; True when the user interrupted."""
    try:
        interrupted = execution.all(planned)
    except KeyboardInterrupt:  # between two trials
        interrupted = True
    except (OomlabError, OSError) as error:
        with suppress(HostError):  # a full disk may be what ended the run
            journal.append(RunEnded(reason="failed", detail=str(error)))
        raise
    journal.append(RunEnded(reason="interrupted" if interrupted else "finished"))
    return interrupted


def judge_run(directory: RunDirectory) -> Verdict:
    """The verdict from the run directory alone; no guest is started."""
    manifest = directory.load(directory.manifest, RunManifest)
    return compute_verdict(
        manifest.scenario,
        trial_results(read_journal(directory.journal)),
        clock=manifest.clock,
        accelerator=manifest.accelerator.accelerator,
        cpu_model=manifest.accelerator.cpu_model,
    )


class _Execution:
    """The boots of one run, one after the other, repeated where they gave no evidence."""

    def __init__(
        self, laboratory: Laboratory, directory: RunDirectory, journal: Journal, observer: Observer
    ) -> None:
        self._laboratory = laboratory
        self._directory = directory
        self._journal = journal
        self._observer = observer
        self._trials = 0

    def all(self, planned: Sequence[PlannedTrial]) -> bool:
        """Run every planned boot; True when the user interrupted."""
        for boot in planned:
            result = self._until_evidence(boot)
            if result.outcome is Outcome.INTERRUPTED:
                return True
            if boot.mode is Mode.PROOF and result.outcome is not Outcome.PASSED:
                return False  # the scenario's premise does not hold; its trials would mean nothing
        return False

    def _until_evidence(self, planned: PlannedTrial) -> TrialResult:
        attempt = 1
        while (result := self._one(planned, attempt)).outcome.is_repeatable and attempt < MAX_ATTEMPTS:
            attempt += 1
        return result

    def _one(self, planned: PlannedTrial, attempt: int) -> TrialResult:
        self._trials += 1
        label = TrialLabel(planned, self._trials, attempt)
        self._journal.append(
            TrialStarted(trial=label.trial, block=planned.block, variant=planned.variant, attempt=attempt)
        )
        self._observer.trial_started(label)

        def on_event(event: ConsoleEvent) -> None:
            if isinstance(event, MemoryEvent):
                self._journal.append(EventRecorded(trial=label.trial, event=event))
            self._observer.trial_event(label, event)

        with self._directory.trial_directory(label.trial) as directory:
            result = run_trial(
                TrialSetup(
                    planned,
                    label.trial,
                    attempt,
                    self._laboratory.boot(planned),
                    self._laboratory.budgets,
                    directory,
                    self._laboratory.mapping_bytes,
                ),
                on_record=lambda record: self._observer.trial_record(label, record),
                on_event=on_event,
            )
        self._journal.append(TrialEnded(result=result))
        self._observer.trial_ended(label, result)
        return result


def _manifest(
    loaded: LoadedScenario, laboratory: Laboratory, planned: Sequence[PlannedTrial], *, command: str,
    overrides: Sequence[str],
) -> RunManifest:  # fmt: skip
    first_block = {trial.variant: trial for trial in planned if trial.block <= 1}
    return RunManifest(
        oomlab_version=__version__,
        python_version=platform.python_version(),
        started=datetime.now(UTC),
        command=command,
        scenario_file=str(loaded.source),
        overrides=tuple(overrides),
        scenario=loaded.scenario,
        seed=loaded.scenario.trials.seed,
        host=host_facts(),
        accelerator=laboratory.accelerator,
        clock=CLOCK,
        artefacts={images.manifest.base: images.manifest for images in laboratory.images.values()},
        qemu_commands={
            name: paste_ready(qemu_argv(laboratory.boot(trial), Wiring.paste_ready()))
            for name, trial in first_block.items()
        },
    )
