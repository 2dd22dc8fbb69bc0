# SPDX-License-Identifier: Apache-2.0
"""A terminal with a user at it: the controlling terminal of the program that is started there."""

from __future__ import annotations

import os
import re
import sys
import termios
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pexpect.fdpexpect import fdspawn

from orchestrator.host.process import Child, start

_PATIENCE_S = 30.0
_TAKE_THE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


@dataclass(frozen=True)
class UserTerminal:
    """What a user sees and types, and the file that programs know the terminal by."""

    screen: fdspawn[bytes]
    own_fd: int
    file: Path

    @property
    def modes(self) -> list[object]:
        """termios(3), as `stty -a` shows it."""
        return termios.tcgetattr(self.own_fd)

    def read(self, pattern: bytes) -> bytes:
        """Wait for a regular expression; what its group matched."""
        self.screen.expect(pattern)
        found = self.screen.match
        assert isinstance(found, re.Match)
        return found[1]

    def resize(self, rows: int, columns: int) -> None:
        """Drag the window's corner: the foreground process is sent SIGWINCH."""
        termios.tcsetwinsize(self.own_fd, (rows, columns))

    @contextmanager
    def started(
        self, argv: Sequence[str | Path], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> Iterator[Child]:
        """A program (an absolute path) in this terminal's foreground."""
        argv = [sys.executable, "-c", _TAKE_THE_TERMINAL, *argv]
        with (
            self.file.open("r+b", buffering=0) as theirs,
            start(argv, stdin=theirs, stdout=theirs, stderr=theirs, cwd=cwd, env=env) as child,
        ):
            yield child


@contextmanager
def user_terminal() -> Iterator[UserTerminal]:
    """A terminal that lives as long as the block, in the modes that terminals have at first."""
    own_fd, other_fd = os.openpty()
    screen: fdspawn[bytes] = fdspawn(own_fd, timeout=_PATIENCE_S)
    try:
        yield UserTerminal(screen, own_fd, Path(os.ttyname(other_fd)))
    finally:
        os.close(other_fd)
        screen.close()


def controlling_terminal(pid: int) -> int:
    """The device number of a process's controlling terminal, 0 for none (proc(5), tty_nr of its stat)."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[4])


def open_files(pid: int) -> set[str]:
    """What the descriptors of a process point to."""
    return {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()}
