# SPDX-License-Identifier: Apache-2.0
"""Keeps what a guest says: raw console, console lines with host timestamps, control records."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Self

from orchestrator.files.folder import Folder
from orchestrator.oom.reader import OomReader
from orchestrator.oom.records import CrashBegun, KernelCrash, Mark, MemoryEvent
from orchestrator.protocol.memory_records import Sample
from orchestrator.protocol.program_records import ProgramOutputRecord
from orchestrator.protocol.records import ControlRecord, Output, TriggerStart, parse_record
from orchestrator.record.capped_file import MOST_BYTES, CappedFile
from orchestrator.record.output_log import OutputLog
from orchestrator.scenario.triggers.kinds import ends_by_itself
from orchestrator.text.lines import LineSplitter

_MOST_PROGRAM_FILES = 16
"""Of a fork's benchmarks: two each (LIMIT_PROGRAMS)."""

ConsoleEvent = MemoryEvent | CrashBegun | KernelCrash | Mark
"""What the reader finds on a live console."""

_RECORD_START = b'{"event":'
_encoded = json.JSONEncoder(ensure_ascii=False).encode
"""json.dumps() would make an encoder for every line of a console."""


class _Recorder:
    """Files in a folder that close together, each capped and with a mark of its own where it was cut."""

    def __init__(self, folder: Folder, *, most_bytes: int = MOST_BYTES) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._lines = LineSplitter()
        self._files = ExitStack()

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.close()

    def _open(self) -> None:
        raise NotImplementedError

    def _capped(self, name: str, mark: Callable[[str], bytes]) -> CappedFile:
        file = CappedFile(self._folder, name, most_bytes=self._most_bytes)
        self._files.callback(file.close, mark)
        return file


class ConsoleRecorder(_Recorder):
    """Sink of the console pump: writes `console.log` and `console.jsonl`, reads OOM events.

    Events are read to the last one, also where the files are full.
    """

    def __init__(
        self, folder: Folder, on_event: Callable[[ConsoleEvent], None], *, most_bytes: int = MOST_BYTES
    ) -> None:
        super().__init__(folder, most_bytes=most_bytes)
        self._on_event = on_event
        self._reader = OomReader()

    def _open(self) -> None:
        self._raw = self._capped("console.log", lambda text: f"\n[{text}]\n".encode())
        self._stamped = self._capped("console.jsonl", _stamped)

    def __call__(self, chunk: bytes) -> None:
        """Record one chunk (b"" at the end) and pass on the events it completes."""
        self._raw.write(chunk)
        if self._stamped.full:
            self._stamped.write(chunk)  # is counted, and spared the work on every line
        else:
            lines = self._lines.feed(chunk)
            self._stamped.write(b"".join(_stamped(line.decode(errors="backslashreplace")) for line in lines))
        for event in self._reader.feed(chunk) if chunk else self._reader.close():
            self._on_event(event)


def _stamped(line: str) -> bytes:
    record = {"host_time_s": round(time.time(), 6), "line": line}
    return _encoded(record).encode() + b"\n"


class ControlRecorder(_Recorder):
    """Sink of the control pump: writes `control.jsonl`, `samples.jsonl` and, of a command, `output.log`."""

    def __init__(
        self,
        folder: Folder,
        on_record: Callable[[ControlRecord | ValueError], None],
        *,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        super().__init__(folder, most_bytes=most_bytes)
        self._on_record = on_record

    def _open(self) -> None:
        self._control = self._capped("control.jsonl", _marked)
        self._samples = self._capped("samples.jsonl", _marked)
        self._output: OutputLog | None = None
        self._programs: dict[str, CappedFile] = {}

    def __call__(self, chunk: bytes) -> None:
        """Record one chunk (b"" at the end); a line that is no record is passed on as ValueError."""
        records = [(_parse(line), line + b"\n") for line in self._lines.feed(chunk) if line]
        self._samples.write(*(line for record, line in records if isinstance(record, Sample)))
        self._control.write(*(line for record, line in records if not isinstance(record, Sample)))
        for record, _ in records:
            self._write_output(record)
            if isinstance(record, ProgramOutputRecord):
                self._write_program(record)
            self._on_record(record)

    def _write_program(self, record: ProgramOutputRecord) -> None:
        """What benchmarks that are commands write, a file for each stream of theirs."""
        name = f"benchmark-{record.name}.{record.stream}"
        if name not in self._programs:
            if len(self._programs) == _MOST_PROGRAM_FILES:
                return  # more than any recipe asks for: somebody else writes records
            self._programs[name] = self._capped(name, lambda text: f"\n[{text}]\n".encode())
        self._programs[name].write(record.data)

    def _write_output(self, record: ControlRecord | ValueError) -> None:
        """A command has a file of its own, also if it writes nothing."""
        ran = isinstance(record, TriggerStart) and ends_by_itself(record.kind)
        if self._output is None and (ran or isinstance(record, Output)):
            self._output = OutputLog(self._folder)
            self._files.callback(self._output.close)
        if self._output is not None and isinstance(record, Output):
            self._output.add(record)


def _marked(text: str) -> bytes:
    return f"{text}\n".encode()


def _parse(line: bytes) -> ControlRecord | ValueError:
    try:
        return parse_record(line)
    except ValueError as error:
        return _behind_garbage(line) or error


def _behind_garbage(line: bytes) -> ControlRecord | None:
    """The record that begins in the midst of a line: something wrote there without ending its own line."""
    start = line.rfind(_RECORD_START)
    if start > 0:
        with suppress(ValueError):
            return parse_record(line[start:])
    return None
