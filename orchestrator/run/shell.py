# SPDX-License-Identifier: Apache-2.0
"""An interactive shell in a scenario's guest, its memory in the scenario's state."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

from orchestrator.errors import InputError
from orchestrator.guests.qemu.handover import handed_over
from orchestrator.guests.qemu.machine import Boot, Wiring, qemu_argv
from orchestrator.guests.serial import Pump, serial_pipe
from orchestrator.guests.terminal import LEAVE_KEY, guest_terminal
from orchestrator.host.process import start
from orchestrator.plan import PlannedBlock, block_seed
from orchestrator.protocol.records import State, TargetRecord, parse_record
from orchestrator.run.environment import open_environment
from orchestrator.run.observer import Observer
from orchestrator.scenario.models import Scenario
from orchestrator.stage import Mode
from orchestrator.text.lines import LineSplitter
from orchestrator.text.plain import one_line


@dataclass(frozen=True)
class ShellSession:
    """A guest that is ready to be powered on in the terminal's foreground."""

    boot: Boot

    def attach(self) -> int:
        """Boot with the terminal joined to the guest's console until the guest ends; QEMU's exit status.

        Ctrl-C goes to the guest, as on a real console; the key to leave by powers the guest off, status 0.
        """
        with serial_pipe() as control, guest_terminal() as terminal, handed_over(self.boot) as given:
            wiring = Wiring(console="stdio,signal=off", control=control.chardev)
            progress = Pump("control", control.read_fd, _Progress())
            with start(
                qemu_argv(given.boot, wiring),
                stdin=terminal.stdin, stdout=terminal.guest_end, stderr=terminal.guest_end,
                pass_fds=(control.write_fd, *given.descriptors), confined=given.confined,
            ) as child:  # fmt: skip
                os.close(control.write_fd)
                progress.start()
                return child.wait() if terminal.join() else child.poll() or 0


def open_shell(scenario: Scenario, variant: str | None, observer: Observer) -> ShellSession:
    """Prepare the guest of one variant. InputError for a variant that the scenario lacks."""
    name = variant if variant is not None else next(iter(scenario.variants))
    if name not in scenario.variants:
        raise InputError(
            f"the scenario has no variant '{name}'", hint=f"it has {', '.join(scenario.variants)}"
        )
    environment = open_environment(scenario, observer, clocks=("realtime",))
    planned = PlannedBlock(1, block_seed(scenario, 1), Mode.SHELL, "realtime", (name,), ())
    observer.progress("booting; the shell opens once memory is in the wanted state")
    observer.progress(f"`exit` ends the guest, {LEAVE_KEY} powers it off")
    return ShellSession(environment.boot(planned))


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
