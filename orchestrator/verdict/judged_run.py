# SPDX-License-Identifier: Apache-2.0
"""What every report is made from: a run directory, read once."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from orchestrator.analysis.controls import first_difference
from orchestrator.errors import InputError
from orchestrator.host.facts import HostFacts
from orchestrator.record.directory import RunDirectory, open_run_directory
from orchestrator.record.journal import (
    BlockStarted,
    EventRecorded,
    TrialStarted,
    block_results,
    read_journal,
    trial_results,
)
from orchestrator.record.manifest import RunManifest
from orchestrator.record.result import BlockResult, TrialResult
from orchestrator.stage import Mode
from orchestrator.verdict.attempts import last_attempts
from orchestrator.verdict.verdict import Verdict, compute_verdict

_CONSOLE_TAIL_BYTES = 16 * 1024


@dataclass(frozen=True)
class JudgedRun:
    """A run as its directory records it. Any text in it may come from a guest: escape all of it.

    `blocks` are all boots in order, failed ones too; `results` the last attempt of each trial in the
    order of the plan, all stages, without proof boots; `events` every report that a console held; `starts`
    every boot and fork, with the host of each boot.
    """

    directory: RunDirectory
    manifest: RunManifest
    verdict: Verdict
    blocks: tuple[BlockResult, ...] = ()
    results: tuple[TrialResult, ...] = ()
    events: tuple[EventRecorded, ...] = ()
    starts: tuple[BlockStarted | TrialStarted, ...] = ()

    @cached_property
    def hosts(self) -> tuple[HostFacts, ...]:
        """The machines that ran its guests, each once; of a journal that does not tell, the manifest's."""
        told = (start.host for start in self.starts if start.host is not None)
        return tuple(dict.fromkeys(told)) or (self.manifest.host,)

    @cached_property
    def page_sizes(self) -> Mapping[str, int]:
        """Page size of every variant's kernel in bytes."""
        return {
            name: variant.page_bytes
            if (own := self.manifest.artefacts_of(name)) is None
            else own.page_size_bytes
            for name, variant in self.manifest.scenario.variants.items()
        }

    @cached_property
    def repeat_commands(self) -> tuple[str, ...]:
        """Command lines, paste-ready: the run again, and again with the very same kernels."""
        command = _without_place(self.manifest.command)
        if "--artefacts-from" in command:
            return (command,)
        return (command, f"{command} --artefacts-from {shlex.quote(self.directory.path.name)}")

    def console_tail(self, result: TrialResult, most_bytes: int = _CONSOLE_TAIL_BYTES) -> str:
        """The end of a trial's console as the guest wrote it; empty where the file is gone."""
        try:
            tail = self.directory.trial(result.directory).tail("console.log", most_bytes)
        except OSError:
            return ""
        return tail.decode(errors="backslashreplace")


def _without_place(command: str) -> str:
    """The command without `--out`: that directory is not empty any more."""
    try:
        words = shlex.split(command)
    except ValueError:  # somebody changed it
        return command
    if "$'" in command:  # which only a shell can take apart
        return command
    kept = [
        word
        for before, word in zip(["", *words], words, strict=False)
        if "--out" not in (before, word) and not word.startswith("--out=")
    ]
    return shlex.join(kept)


def _require_one_run(
    directory: RunDirectory, manifest: RunManifest, results: Sequence[BlockResult | TrialResult]
) -> None:
    """Manifest and journal speak of the same variants and clocks. InputError, where somebody changed one."""
    scenario = manifest.scenario
    clocks = set(scenario.trials.clock)
    for result in results:
        named = (result.variant,) if isinstance(result, TrialResult) else result.variants
        strange = [name for name in named if name not in scenario.variants]
        strange += [result.clock] if result.clock not in clocks else []
        if strange:
            raise InputError(
                f"{directory.journal} records '{strange[0]}', which the run's manifest does not know",
                hint="the two files are not of one run, or somebody changed one of them",
            )
    missing = clocks - {*manifest.accelerators}
    if missing:
        raise InputError(
            f"{directory.manifest} does not say what ran the guests under the clock {missing.pop()}"
        )


def load_judged_run(path: Path) -> JudgedRun:
    """Everything about the run in `path`; InputError when it is no run directory or damaged."""
    directory = open_run_directory(path)
    manifest = directory.load(directory.manifest, RunManifest)
    entries = read_journal(directory.journal)
    blocks, results = block_results(entries), trial_results(entries)
    _require_one_run(directory, manifest, [*blocks, *results])
    verdict = compute_verdict(
        manifest.scenario,
        blocks,
        results,
        accelerators=manifest.accelerators,
        check_transcripts=partial(first_difference, directory.trial),
        taken=manifest.expectations_from,
        artefacts=manifest.artefacts,
    )
    return JudgedRun(
        directory=directory,
        manifest=manifest,
        verdict=verdict,
        blocks=tuple(blocks),
        results=tuple(each for each in last_attempts(results).values() if each.mode != Mode.PROOF),
        events=tuple(entry for entry in entries if isinstance(entry, EventRecorded)),
        starts=tuple(entry for entry in entries if isinstance(entry, BlockStarted | TrialStarted)),
    )
