# SPDX-License-Identifier: Apache-2.0
"""One boot under QEMU: by itself, as a template with its forks, or at a person's terminal."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from orchestrator.deadline import Deadline
from orchestrator.guests.backend import Lines, Sink
from orchestrator.guests.qemu.guest import QemuGuest, fork, power_on
from orchestrator.guests.qemu.handover import handed_over
from orchestrator.guests.qemu.machine import Boot, Wiring, qemu_argv
from orchestrator.guests.qemu.memory import GuestRam
from orchestrator.guests.qemu.monitor import Monitor
from orchestrator.guests.qemu.snapshot import Snapshot, take_snapshot, template_memory
from orchestrator.guests.serial import Pump, serial_pipe
from orchestrator.guests.terminal import guest_terminal
from orchestrator.host.process import paste_ready, start

LOG_FILE = "qemu.log"
_START_S = 30.0
_SNAPSHOT_S = 30.0


@dataclass(frozen=True)
class QemuLauncher:
    """As `orchestrator.guests.backend.Launcher`."""

    boot: Boot

    @property
    def commands(self) -> Sequence[str]:
        """QEMU's one, with the console on the terminal and the control records on standard error."""
        return (paste_ready(qemu_argv(self.boot, Wiring.paste_ready())),)

    @contextmanager
    def power_on(self, lines: Lines) -> Iterator[QemuGuest]:
        """A guest in memory of QEMU's own."""
        with _powered_on(self.boot, lines) as guest:
            yield guest

    @contextmanager
    def template(self) -> Iterator[QemuTemplate]:
        """Memory and device state in files of ours."""
        with template_memory(self.boot) as snapshot:
            yield QemuTemplate(snapshot)

    def attach(self, control: Sink) -> int:
        """Boot with the terminal joined to the guest's console until the guest ends; QEMU's exit status.

        Ctrl-C goes to the guest, as on a real console; the key to leave by powers the guest off, status 0.
        """
        with serial_pipe() as pipe, guest_terminal() as terminal, handed_over(self.boot) as given:
            wiring = Wiring(console="stdio,signal=off", control=pipe.chardev)
            progress = Pump("control", pipe.read_fd, control)
            with start(
                qemu_argv(given.boot, wiring),
                stdin=terminal.guest_end, stdout=terminal.guest_end, stderr=terminal.guest_end,
                pass_fds=(pipe.write_fd, *given.descriptors), confined=given.confined,
            ) as child:  # fmt: skip
                os.close(pipe.write_fd)
                progress.start()
                return child.wait() if terminal.join() else child.poll() or 0


class QemuTemplate:
    """As `orchestrator.guests.backend.Template`."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._monitor: Monitor | None = None

    @contextmanager
    def power_on(self, lines: Lines) -> Iterator[QemuGuest]:
        """A guest whose memory is the snapshot's."""
        with _powered_on(self._snapshot.boot, lines, self._snapshot.ram(private=False)) as guest:
            self._monitor = guest.monitor
            yield guest

    def take_snapshot(self) -> None:
        """Once the guest's watchdog has paused it."""
        if self._monitor is None:
            raise AssertionError("power_on comes first")
        take_snapshot(
            self._monitor, self._snapshot, Deadline.after(_SNAPSHOT_S, "the guest's snapshot is taken")
        )

    @contextmanager
    def fork(self, command: bytes, lines: Lines) -> Iterator[QemuGuest]:
        """A QEMU of its own, whose memory is the snapshot's and copied on write."""
        with (
            lines.folder.create(LOG_FILE) as log,
            fork(
                self._snapshot, command, log=log, console_sink=lines.console, control_sink=lines.control,
                deadline=Deadline.after(_START_S, "a fork runs on"),
            ) as guest,
        ):  # fmt: skip
            yield guest

    def memory_sha256(self) -> str:
        """Of the file that is the guest's memory."""
        return self._snapshot.ram_sha256()

    def memory_kb(self) -> int:
        """Of the files that are the guest's memory, all that is no hole."""
        return self._snapshot.ram_kb()


@contextmanager
def _powered_on(boot: Boot, lines: Lines, ram: GuestRam | None = None) -> Iterator[QemuGuest]:
    with (
        lines.folder.create(LOG_FILE) as log,
        power_on(
            boot, log=log, console_sink=lines.console, control_sink=lines.control, ram=ram,
            deadline=Deadline.after(_START_S, "QEMU's monitor greets"),
        ) as guest,
    ):  # fmt: skip
        yield guest
