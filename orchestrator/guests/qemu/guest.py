# SPDX-License-Identifier: Apache-2.0
"""One running QEMU guest: started, wired, and certainly ended."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator.channel import Pump, SerialPipe, serial_pipe
from orchestrator.deadline import Deadline
from orchestrator.errors import HostError
from orchestrator.guests.qemu.machine import Boot, Wiring, qemu_argv
from orchestrator.guests.qemu.monitor import Monitor
from orchestrator.process import Child, paste_ready, start

Sink = Callable[[bytes], None]

_DRAIN_S = 2.0
"""How long the last bytes may take from a dead QEMU's pipe to the files."""
_LOG_TAIL_CHARS = 2000


@dataclass(frozen=True)
class QemuGuest:
    """A guest between power-on and the end of its QEMU process."""

    child: Child
    monitor: Monitor
    console: Pump
    control: Pump

    @property
    def running(self) -> bool:
        """True while the QEMU process lives."""
        return self.child.poll() is None

    def sink_failure(self) -> Exception | None:
        """What stopped the recording of a serial line (a full disk, say), or None."""
        return self.console.failure or self.control.failure

    def drain(self) -> None:
        """After QEMU's end: wait until everything it wrote has been recorded."""
        self.console.join(_DRAIN_S)
        self.control.join(_DRAIN_S)


@contextmanager
def power_on(
    boot: Boot, *, log_path: Path, console_sink: Sink, control_sink: Sink, deadline: Deadline
) -> Iterator[QemuGuest]:
    """Start QEMU for `boot`; at the end of the block it is gone and both lines are drained.

    Raises HostError when QEMU cannot be started or ends before its monitor answers.
    """
    with ExitStack() as stack:
        console_pipe = stack.enter_context(serial_pipe())
        control_pipe = stack.enter_context(serial_pipe())
        ours, theirs = socket.socketpair()
        monitor = stack.enter_context(Monitor(ours))
        wiring = Wiring(console_pipe.chardev, control_pipe.chardev, f"socket,fd={theirs.fileno()}")
        argv = qemu_argv(boot, wiring)
        log = stack.enter_context(log_path.open("wb"))
        passed = (console_pipe.write_fd, control_pipe.write_fd, theirs.fileno())
        try:
            child = stack.enter_context(start(argv, stdout=log, stderr=log, pass_fds=passed))
        finally:
            _close_our_ends(console_pipe, control_pipe, theirs)
        console = Pump("console", console_pipe.read_fd, console_sink)
        control = Pump("control", control_pipe.read_fd, control_sink)
        guest = QemuGuest(child, monitor, console, control)
        console.start()
        control.start()
        try:
            _await_greeting(guest, argv, log_path, deadline)
            yield guest
        finally:
            child.kill()
            child.wait()
            guest.drain()


def _close_our_ends(console: SerialPipe, control: SerialPipe, monitor: socket.socket) -> None:
    # Only QEMU may hold the write ends: its death is then the end of the pipes.
    os.close(console.write_fd)
    os.close(control.write_fd)
    monitor.close()


def _await_greeting(guest: QemuGuest, argv: list[str], log_path: Path, deadline: Deadline) -> None:
    try:
        guest.monitor.connect(deadline)
    except HostError as error:
        log_tail = log_path.read_text(errors="replace")[-_LOG_TAIL_CHARS:]
        raise HostError(
            f"QEMU did not start: {log_tail.strip() or error.message}", evidence=[paste_ready(argv)]
        ) from None
