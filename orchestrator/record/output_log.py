# SPDX-License-Identifier: Apache-2.0
"""What the trigger's command wrote: the file of it in a trial's directory, and its end for reports."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.files.folder import Folder
from orchestrator.protocol.records import Output
from orchestrator.record.capped_file import CappedFile
from orchestrator.record.result import CommandOutput
from orchestrator.text.amounts import count_of

OUTPUT_FILE = "output.log"
_MOST_BYTES = 1 << 20
"""The agent sends 64 KiB; a command that forges records fills no disk."""
_SHOWN_BYTES = 2000


class OutputLog:
    """Stdout and stderr of one command, byte for byte, with a mark where something was left out."""

    def __init__(self, folder: Folder) -> None:
        self._file = CappedFile(folder, OUTPUT_FILE, most_bytes=_MOST_BYTES)
        self._position = 0

    def add(self, record: Output) -> None:
        """Write what came. OSError if the disk is full."""
        left_out = record.at - self._position
        if left_out > 0:
            self._file.write(_mark(f"{count_of('byte', left_out)} were not kept here"))
        self._file.write(record.data)
        self._position = record.at + len(record.data)

    def close(self) -> None:
        """End the file."""
        self._file.close(lambda text: _mark(text.removeprefix("oomlab: ")))


def _mark(text: str) -> bytes:
    return f"\n[oomlab: {text}]\n".encode()


def summarise_output(records: Sequence[Output]) -> CommandOutput:
    """How much it was, and the end of it."""
    position = left_out = 0
    end = b""
    for record in records:
        if record.at > position:
            left_out += record.at - position
            end = b""  # what stands before a gap is not the end
        end = (end + record.data)[-_SHOWN_BYTES - 1 :]
        position = record.at + len(record.data)
    return CommandOutput(bytes=position, left_out=left_out, end=_whole_lines(end))


def _whole_lines(end: bytes) -> str:
    """Without the line, or else the character, that the cut went through."""
    if len(end) > _SHOWN_BYTES:
        _, newline, rest = end[1:].partition(b"\n")
        end = rest if newline and rest else end[1:].lstrip(bytes(range(0x80, 0xC0)))
    return end.decode(errors="backslashreplace")
