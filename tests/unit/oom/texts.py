# SPDX-License-Identifier: Apache-2.0
"""Consoles of our own guests, the report corpus where it exists, and ways to disturb a text."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from orchestrator.oom.reader import OomReader
from orchestrator.oom.records import Event, MemoryEvent

ROOT = Path(__file__).parents[3]
CONSOLES = ROOT / "tests" / "data" / "consoles"
CORPUS = ROOT.parent / "shared" / "corpus"

console_paths = sorted(CONSOLES.glob("*.txt"))
corpus_paths = sorted(path for path in CORPUS.glob("*.txt")) if CORPUS.is_dir() else []


def console(name: str) -> bytes:
    return (CONSOLES / f"{name}.txt").read_bytes()


def truth_of(path: Path) -> dict[str, Any]:
    truth: dict[str, Any] = json.loads(path.with_suffix(".json").read_text())["truth"]
    return truth


def read_in_chunks(data: bytes, size: int) -> list[Event]:
    reader = OomReader()
    events: list[Event] = []
    for start in range(0, len(data), size):
        events += reader.feed(data[start : start + size])
    return sorted(events + reader.close(), key=lambda event: event.line)


def memory_events(events: list[Event]) -> list[MemoryEvent]:
    return [event for event in events if isinstance(event, MemoryEvent)]


def essence(events: list[Event]) -> list[dict[str, Any]]:
    """What must not change when only the wrapping around a report changes."""
    left_out = {"line", "time_s", "notes"}
    return [
        {name: value for name, value in event.as_json().items() if name not in left_out}
        for event in memory_events(events)
    ]


def each_line(change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """A disturbance that works on one line at a time."""
    return lambda data: b"".join(change(line) + b"\n" for line in data.splitlines())
