# SPDX-License-Identifier: Apache-2.0
"""Keeps what a guest says: raw console, console lines with host timestamps, control records."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from orchestrator.control import ControlRecord, Sample, parse_record
from orchestrator.oom.reader import OomReader
from orchestrator.oom.records import KernelBug, Mark, MemoryEvent, Panic

ConsoleEvent = MemoryEvent | Panic | KernelBug | Mark
"""What the reader finds on a live console."""

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


class ConsoleRecorder:
    """Sink of the console pump: writes `console.log` and `console.jsonl`, reads OOM events."""

    def __init__(self, directory: Path, on_event: Callable[[ConsoleEvent], None]) -> None:
        self._directory = directory
        self._on_event = on_event
        self._reader = OomReader()
        self._lines = LineSplitter()
        self._files = ExitStack()

    def __enter__(self) -> Self:
        self._raw = self._files.enter_context((self._directory / "console.log").open("wb"))
        self._stamped = self._files.enter_context((self._directory / "console.jsonl").open("w"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.close()

    def __call__(self, chunk: bytes) -> None:
        """Record one chunk (b"" at the end) and pass on the events it completes."""
        self._raw.write(chunk)
        self._raw.flush()
        now_s = round(time.time(), 6)
        for line in self._lines.feed(chunk):
            record = {"host_time_s": now_s, "line": line.decode(errors="backslashreplace")}
            self._stamped.write(json.dumps(record, ensure_ascii=False) + "\n")
        self._stamped.flush()
        for event in self._reader.feed(chunk) if chunk else self._reader.close():
            self._on_event(event)


class ControlRecorder:
    """Sink of the control pump: writes `control.jsonl` and `samples.jsonl`, passes records on."""

    def __init__(self, directory: Path, on_record: Callable[[ControlRecord | ValueError], None]) -> None:
        self._directory = directory
        self._on_record = on_record
        self._lines = LineSplitter()
        self._files = ExitStack()

    def __enter__(self) -> Self:
        self._control = self._files.enter_context((self._directory / "control.jsonl").open("wb"))
        self._samples = self._files.enter_context((self._directory / "samples.jsonl").open("wb"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.close()

    def __call__(self, chunk: bytes) -> None:
        """Record one chunk (b"" at the end); a line that is no record is passed on as ValueError."""
        for line in self._lines.feed(chunk):
            if not line:
                continue
            record = _parse(line)
            file = self._samples if isinstance(record, Sample) else self._control
            file.write(line + b"\n")
            file.flush()
            self._on_record(record)


def _parse(line: bytes) -> ControlRecord | ValueError:
    try:
        return parse_record(line)
    except ValueError as error:
        return error
