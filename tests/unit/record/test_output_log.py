# SPDX-License-Identifier: Apache-2.0
"""What a command wrote has a file of its own, with marks where it was cut, and an end that can be shown."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.files.folder import Folder
from orchestrator.protocol.records import Output, TriggerStart
from orchestrator.record.output_log import OUTPUT_FILE, OutputLog, summarise_output
from orchestrator.record.recorder import ControlRecorder


def output(at: int, data: bytes) -> Output:
    return Output(event="output", t_us=1, at=at, text=data.decode("latin-1"))


def written(directory: Path, *records: Output) -> bytes:
    log = OutputLog(Folder(directory))
    for record in records:
        log.add(record)
    log.close()
    return (directory / OUTPUT_FILE).read_bytes()


@given(st.lists(st.binary(max_size=100), max_size=5))
def test_every_byte_arrives_as_it_was(tmp_path_factory: object, pieces: list[bytes]) -> None:
    assert hasattr(tmp_path_factory, "mktemp")
    at = 0
    records = []
    for piece in pieces:
        line = json.dumps({"event": "output", "t_us": 1, "at": at, "text": piece.decode("latin-1")})
        records.append(Output.model_validate_json(line))
        at += len(piece)
    assert written(tmp_path_factory.mktemp("log"), *records) == b"".join(pieces)
    assert summarise_output(records).bytes == at


def test_what_was_not_kept_is_marked_and_counted(tmp_path: Path) -> None:
    records = [output(0, b"begin"), output(1000, b"the end\n")]
    assert written(tmp_path, *records) == b"begin\n[oomlab: 995 bytes were not kept here]\nthe end\n"
    summary = summarise_output(records)
    assert (summary.bytes, summary.left_out, summary.end) == (1008, 995, "the end\n")


def test_records_without_end_fill_no_disk(tmp_path: Path) -> None:
    flood = [output(n * 4096, b"y" * 4096) for n in range(1000)]
    data = written(tmp_path, *flood)
    assert len(data) < (1 << 20) + 100
    assert data.endswith(b"more bytes were not kept]\n")


def test_the_end_is_whole_lines_and_no_halves_of_characters() -> None:
    lines = b"".join(b"line %d\n" % n for n in range(1000))
    end = summarise_output([output(0, lines)]).end
    assert end.endswith("line 999\n")
    assert end.splitlines()[0].startswith("line ")
    assert len(end) <= 2000
    assert set(summarise_output([output(0, "\u20ac".encode() * 1500)]).end) == {"\u20ac"}
    assert summarise_output([output(0, b"\xff\x1b[2J")]).end == "\\xff\x1b[2J"


def recorded(directory: Path, *lines: bytes) -> None:
    directory.mkdir()
    with ControlRecorder(Folder(directory), lambda _: None) as recorder:
        for line in (*lines, b""):
            recorder(line)


def test_a_command_has_a_file_of_its_output_and_nothing_else_has(tmp_path: Path) -> None:
    start = TriggerStart(event="trigger-start", t_us=1, kind="command", pids=[7], count=1)
    silent, other, loud = tmp_path / "silent", tmp_path / "other", tmp_path / "loud"
    recorded(silent, start.model_dump_json().encode() + b"\n")
    assert (silent / OUTPUT_FILE).read_bytes() == b""
    recorded(other, start.model_copy(update={"kind": "binder-mmap"}).model_dump_json().encode() + b"\n")
    assert not (other / OUTPUT_FILE).exists()
    recorded(loud, output(0, b"\x1b[31m\n").model_dump_json().encode() + b"\n")
    assert (loud / OUTPUT_FILE).read_bytes() == b"\x1b[31m\n"
