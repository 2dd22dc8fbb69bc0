# SPDX-License-Identifier: Apache-2.0
"""Real reports from public places agree with what was read in them by eye."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.oom.diagnosis import diagnose
from orchestrator.oom.explain import explain
from orchestrator.oom.reader import read_events
from tests.unit.oom.texts import CORPUS, corpus_paths, essence, memory_events, read_in_chunks, truth_of

pytestmark = pytest.mark.skipif(
    not corpus_paths, reason=f"THE REPORT CORPUS IS ABSENT: the parser is not checked against it ({CORPUS})"
)


def differences(truth: Any, got: Any, where: str) -> list[str]:
    """What `truth` says and `got` does not; fields only `got` has are no difference."""
    if isinstance(truth, dict) and isinstance(got, dict):
        missing = [f"{where}.{name} is missing" for name in truth if name not in got]
        present = [name for name in truth if name in got]
        return missing + [
            text for name in present for text in differences(truth[name], got[name], f"{where}.{name}")
        ]
    if where.endswith("stack_first_caller") and isinstance(truth, list):
        return [] if got in truth else [f"{where}: {got!r} is none of {truth}"]
    return [] if truth == got else [f"{where}: {got!r} instead of {truth!r}"]


def count(events: list[dict[str, Any]], *types: str) -> int:
    return sum(event["type"] in types for event in events)


@pytest.mark.parametrize("path", corpus_paths, ids=lambda path: path.stem)
def test_report_agrees_with_its_ground_truth(path: Path) -> None:
    truth = truth_of(path)
    events = [event.as_json() for event in memory_events(read_events(path.read_bytes()))]
    expected = truth["oom_events"]
    bounds = expected if isinstance(expected, dict) else {"min": expected, "max": expected}
    assert bounds["min"] <= count(events, "oom", "memcg-oom") <= bounds["max"]
    assert count(events, "alloc-failure") == truth["alloc_failure_warnings"]
    assert count(events, "lmk-kill") == truth["lmk_kills"]
    listed = truth.get("events", [])
    assert len(events) == len(listed)
    found = [
        text
        for number, (want, got) in enumerate(zip(listed, events, strict=True))
        for text in differences(want, got, f"[{number}]")
    ]
    assert not found


@pytest.mark.parametrize("path", corpus_paths, ids=lambda path: path.stem)
@pytest.mark.parametrize("size", [1, 7, 100, 4096])
def test_chunks_make_no_difference(path: Path, size: int) -> None:
    data = path.read_bytes()
    assert read_in_chunks(data, size) == read_events(data)


@pytest.mark.parametrize("path", corpus_paths, ids=lambda path: path.stem)
def test_every_event_is_explained_in_three_lines(path: Path) -> None:
    for event in memory_events(read_events(path.read_bytes())):
        lines = explain(event)
        assert len(lines) == 3
        assert all(line.isascii() and line.isprintable() and line.endswith(".") for line in lines)


def test_the_seed_is_fragmentation_in_spite_of_its_highatomic_blocks() -> None:
    (event,) = memory_events(read_events((CORPUS / "seed-dumpsys-order3-quoted.txt").read_bytes()))
    finding = diagnose(event)
    assert finding.cause == "fragmentation"
    assert (finding.zones[0].usable_blocks, finding.zones[0].reserved_blocks) == (0, 15)


@pytest.mark.parametrize("path", corpus_paths, ids=lambda path: path.stem)
@pytest.mark.parametrize("quote", [b"> ", b">> ", b"> > > ", b"| "])
def test_mail_quoting_makes_no_difference(path: Path, quote: bytes) -> None:
    data = path.read_bytes()
    quoted = b"".join(quote + line + b"\n" for line in data.splitlines())
    assert essence(read_events(quoted)) == essence(read_events(data))


@pytest.mark.parametrize("path", corpus_paths, ids=lambda path: path.stem)
def test_carriage_returns_and_colours_make_no_difference(path: Path) -> None:
    data = path.read_bytes()
    disturbed = b"".join(b"\x1b[31m" + line + b"\x1b[0m\r\n" for line in data.splitlines())
    assert essence(read_events(disturbed)) == essence(read_events(data))
