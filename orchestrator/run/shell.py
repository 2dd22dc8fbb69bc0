# SPDX-License-Identifier: Apache-2.0
"""A shell in a scenario's guest, its memory in the scenario's state: at a terminal, or for commands."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import InputError
from orchestrator.guests.backend import Launcher
from orchestrator.guests.registry import backend_of
from orchestrator.plan import PlannedBlock, block_seed
from orchestrator.protocol.memory_records import State, TargetRecord
from orchestrator.protocol.records import ControlRecord, parse_record
from orchestrator.run.engine import recorded_artefacts
from orchestrator.run.environment import Environment, open_environment
from orchestrator.run.observer import Observer
from orchestrator.run.script import ScriptSession, require_script
from orchestrator.scenario.models import Scenario
from orchestrator.stage import Mode
from orchestrator.text.lines import LineSplitter
from orchestrator.text.plain import one_line


@dataclass(frozen=True)
class ShellSession:
    """A guest that is ready to be powered on in the terminal's foreground."""

    launcher: Launcher

    def attach(self) -> int:
        """Boot with the terminal joined to a shell in the guest until that ends; an exit status."""
        return self.launcher.attach(_Progress())


def shell_variant(scenario: Scenario, variant: str | None, *, terminal: bool) -> str:
    """The variant that a shell is opened in. InputError for one that is not there, or has no shells.

    `terminal`: a person is to be joined to the shell; commands without one can be run wherever trials are.
    """
    shell = backend_of(scenario.device).capabilities.shell
    if terminal and not shell:
        raise InputError(
            f"backend '{scenario.device.backend}' gives no shell: {shell.why_not}",
            hint="`-c COMMAND`, or commands on standard input, are run there",
        )
    name = variant if variant is not None else next(iter(scenario.variants))
    if name not in scenario.variants:
        raise InputError(
            f"the scenario has no variant '{name}'", hint=f"it has {', '.join(scenario.variants)}"
        )
    return name


def open_shell(
    scenario: Scenario, variant: str | None, observer: Observer, artefacts_from: Path | None = None
) -> ShellSession:
    """Prepare the guest of one variant, with the kernels of an earlier run if one is named.

    InputError for a variant that the scenario lacks, or without shells.
    """
    name = shell_variant(scenario, variant, terminal=True)
    environment = _environment(scenario, observer, artefacts_from)
    planned = PlannedBlock(1, block_seed(scenario, 1), Mode.SHELL, "realtime", (name,), ())
    observer.progress("booting; the shell opens once memory is in the wanted state")
    observer.progress(environment.backend.how_to_leave)
    return ShellSession(environment.launcher(planned))


def open_script(
    scenario: Scenario,
    variant: str | None,
    commands: bytes,
    observer: Observer,
    artefacts_from: Path | None = None,
) -> ScriptSession:
    """As `open_shell`, for commands that are run without a terminal. InputError for too many of them."""
    name = shell_variant(scenario, variant, terminal=False)
    require_script(commands)
    environment = _environment(scenario, observer, artefacts_from)
    observer.progress("booting; the commands are run once memory is in the wanted state")
    return ScriptSession(environment, name, commands)


def _environment(scenario: Scenario, observer: Observer, artefacts_from: Path | None) -> Environment:
    pins = recorded_artefacts(artefacts_from) if artefacts_from else None
    return open_environment(scenario, observer, pins=pins, clocks=("realtime",))


def progress_line(record: ControlRecord) -> str | None:
    """How far the guest has come, for somebody who waits for a shell; None for what is no news."""
    if isinstance(record, State):
        return f"{record.action}: {record.free_kb // 1024} MiB free"
    if isinstance(record, TargetRecord):
        return "memory target reached" if record.reached else f"target missed: {record.reason}"
    return None


class _Progress:
    """Sink of the control line: tells on stderr how far the guest has come."""

    def __init__(self) -> None:
        self._lines = LineSplitter()

    def __call__(self, chunk: bytes) -> None:
        for line in self._lines.feed(chunk):
            try:
                text = progress_line(parse_record(line))
            except ValueError:
                continue  # a person is watching; the guest's console says what is wrong
            if text is not None:
                sys.stderr.write(f"\r\noomlab: {one_line(text)}\r\n")
                sys.stderr.flush()
