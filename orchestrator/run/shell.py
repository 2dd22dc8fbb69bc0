# SPDX-License-Identifier: Apache-2.0
"""An interactive shell in a scenario's guest, its memory in the scenario's state."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import InputError
from orchestrator.guests.backend import Launcher
from orchestrator.guests.registry import backend_of
from orchestrator.plan import PlannedBlock, block_seed
from orchestrator.protocol.records import State, TargetRecord, parse_record
from orchestrator.run.engine import recorded_artefacts
from orchestrator.run.environment import open_environment
from orchestrator.run.observer import Observer
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


def shell_variant(scenario: Scenario, variant: str | None) -> str:
    """The variant that a shell is opened in. InputError for one that is not there, or has no shells."""
    shell = backend_of(scenario.device).capabilities.shell
    if not shell:
        raise InputError(f"backend '{scenario.device.backend}' gives no shell: {shell.why_not}")
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
    name = shell_variant(scenario, variant)
    pins = recorded_artefacts(artefacts_from) if artefacts_from else None
    environment = open_environment(scenario, observer, pins=pins, clocks=("realtime",))
    planned = PlannedBlock(1, block_seed(scenario, 1), Mode.SHELL, "realtime", (name,), ())
    observer.progress("booting; the shell opens once memory is in the wanted state")
    observer.progress(environment.backend.how_to_leave)
    return ShellSession(environment.launcher(planned))


class _Progress:
    """Sink of the control line: tells on stderr how far the guest has come."""

    def __init__(self) -> None:
        self._lines = LineSplitter()

    def __call__(self, chunk: bytes) -> None:
        for line in self._lines.feed(chunk):
            try:
                record = parse_record(line)
            except ValueError:
                continue  # a person is watching; the guest's console says what is wrong
            if isinstance(record, State):
                _notify(f"{record.action}: {record.free_kb // 1024} MiB free")
            elif isinstance(record, TargetRecord):
                _notify("memory target reached" if record.reached else f"target missed: {record.reason}")


def _notify(text: str) -> None:
    sys.stderr.write(f"\r\noomlab: {one_line(text)}\r\n")
    sys.stderr.flush()
