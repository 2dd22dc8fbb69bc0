# SPDX-License-Identifier: Apache-2.0
"""Where `oomlab oom` writes events: pages for people, or one JSON object. Visible ASCII, both of them."""

from __future__ import annotations

import json
import os
from collections import Counter
from typing import TextIO

from orchestrator.logs.streams import Reported, shown
from orchestrator.oom.records import KernelCrash
from orchestrator.report.oom import crash_page, event_page
from orchestrator.text.amounts import count_of
from orchestrator.text.plain import json_plain

_MOST_CRASHES = 10_000


class _Counts:
    """Counts by the corpus' counting rules."""

    def __init__(self) -> None:
        self._types: Counter[str] = Counter()

    def add(self, event: Reported) -> None:
        self._types[event.type] += 1

    @property
    def any(self) -> bool:
        return bool(self._types)

    def as_json(self) -> dict[str, int]:
        return {
            "oom_events": self._types["oom"] + self._types["memcg-oom"],
            "alloc_failure_warnings": self._types["alloc-failure"],
            "lmk_kills": self._types["lmk-kill"],
            **({"kernel_crashes": crashes} if (crashes := self._types["kernel-crash"]) else {}),
        }

    def as_text(self) -> str:
        counts = {
            "OOM event": self._types["oom"] + self._types["memcg-oom"],
            "allocation-failure warning": self._types["alloc-failure"],
            "low-memory-killer kill": self._types["lmk-kill"],
            "memory dump": self._types["show-mem"],
        }
        if retried := self._types["retries"]:
            counts["traced request"] = retried
        if crashes := self._types["kernel-crash"]:
            counts["kernel crash"] = crashes
        return ", ".join(count_of(noun, count) for noun, count in counts.items())


class TextSink:
    """Pages for people, and a line with the counts."""

    def __init__(self, out: TextIO, page_size_bytes: int | None) -> None:
        self._out = out
        self._page_size_bytes = page_size_bytes
        self._counts = _Counts()
        self._files = 0

    def event(self, file: str, event: Reported) -> None:
        """Write the event's page at once: the log may still be growing."""
        self._counts.add(event)
        page = (
            crash_page(event, shown(file))
            if isinstance(event, KernelCrash)
            else event_page(event, shown(file), self._page_size_bytes)
        )
        self._out.write("\n".join(page) + "\n\n")
        self._out.flush()

    def file_done(self, file: str, events: int) -> None:
        """Say so when there was nothing in it."""
        self._files += 1
        if not events:
            self._out.write(f"{shown(file)}: no OOM event, allocation failure or memory dump\n")

    def close(self) -> None:
        """The counts of all files that could be read, if any could."""
        if self._files or self._counts.any:
            self._out.write(f"{self._counts.as_text()} in {count_of('file', self._files)}\n")


class JsonSink:
    """One object; its list is written event by event."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._counts = _Counts()
        self._separator = "\n"
        self._crashes: list[dict[str, object]] = []
        out.write('{"events": [')

    def event(self, file: str, event: Reported) -> None:
        """Write the event, on a line of its own; crashes come in a list of theirs."""
        self._counts.add(event)
        name = os.fsencode(file).decode("utf-8", "backslashreplace")
        if isinstance(event, KernelCrash):
            if len(self._crashes) < _MOST_CRASHES:
                self._crashes.append({"file": name, **event.as_json()})
            return
        self._out.write(self._separator + _safe_json({"file": name, **event.as_json()}))
        self._separator = ",\n"

    def file_done(self, file: str, events: int) -> None:
        """Nothing to say: the counts tell."""

    def close(self) -> None:
        """The counts, and the end of the object."""
        crashes = ",\n".join(map(_safe_json, self._crashes))
        own = f'"crashes": [\n{crashes}\n], ' if crashes else ""
        self._out.write(f"\n], {own}{_safe_json(self._counts.as_json())[1:]}\n")


def _safe_json(value: object) -> str:
    """JSON in visible ASCII."""
    return json_plain(json.dumps(value, ensure_ascii=True))
