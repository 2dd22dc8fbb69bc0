# SPDX-License-Identifier: Apache-2.0
"""A pseudo-terminal between the user's terminal and a guest's console, so that QEMU never holds the former.

Who holds a terminal open may change its modes, and where it is his controlling terminal type into it for the
user's shell to read (TIOCSTI, TIOCLINUX; ioctl_tty(2)). QEMU gets one that ends with the guest.
"""

from __future__ import annotations

import os
import pty
import signal
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO

import pexpect

LEAVE_KEY = "Ctrl-]"
_LEAVE = chr(29)
"""Ctrl-], as in telnet(1) and virsh(1): hardly any program in a guest wants it."""


@dataclass(frozen=True)
class Terminal:
    """The guest's terminal: `guest_end` is for QEMU, the user's one is joined to `_own_fd`."""

    guest_end: IO[bytes]
    _own_fd: int

    def join(self) -> bool:
        """Carry characters both ways until QEMU has closed the terminal (True), or the user leaves (False).

        To be called once, from the main thread, when QEMU has been started. What a closed terminal
        does to this program is a signal; where that is ignored (`nohup`) it is the user leaving.
        """
        self.guest_end.close()  # the last one to close it shall be QEMU
        try:
            with _modes_restored(), _size_followed(self._own_fd):
                return _Joined(self._own_fd).carry()
        except (EOFError, OSError):
            return False


@contextmanager
def guest_terminal() -> Iterator[Terminal]:
    """A new pseudo-terminal; the end that is ours is closed after the block."""
    own_fd, guest_fd = os.openpty()
    try:
        with os.fdopen(guest_fd, "r+b", buffering=0) as guest_end:
            tty.setraw(guest_fd)  # QEMU does that, too, but only where its standard input is a terminal
            yield Terminal(guest_end, own_fd)
    finally:
        os.close(own_fd)


class _Joined(pexpect.spawn):  # type: ignore[type-arg] # noqa: TID251 - generic in its stubs alone; starts no process
    """pexpect's `interact` over a terminal whose process was started elsewhere."""

    def __init__(self, own_fd: int) -> None:
        super().__init__(None, use_poll=True)  # type: ignore[arg-type] # no command: for subclasses
        self.child_fd = own_fd
        self._left = False

    def isalive(self) -> bool:
        """Until the terminal's end has been read: a process that has ended may have said more."""
        return True

    def carry(self) -> bool:
        """Until the other side has closed the terminal (True), or the user leaves (False)."""
        self.interact(escape_character=_LEAVE, input_filter=self._typed)
        return not self._left

    def _typed(self, keys: bytes) -> bytes:
        if not keys:
            raise EOFError  # a terminal that hung up; pexpect would ask it for ever
        self._left = _LEAVE.encode() in keys
        return keys


@contextmanager
def _size_followed(own_fd: int) -> Iterator[None]:
    """Within the block a change of the user's window is one of the guest's terminal (SIGWINCH)."""

    def follow(*_: object) -> None:
        with suppress(termios.error):
            termios.tcsetwinsize(own_fd, termios.tcgetwinsize(pty.STDIN_FILENO))

    before = signal.signal(signal.SIGWINCH, follow)
    try:
        follow()
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)


@contextmanager
def _modes_restored() -> Iterator[None]:
    """pexpect does it, too, unless an interrupt comes between its change and its `try`."""
    modes = termios.tcgetattr(pty.STDIN_FILENO)
    try:
        yield
    finally:
        with suppress(termios.error):  # a terminal that is gone needs none
            termios.tcsetattr(pty.STDIN_FILENO, termios.TCSAFLUSH, modes)
