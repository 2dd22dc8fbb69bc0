# SPDX-License-Identifier: Apache-2.0
"""Small inputs from public places, of kinds that once were misread, agree with what was read by eye."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.oom.reader import read_events
from tests.unit.oom.texts import CORPUS, memory_events, truth_of

SMALL = CORPUS / "small"
PATHS = sorted(SMALL.glob("*.txt")) if SMALL.is_dir() else []
AGREEMENT = 0.98
"""Of all fields together."""

pytestmark = pytest.mark.skipif(
    not PATHS, reason=f"THE SMALL INPUTS ARE ABSENT: nothing is checked ({SMALL})"
)

COUNTS = {
    "oom_events": ("oom", "memcg-oom"),
    "alloc_failure_warnings": ("alloc-failure",),
    "lmk_kills": ("lmk-kill",),
}


def fields(truth: Any, got: Any, where: str) -> list[tuple[str, bool]]:
    """Every field that `truth` gives, and whether `got` has the same."""
    if isinstance(truth, dict):
        inner = got if isinstance(got, dict) else {}
        return [pair for name in truth for pair in fields(truth[name], inner.get(name), f"{where}.{name}")]
    if where.endswith("stack_first_caller"):
        right = truth if isinstance(truth, list) else [truth or None]
        return [(where, got in right)]
    return [(where, got == truth)]


def compared(path: Path) -> list[tuple[str, bool]]:
    truth = truth_of(path)
    events = [event.as_json() for event in memory_events(read_events(path.read_bytes()))]
    found = []
    for name, types in COUNTS.items():
        number, expected = sum(event["type"] in types for event in events), truth[name]
        bounds = expected if isinstance(expected, dict) else {"min": expected, "max": expected}
        found.append((f"{path.stem}: {name}", bounds["min"] <= number <= bounds["max"]))
    for index, listed in enumerate(truth["events"]):
        got = events[index] if index < len(events) else {}
        found += fields(listed, got, f"{path.stem}: [{index}]")
    return found


def test_fields_agree_with_their_ground_truth() -> None:
    found = [pair for path in PATHS for pair in compared(path)]
    wrong = [where for where, right in found if not right]
    assert 1 - len(wrong) / len(found) >= AGREEMENT, wrong
