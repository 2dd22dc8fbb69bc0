# SPDX-License-Identifier: Apache-2.0
"""A file that a guest cannot fill a disk with."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.files.folder import Folder
from orchestrator.text.amounts import count_of

MOST_BYTES = 64 << 20
"""What is kept of a serial line in each file. A whole trial says some 100 KiB; `yes` in a guest fills
a disk."""


class CappedFile:
    """A file that ends with a visible mark where there was more than it may hold."""

    def __init__(self, folder: Folder, name: str, *, most_bytes: int = MOST_BYTES) -> None:
        self._file = folder.create(name)
        self._room_bytes = most_bytes
        self._left_out_bytes = 0

    @property
    def full(self) -> bool:
        """True once something has been left out."""
        return self._left_out_bytes > 0

    def write(self, *pieces: bytes) -> None:
        """Add each piece whole, or nothing of it; nothing follows what was left out. OSError if disk is full.

        Pieces that come together are written at once: every write lets the other threads in.
        """
        kept = []
        for piece in pieces:
            if self.full or len(piece) > self._room_bytes:
                self._left_out_bytes += len(piece)
            else:
                self._room_bytes -= len(piece)
                kept.append(piece)
        if kept:
            self._file.write(b"".join(kept))
            self._file.flush()

    def close(self, mark: Callable[[str], bytes]) -> None:
        """End the file; `mark` makes the last line if something is missing."""
        with self._file:
            if self.full:
                self._file.write(mark(f"oomlab: {count_of('more byte', self._left_out_bytes)} were not kept"))
