# SPDX-License-Identifier: Apache-2.0
"""A whole run: from a loaded scenario, or a run that was cut short, to a directory with a verdict in it."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from orchestrator import __version__
from orchestrator.errors import HostError
from orchestrator.host.capacity import ALL_OF_IT, Capacity, Share
from orchestrator.kernels.images import GuestImages
from orchestrator.kernels.lock import require_same_program
from orchestrator.kernels.pins import Pins
from orchestrator.kernels.variants import locked_variants, settings_by_name
from orchestrator.plan import PlannedBlock, by_hand, count_blocks, count_trials, plan_blocks
from orchestrator.record.directory import (
    RunDirectory,
    create_run_directory,
    open_run_directory,
    require_unused,
)
from orchestrator.record.journal import (
    Journal,
    RunEnded,
    RunResumed,
    RunStarted,
    open_journal,
    read_journal,
)
from orchestrator.record.manifest import RunManifest
from orchestrator.run.admission import overcommitted
from orchestrator.run.differences import require_differences
from orchestrator.run.environment import Environment, capacity_for, open_environment, variant_recipes
from orchestrator.run.guest_files import guest_files
from orchestrator.run.kept_patches import keep_patches, kept_patches
from orchestrator.run.lock_file import read_lock, write_lock
from orchestrator.run.memory_watch import MemoryShort
from orchestrator.run.observer import Observer
from orchestrator.run.resume import is_finished, remaining_blocks, reopen_environment
from orchestrator.run.work import Place, run_blocks
from orchestrator.scenario.loading.loader import LoadedScenario, advised
from orchestrator.scenario.models import Scenario
from orchestrator.text.plain import named
from orchestrator.verdict.judged_run import JudgedRun, load_judged_run


def recorded_artefacts(run: Path) -> Pins:
    """The artefacts of an earlier run, for `--artefacts-from`."""
    directory = open_run_directory(run)
    artefacts = tuple(directory.load(directory.manifest, RunManifest).artefacts.values())
    return Pins(artefacts, kept_patches(directory, artefacts))


@dataclass(frozen=True)
class RunOptions:
    """How a scenario is run: nothing in here changes what it means."""

    command: str
    out: Path | None = None
    overrides: Sequence[str] = ()
    artefacts_from: Path | None = None
    lock: Path | None = None
    share: Share = ALL_OF_IT
    force: bool = False
    """Run variants that came out as the same binary all the same."""
    begun: Callable[[Path], None] = lambda _directory: None
    """Called with the run directory once it is there, and something of the run in it."""


def run_scenario(loaded: LoadedScenario, observer: Observer, options: RunOptions) -> JudgedRun:
    """Run a scenario to its verdict.

    Raises OomlabError when it cannot be run, KeyboardInterrupt when the user stops it; the run
    directory is whole in every case.
    """
    require_unused(options.out)
    pins = recorded_artefacts(options.artefacts_from) if options.artefacts_from else None
    environment = _open(loaded.scenario, observer, pins, options)
    _warn_anew(loaded, environment, observer)
    blocks = plan_blocks(loaded.scenario)
    capacity = capacity_for(loaded.scenario, options.share)
    directory = create_run_directory(options.out, loaded.scenario.name)
    keep_patches(directory, environment.images.values())
    directory.save(directory.manifest, _manifest(loaded, environment, blocks, options))
    with open_journal(directory.journal) as journal:
        journal.append(RunStarted(scenario=loaded.scenario.name, planned=count_trials(blocks)))
        options.begun(directory.path)
        return _execute(directory, journal, environment, blocks, capacity, observer)


@dataclass(frozen=True)
class Prepared:
    """A run that is to be made elsewhere, as far as it can be brought here."""

    manifest: RunManifest
    """Without what only the machine knows that will run it: accelerators, commands."""
    images: Mapping[str, GuestImages]
    """By variant."""


def prepare_run(loaded: LoadedScenario, observer: Observer, options: RunOptions) -> Prepared:
    """As `run_scenario`, up to the first boot, which is left to another machine."""
    require_unused(options.out)
    pins = recorded_artefacts(options.artefacts_from) if options.artefacts_from else None
    environment = _open(loaded.scenario, observer, pins, options, here=False)
    _warn_anew(loaded, environment, observer)
    return Prepared(_manifest(loaded, environment, (), options), environment.images)


def _warn_anew(loaded: LoadedScenario, environment: Environment, observer: Observer) -> None:
    """What nobody could know before the kernels were there: how much each asks of the allocator."""
    for warning in advised(loaded, environment.elements).warnings:
        if warning not in loaded.warnings:
            observer.progress(f"warning: {warning}")


def _open(
    scenario: Scenario, observer: Observer, pins: Pins | None, options: RunOptions, *, here: bool = True
) -> Environment:
    """The environment; a lock file that is there is honoured, and one that is not is written."""
    lock = options.lock
    locked = read_lock(lock) if lock is not None else None
    if locked is not None:
        locked.require_agreement(
            scenario.device.arch,
            locked_variants(scenario.device.arch, variant_recipes(scenario)),
            guest_files(scenario).records,
        )
        require_same_program(locked.lock, __version__)
    environment = open_environment(
        scenario,
        observer,
        pins=pins,
        lock=locked.lock if locked else None,
        accept=partial(
            require_differences,
            settings=settings_by_name(variant_recipes(scenario)),
            observer=observer,
            force=options.force,
        ),
        here=here,
    )
    made = [images.manifest for images in environment.images.values()]
    if locked is not None and locked.lock.compiler != made[0].agent_compiler:
        observer.progress(
            f"the lock was made with {locked.lock.compiler}, here it is {made[0].agent_compiler}:"
            " the same sources, but other machine code"
        )
    if lock is not None and locked is None:
        write_lock(lock, made)
        observer.progress(f"wrote the lock {lock}")
    return environment


def resume_run(path: Path, observer: Observer, share: Share = ALL_OF_IT) -> JudgedRun:
    """Make the missing trials of a run that was cut short, and come to the verdict.

    A run that is finished is left as it is. Raises as run_scenario, and InputError when the run
    cannot go on here.
    """
    directory = open_run_directory(path)
    manifest = directory.load(directory.manifest, RunManifest)
    with open_journal(directory.journal) as journal:
        entries = read_journal(directory.journal)
        blocks = remaining_blocks(manifest.scenario, entries)
        if is_finished(entries) and not blocks:
            observer.progress(f"{path} is finished: there is nothing to resume")
            return _conclude(directory)
        kept = kept_patches(directory, manifest.artefacts.values())
        environment = reopen_environment(manifest, kept, observer)
        capacity = capacity_for(manifest.scenario, share)
        if not entries:
            journal.append(RunStarted(scenario=manifest.scenario.name, planned=count_trials(blocks)))
        journal.append(RunResumed(oomlab_version=__version__, missing=count_trials(blocks)))
        return _execute(directory, journal, environment, blocks, capacity, observer)


def _execute(
    directory: RunDirectory,
    journal: Journal,
    environment: Environment,
    blocks: Sequence[PlannedBlock],
    capacity: Capacity,
    observer: Observer,
) -> JudgedRun:
    """Make the trials; whatever happens, the journal ends with a word on it and a verdict is saved."""
    observer.run_planned(count_blocks(blocks), count_trials(blocks))
    if (remark := overcommitted(capacity, forks=environment.scenario.trials.fork)) is not None:
        observer.progress(remark)
    try:
        run_blocks(blocks, Place(environment, capacity, directory), observer, journal.append)
    except KeyboardInterrupt:
        journal.append(RunEnded(reason="interrupted"))
        _conclude(directory)
        raise
    except MemoryShort as error:
        journal.append(RunEnded(reason="failed", detail=error.message))
        _conclude(directory)
        raise _resumable(error, directory.path) from None
    except Exception as error:
        with suppress(HostError):  # a full disk may be what ended the run
            journal.append(RunEnded(reason="failed", detail=str(error)))
        raise
    journal.append(RunEnded(reason="finished"))
    return _conclude(directory)


def _resumable(error: MemoryShort, run: Path) -> MemoryShort:
    return MemoryShort(
        error.message,
        hint=f"`oomlab run --resume {run}` goes on from there, once more memory is free",
        evidence=error.evidence,
    )


def _conclude(directory: RunDirectory) -> JudgedRun:
    judged = load_judged_run(directory.path)
    directory.save(directory.verdict, judged.verdict)
    return judged


def _manifest(
    loaded: LoadedScenario, environment: Environment, blocks: Sequence[PlannedBlock], options: RunOptions
) -> RunManifest:
    return RunManifest(
        oomlab_version=__version__,
        python_version=platform.python_version(),
        started=datetime.now(UTC),
        command=options.command,
        scenario_file=named(str(loaded.source)),
        overrides=tuple(map(named, options.overrides)),
        scenario=loaded.scenario,
        expectations_from=dict(loaded.taken),
        seed=loaded.scenario.trials.seed,
        host=environment.host,
        accelerators=dict(environment.accelerators),
        artefacts={images.manifest.base: images.manifest for images in environment.images.values()},
        qemu_commands={
            block.variants[0]: "\n".join(environment.launcher(block).commands)
            for block in by_hand(blocks)
            if block.number == 1 and block.stage == "trigger"
        },
    )
