# SPDX-License-Identifier: Apache-2.0
"""Bytes in any chunking as whole lines."""

from __future__ import annotations

_LONGEST_LINE_BYTES = 1 << 20
"""A line without end is cut here, so that a babbling guest cannot fill the host's memory."""


class LineSplitter:
    """Bytes in, in any chunking; whole lines out, without their CR LF."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that this chunk completes; b"" ends the input and flushes the last one."""
        if not chunk:
            last, self._rest = self._rest, b""
            return [last.rstrip(b"\r")] if last else []
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > _LONGEST_LINE_BYTES:
            lines.append(self._rest)
            self._rest = b""
        return [line.rstrip(b"\r") for line in lines]
