# SPDX-License-Identifier: Apache-2.0
"""The guest's serial lines as the host reads them: pipes, drained without pause by pexpect.

Both lines are pumped by a thread each, whatever the trial is doing: a full pipe would hold up
the guest's UART, and with it the guest.
"""

from __future__ import annotations

import fcntl
import os
import select
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import pexpect
import pexpect.fdpexpect

from orchestrator.deadline import Deadline

Line = Literal["console", "control"]

_PIPE_BYTES = 1 << 20
"""The most an unprivileged process may ask for (/proc/sys/fs/pipe-max-size by default)."""
_CHUNK_BYTES = 1 << 16
_GATHER_MS: dict[Line, int] = {"console": 40, "control": 20}
"""QEMU writes a guest's line byte by byte; waking up for every few of them would cost more CPU time
than all else that is done with them. The pipe holds far more than a guest says in this time. Nobody waits
for the console; after the control line's `trigger-end` a guest may live for only some 40 ms, in which its
memory has to be looked at."""


@dataclass(frozen=True)
class SerialPipe:
    """A pipe from QEMU to us: QEMU re-opens the write end by name, so it is passed as a descriptor."""

    read_fd: int
    write_fd: int

    @property
    def chardev(self) -> str:
        """QEMU's `-chardev` backend for the write end."""
        return f"file,path=/proc/self/fd/{self.write_fd}"


def enlarge(descriptor: int) -> None:
    """Give a pipe the largest buffer that any user may ask for."""
    fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def narrow(descriptor: int) -> None:
    """Give a pipe room for one write, so that poll(2) tells when its reader has taken that."""
    fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, 1)  # rounded up to a page, which is one slot


def await_taken(descriptor: int, deadline: Deadline) -> None:
    """Wait until the reader of a narrow pipe has taken everything; DeadlinePassed when it does not.

    A pipe whose only slot holds a byte still takes no further write (pipe_poll() in fs/pipe.c).
    """
    waiting = select.poll()
    waiting.register(descriptor, select.POLLOUT)
    while not waiting.poll(1000 * deadline.remaining()):
        deadline.check()


@contextmanager
def serial_pipe() -> Iterator[SerialPipe]:
    """A pipe with a large buffer; the read end is closed at the end of the block.

    QEMU may be another user than this program, and opens it by name: who has no descriptor of it
    has no name for it either.
    """
    read_fd, write_fd = os.pipe2(os.O_CLOEXEC)
    try:
        os.fchmod(write_fd, 0o666)
        enlarge(write_fd)
        yield SerialPipe(read_fd, write_fd)
    finally:
        os.close(read_fd)


class Pump(threading.Thread):
    """Reads a pipe to its end and hands every chunk of bytes to `sink`, then b"" once.

    An exception in the sink (a full disk, say) stops the sink, not the draining; it is kept in
    `failure` for the trial to find.
    """

    def __init__(self, name: Line, read_fd: int, sink: Callable[[bytes], None]) -> None:
        super().__init__(name=name, daemon=True)
        self._spawn: pexpect.fdpexpect.fdspawn[bytes] = pexpect.fdpexpect.fdspawn(
            read_fd, timeout=None, maxread=_CHUNK_BYTES, use_poll=True
        )
        self._sink = sink
        self._gather_ms = _GATHER_MS[name]
        # Asked for no event, poll(2) still reports a hang-up: the interval ends with the guest.
        self._hang_up = select.poll()
        self._hang_up.register(read_fd, 0)
        self.failure: Exception | None = None

    def run(self) -> None:
        """Drain until every writer is gone."""
        while True:
            try:
                chunk = self._spawn.read_nonblocking(_CHUNK_BYTES, timeout=None)
            except pexpect.EOF:
                self._deliver(b"")
                return
            self._deliver(chunk)
            self._hang_up.poll(self._gather_ms)

    def _deliver(self, chunk: bytes) -> None:
        if self.failure is None:
            try:
                self._sink(chunk)
            except Exception as error:  # noqa: BLE001 - whatever it is, the guest must not be held up
                self.failure = error
