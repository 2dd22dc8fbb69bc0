# SPDX-License-Identifier: Apache-2.0
"""Where `oomlab oom` writes events: pages for people, or one JSON object. Visible ASCII, both of them."""

from __future__ import annotations

import json
import os
from collections import Counter
from typing import TextIO

from orchestrator.oom.files import shown
from orchestrator.oom.records import MemoryEvent
from orchestrator.report.oom import event_page


class _Counts:
    """Counts by the corpus' counting rules."""

    def __init__(self) -> None:
        self._types: Counter[str] = Counter()

    def add(self, event: MemoryEvent) -> None:
        self._types[event.type] += 1

    @property
    def any(self) -> bool:
        return bool(self._types)

    def as_json(self) -> dict[str, int]:
        return {
            "oom_events": self._types["oom"] + self._types["memcg-oom"],
            "alloc_failure_warnings": self._types["alloc-failure"],
            "lmk_kills": self._types["lmk-kill"],
        }

    def as_text(self) -> str:
        counts = [*self.as_json().values(), self._types["show-mem"]]
        nouns = ("OOM event", "allocation-failure warning", "low-memory-killer kill", "memory dump")
        return ", ".join(_count_of(noun, count) for noun, count in zip(nouns, counts, strict=True))


class TextSink:
    """Pages for people, and a line with the counts."""

    def __init__(self, out: TextIO, page_size_bytes: int | None) -> None:
        self._out = out
        self._page_size_bytes = page_size_bytes
        self._counts = _Counts()
        self._files = 0

    def event(self, file: str, event: MemoryEvent) -> None:
        """Write the event's page at once: the log may still be growing."""
        self._counts.add(event)
        self._out.write("\n".join(event_page(event, shown(file), self._page_size_bytes)) + "\n\n")
        self._out.flush()

    def file_done(self, file: str, events: int) -> None:
        """Say so when there was nothing in it."""
        self._files += 1
        if not events:
            self._out.write(f"{shown(file)}: no OOM event, allocation failure or memory dump\n")

    def close(self) -> None:
        """The counts of all files that could be read, if any could."""
        if self._files or self._counts.any:
            self._out.write(f"{self._counts.as_text()} in {_count_of('file', self._files)}\n")


class JsonSink:
    """One object; its list is written event by event."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._counts = _Counts()
        self._separator = "\n"
        out.write('{"events": [')

    def event(self, file: str, event: MemoryEvent) -> None:
        """Write the event, on a line of its own."""
        self._counts.add(event)
        name = os.fsencode(file).decode("utf-8", "backslashreplace")
        self._out.write(self._separator + _safe_json({"file": name, **event.as_json()}))
        self._separator = ",\n"

    def file_done(self, file: str, events: int) -> None:
        """Nothing to say: the counts tell."""

    def close(self) -> None:
        """The counts, and the end of the object."""
        self._out.write(f"\n], {_safe_json(self._counts.as_json())[1:]}\n")


def _safe_json(value: object) -> str:
    """JSON in visible ASCII; DEL is the one control character that JSON lets pass."""
    return json.dumps(value, ensure_ascii=True).replace("\x7f", "\\u007f")


def _count_of(noun: str, count: int) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
