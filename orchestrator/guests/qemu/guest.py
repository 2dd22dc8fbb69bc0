# SPDX-License-Identifier: Apache-2.0
"""One running QEMU guest: started, wired, and certainly ended."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from orchestrator.deadline import Deadline
from orchestrator.errors import HostError
from orchestrator.guests.backend import Sink
from orchestrator.guests.qemu.handover import handed_over
from orchestrator.guests.qemu.machine import Boot, Wiring, qemu_argv
from orchestrator.guests.qemu.memory import GuestRam
from orchestrator.guests.qemu.monitor import Monitor
from orchestrator.guests.qemu.snapshot import Snapshot
from orchestrator.guests.serial import Pump, SerialPipe, await_taken, narrow, serial_pipe
from orchestrator.host.process import PIPE, Child, paste_ready, start

_DRAIN_S = 2.0
"""How long the last bytes may take from a dead QEMU's pipe to the files."""
_REGISTERS_S = 2.0
_LOG_TAIL_CHARS = 2000
_MOST_LOG_BYTES = 1 << 20
_LONGEST_MESSAGE_BYTES = 8
_OWN_FIELDS = frozenset({"RssAnon:", "VmSwap:"})
"""proc(5), /proc/PID/status: anonymous memory, pages copied on write included, and what was swapped out."""


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

    def send(self, message: bytes, deadline: Deadline) -> None:
        """Send bytes to the guest's control line and wait until its UART has taken them all.

        At most 8: the 8250 of these guests takes no more before its driver reads (the receive
        trigger that Linux sets), and the rest would arrive at an instant of the host's making.
        """
        if len(message) > _LONGEST_MESSAGE_BYTES:
            raise ValueError(f"{message!r} is longer than {_LONGEST_MESSAGE_BYTES} bytes")
        if self.child.stdin is None:
            raise ValueError("this guest has no input")
        narrow(self.child.stdin.fileno())
        self.child.stdin.write(message)
        self.child.stdin.flush()
        await_taken(self.child.stdin.fileno(), deadline)

    def private_memory_kb(self) -> int:
        """Memory that is this QEMU's alone: what it allocated, guest pages that it wrote; 0 once it is gone.

        Not what only it happens to have mapped: of a template's pages that are read, and of QEMU's own
        program, there is one copy for all, and smaps calls it private while nobody else looks at it.
        """
        try:
            status = Path(f"/proc/{self.child.pid}/status").read_text()
        except OSError:
            return 0
        fields = (line.split() for line in status.splitlines())
        return sum(int(words[1]) for words in fields if words[0] in _OWN_FIELDS)

    def sink_failure(self) -> Exception | None:
        """What stopped the recording of a serial line (a full disk, say), or None."""
        return self.console.failure or self.control.failure

    def registers(self) -> str:
        """As QEMU's monitor prints them; HostError when it does not answer in time."""
        return self.monitor.registers(Deadline.after(_REGISTERS_S, "CPU registers"))

    def await_end(self) -> str:
        """Wait for the end of QEMU, whose serial lines have come to theirs; its exit status in words."""
        status = self.child.wait()
        self.drain()
        return f"QEMU ended with status {status}"

    def drain(self) -> None:
        """After QEMU's end: wait until everything it wrote has been recorded."""
        self.console.join(_DRAIN_S)
        self.control.join(_DRAIN_S)


@contextmanager
def power_on(
    boot: Boot,
    *,
    log: BinaryIO,
    console_sink: Sink,
    control_sink: Sink,
    deadline: Deadline,
    ram: GuestRam | None = None,
    inherited: Sequence[int] = (),
) -> Iterator[QemuGuest]:
    """Start QEMU for `boot`; at the end of the block it is gone and both lines are drained.

    `log` takes what QEMU says of itself. `ram` puts the guest's memory into files of ours; `inherited`
    descriptors stay open in QEMU.
    Raises HostError when QEMU cannot be started or ends before its monitor answers.
    """
    with ExitStack() as stack:
        console_pipe = stack.enter_context(serial_pipe())
        control_pipe = stack.enter_context(serial_pipe())
        ours, theirs = socket.socketpair()
        monitor = stack.enter_context(Monitor(ours))
        given = stack.enter_context(handed_over(boot))
        argv = qemu_argv(given.boot, Wiring.piped(console_pipe.chardev, theirs.fileno()), ram)
        passed = [console_pipe.write_fd, theirs.fileno(), *given.descriptors, *inherited]
        passed += ram.descriptors if ram is not None else ()
        try:
            child = stack.enter_context(
                start(
                    argv, stdin=PIPE, stdout=control_pipe.write_fd, stderr=log, pass_fds=passed,
                    confined=given.confined,
                )
            )  # fmt: skip
        finally:
            _close_our_ends(console_pipe, control_pipe, theirs)
        guest = QemuGuest(
            child, monitor, Pump("console", console_pipe.read_fd, console_sink),
            Pump("control", control_pipe.read_fd, control_sink),
        )  # fmt: skip
        guest.console.start()
        guest.control.start()
        try:
            _await_greeting(guest, argv, log, deadline)
            yield guest
        finally:
            child.kill()
            child.wait()
            guest.drain()


@contextmanager
def fork(
    snapshot: Snapshot,
    message: bytes,
    *,
    log: BinaryIO,
    console_sink: Sink,
    control_sink: Sink,
    deadline: Deadline,
) -> Iterator[QemuGuest]:
    """A copy-on-write continuation of a template, with `message` on its control line before it runs on.

    Raises as power_on, and DeadlinePassed when it does not run in time.
    """
    # A descriptor of its own for each fork: forks that run at once must not share a file offset.
    state_fd = os.open(f"/proc/self/fd/{snapshot.state_fd}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        with power_on(
            snapshot.boot,
            log=log,
            console_sink=console_sink,
            control_sink=control_sink,
            deadline=deadline,
            ram=snapshot.ram(private=True),
            inherited=[state_fd],
        ) as guest:
            guest.monitor.restore(state_fd, deadline)
            guest.send(message, deadline)
            guest.monitor.resume(deadline)
            yield guest
    finally:
        os.close(state_fd)


def _close_our_ends(console: SerialPipe, control: SerialPipe, monitor: socket.socket) -> None:
    # Only QEMU may hold the write ends: its death is then the end of the pipes.
    os.close(console.write_fd)
    os.close(control.write_fd)
    monitor.close()


def _await_greeting(guest: QemuGuest, argv: list[str], log: BinaryIO, deadline: Deadline) -> None:
    try:
        guest.monitor.connect(deadline)
    except HostError as error:
        log_tail = os.pread(log.fileno(), _MOST_LOG_BYTES, 0).decode(errors="replace")[-_LOG_TAIL_CHARS:]
        raise HostError(
            f"QEMU did not start: {log_tail.strip() or error.message}", evidence=[paste_ready(argv)]
        ) from None
