# SPDX-License-Identifier: Apache-2.0
"""A file that somebody else is still writing, read on from where one was.

What is a new file by an old name is told by its identity (here: device and inode), what was cut short by its
size: either is read from its beginning. `Follower` decides that from the four words of `Growing` alone, so
that a log on this machine and one over SFTP are followed alike.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Hashable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from orchestrator.errors import HostError

MOST_BYTES = 1 << 20
"""What one look takes at most, unless it is told otherwise."""


class Growing(Protocol):
    """A file with a name, of which one version at a time is open. Every method may raise OSError."""

    def identity(self) -> Hashable | None:
        """What tells the file that has the name now from others; None while there is none."""

    def open(self) -> Hashable | None:
        """Take the file that has the name now; its identity, or None when there is none."""

    def size(self) -> int:
        """The size of the file that was opened, bytes."""

    def read(self, offset_bytes: int, most_bytes: int) -> bytes:
        """What the file that was opened has at an offset; b"" at its end."""


class Follower:
    """Reads a growing file piece by piece; a look that raises changes nothing and can be repeated.

    A file that was cut short and has grown beyond the old place before the next look cannot be told from one
    that only grew.
    """

    def __init__(self, file: Growing, offset_bytes: int = 0) -> None:
        self._file = file
        self._identity: Hashable | None = None
        self.offset_bytes = offset_bytes
        """How much of the file has been read."""
        self.restarts = 0
        """How often it was read from the beginning again, because it had been replaced or cut short."""

    def poll(self, most_bytes: int = MOST_BYTES) -> bytes:
        """What has come since the last look, in order; b"" when there is nothing (yet)."""
        if self._identity is None:
            self._identity = self._file.open()
            if self._identity is None:
                return b""
        # Looked up before the read: what was written until its name was taken away is then read as well.
        named = self._file.identity()
        if self._file.size() < self.offset_bytes:
            self._restart()
        piece = self._file.read(self.offset_bytes, most_bytes)
        if not piece and named not in (None, self._identity):
            self._identity = self._file.open()
            self._restart()
            piece = b"" if self._identity is None else self._file.read(0, most_bytes)
        self.offset_bytes += len(piece)
        return piece

    def _restart(self) -> None:
        self.offset_bytes = 0
        self.restarts += 1


class LocalFile:
    """As `Growing`, on this machine.

    The file stays open while it is followed: its inode cannot become another file's meanwhile, and what its
    writer adds after it has lost its name is read. HostError for what is no regular file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def identity(self) -> Hashable | None:
        """Device and inode."""
        try:
            return _identity(self._path.stat())
        except FileNotFoundError:
            return None

    def open(self) -> Hashable | None:
        """Links are followed: whoever follows a file chose its place."""
        try:  # without waiting, for the name could be a pipe's
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            os.close(descriptor)
            raise HostError(f"{self._path} is no regular file")
        self._close()
        self._descriptor = descriptor
        return _identity(status)

    def size(self) -> int:
        """As fstat(2) has it."""
        return os.fstat(self._descriptor).st_size

    def read(self, offset_bytes: int, most_bytes: int) -> bytes:
        """By pread(2)."""
        return os.pread(self._descriptor, most_bytes, offset_bytes)

    def _close(self) -> None:
        if self._descriptor >= 0:
            with suppress(OSError):
                os.close(self._descriptor)
        self._descriptor = -1


def _identity(status: os.stat_result) -> Hashable:
    return status.st_dev, status.st_ino
