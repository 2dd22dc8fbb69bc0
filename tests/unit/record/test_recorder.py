# SPDX-License-Identifier: Apache-2.0
"""Serial lines are kept as they came, up to a limit, and whatever comes the reading goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.files.folder import Folder
from orchestrator.oom.records import MemoryEvent
from orchestrator.protocol.records import ControlRecord, End, Phase
from orchestrator.record.recorder import ConsoleEvent, ConsoleRecorder, ControlRecorder
from tests.unit.evidence.guest_output import OOM_CONSOLE

END = b'{"event":"end","t_us":5,"oom_kill_total":0}'
PHASE = b'{"event":"phase","t_us":5,"name":"trigger"}'


def console(directory: Path, *chunks: bytes, most_bytes: int = 1 << 20) -> list[ConsoleEvent]:
    directory.mkdir(exist_ok=True)
    events: list[ConsoleEvent] = []
    with ConsoleRecorder(Folder(directory), events.append, most_bytes=most_bytes) as recorder:
        for chunk in (*chunks, b""):
            recorder(chunk)
    return events


def control(directory: Path, *chunks: bytes, most_bytes: int = 1 << 20) -> list[ControlRecord | ValueError]:
    directory.mkdir(exist_ok=True)
    records: list[ControlRecord | ValueError] = []
    with ControlRecorder(Folder(directory), records.append, most_bytes=most_bytes) as recorder:
        for chunk in (*chunks, b""):
            recorder(chunk)
    return records


def test_a_flooded_console_is_bounded_on_disk_and_read_to_the_end(tmp_path: Path) -> None:
    flood = b"y\r\n" * 10_000
    events = console(tmp_path, b"first words\n", *[flood] * 50, OOM_CONSOLE.encode(), most_bytes=100_000)
    assert [event.order for event in events if isinstance(event, MemoryEvent)] == [3]
    log = (tmp_path / "console.log").read_bytes()
    assert log.startswith(b"first words\n")
    assert len(log) < 101_000
    left_out = 50 * len(flood) + len(OOM_CONSOLE) + 12 - (len(log.rpartition(b"\n[")[0]))
    assert log.endswith(f"\n[oomlab: {left_out} more bytes were not kept]\n".encode())
    lines = [json.loads(line)["line"] for line in (tmp_path / "console.jsonl").read_text().splitlines()]
    assert lines[0] == "first words"
    assert lines[-1].startswith("oomlab: ")
    assert (tmp_path / "console.jsonl").stat().st_size < 101_000


@given(st.binary(max_size=2000))
def test_any_bytes_on_the_console_are_kept_and_harmless(
    tmp_path_factory: pytest.TempPathFactory, garbage: bytes
) -> None:
    directory = tmp_path_factory.mktemp("console")
    events = console(directory, garbage, b"\n", OOM_CONSOLE.encode())
    assert (directory / "console.log").read_bytes() == garbage + b"\n" + OOM_CONSOLE.encode()
    assert any(isinstance(event, MemoryEvent) for event in events)
    for line in (directory / "console.jsonl").read_bytes().splitlines():
        json.loads(line)


def test_a_record_behind_half_a_line_of_garbage_is_found(tmp_path: Path) -> None:
    records = control(tmp_path, b"\x1b[31mhello \x00\xff" + END + b"\n" + PHASE + b"\n")
    assert [type(record) for record in records] == [End, Phase]


def test_lines_that_are_no_records_are_told_and_kept(tmp_path: Path) -> None:
    garbage = b'\xff\xfe{"event":"end"\n'
    records = control(tmp_path, PHASE + b"\n" + garbage + END + b"\n")
    assert [type(record) for record in records] == [Phase, ValueError, End]
    assert garbage in (tmp_path / "control.jsonl").read_bytes()


def test_a_flooded_control_line_is_bounded_on_disk(tmp_path: Path) -> None:
    records = control(tmp_path, PHASE + b"\n", b"y\n" * 10_000, END + b"\n", most_bytes=1000)
    assert (type(records[0]), type(records[-1]), len(records)) == (Phase, End, 10_002)
    kept = (tmp_path / "control.jsonl").read_bytes()
    assert len(kept) < 1100
    assert b"more bytes were not kept" in kept.splitlines()[-1]
