# SPDX-License-Identifier: Apache-2.0
"""What a stream is before it is a log: packed, wide, no text at all, without end. Bounds to the byte."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.errors import InputError
from orchestrator.logs.streams import Reported, _Patience, _Queue, ordered_events, read_files
from orchestrator.oom.records import MemoryEvent
from orchestrator.units import MIB

KILL = b"[    1.0] Out of memory: Killed process 5 (v) total-vm:1kB, anon-rss:1kB, file-rss:0kB\n"
CALM = b"[    1.0] usb 1-1: new device found\n"


class Kept:
    """A sink that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.done: list[tuple[str, int]] = []
        self.closed = False

    def event(self, file: str, event: Reported) -> None:
        assert not self.closed
        self.told.append(f"{file}:{event.line}")

    def file_done(self, file: str, events: int) -> None:
        self.done.append((file, events))

    def close(self) -> None:
        self.closed = True


def read(data: bytes) -> tuple[list[str], list[str]]:
    sink = Kept()
    problems = read_files(["-"], io.BytesIO(data), sink)
    assert sink.closed
    assert (sink.done == []) is bool(problems)
    return sink.told, [problem.message for problem in problems]


@pytest.mark.parametrize(
    ("data", "lines", "problems"),
    [
        (CALM + KILL, ["-:2"], []),
        (b"\n" * 9 + CALM, [], []),
        (b"", [], ["-: empty"]),
        (b"\0\t\n\v\f\r ", [], ["-: nothing but white space or NUL bytes"]),
        (b"a" * 98 + b"\1\2", [], []),
        (b"a" * 97 + b"\1\2\3", [], ["-: binary data without any kernel message"]),
        (b"a" * 10 + b"\a\b\t\n\v\f\r\x1b" * 5 + b"\x7f\x80\xff ", [], []),
        (b"\1" * 50 + b"[   12.345678] x", [], []),
        (b"\1" * 50 + b"<4>x", [], ["-: binary data without any kernel message"]),
        (b"\1" * 50 + b"\n<4>x", [], []),
        (b"\1" * 50 + b" kernel: x", [], []),
        (b"BZh" + b"\1" * 50, [], ["-: compressed, and not by gzip"]),
        (b"\1" * 50 + b"\n" + KILL, ["-:2"], []),
        (gzip.compress(KILL), ["-:1"], []),
        (gzip.compress(CALM) + gzip.compress(KILL), ["-:2"], []),
        (gzip.compress(KILL) + b"words", ["-:1"], []),
        (gzip.compress(KILL) + bytes(99), ["-:1"], []),
        (gzip.compress(KILL)[:-1], ["-:1"], ["-: the compressed data end too early"]),
        (gzip.compress(KILL)[:20], [], ["-: the compressed data end too early"]),
        (b"\x1f", [], ["-: binary data without any kernel message"]),
        (KILL.decode().encode("utf-16-le"), [], ["-: binary data without any kernel message"]),
        (b"\xff\xfe" + KILL.decode().encode("utf-16-le"), ["-:1"], []),
        (b"\xfe\xff" + KILL.decode().encode("utf-16-be"), ["-:1"], []),
    ],
)
def test_inputs(data: bytes, lines: list[str], problems: list[str]) -> None:
    assert read(data) == (lines, problems)


class Dripping(io.BytesIO):
    """Gives a byte at a time, as a slow pipe does."""

    def read1(self, _size: int | None = -1, /) -> bytes:
        return super().read(1)


@pytest.mark.parametrize(
    "data", [CALM + KILL, gzip.compress(CALM + KILL), gzip.compress(CALM) + gzip.compress(KILL),
             b"\xff\xfe" + (CALM + KILL).decode().encode("utf-16-le")]
)  # fmt: skip
def test_a_slow_pipe_makes_no_difference(data: bytes) -> None:
    sink = Kept()
    assert read_files(["-"], Dripping(data), sink) == []
    assert (sink.told, sink.done) == (["-:2"], [("-", 1)])


def test_files_after_one_another_and_one_that_is_missing(tmp_path: Path) -> None:
    for name, data in (("a", KILL), ("b", KILL * 2)):
        (tmp_path / name).write_bytes(data)
    sink = Kept()
    names = [str(tmp_path / name) for name in ("a", "none", "b")]
    (problem,) = read_files(names, io.BytesIO(), sink)
    assert problem.message == f"{names[1]}: No such file or directory"
    assert sink.told == [f"{names[0]}:1", f"{names[2]}:1", f"{names[2]}:2"]
    assert sink.done == [(names[0], 1), (names[2], 2)]


def watched(patience: _Patience, chunk: bytes, times: int) -> int:
    return sum(1 for _ in patience.watched(chunk for _ in range(times)))


def test_64_mib_that_are_no_text_are_enough() -> None:
    nothing = bytes(MIB)
    patience = _Patience("x", has_end=True)
    assert watched(patience, nothing, 64) == 64
    with pytest.raises(InputError, match="x: nothing but white space"):
        watched(patience, b"\0", 1)
    patience = _Patience("x", has_end=True)
    assert watched(patience, CALM, 1) + watched(patience, nothing, 65) == 66, "text stood before it"


def test_4_gib_of_a_pipe_without_a_report_are_enough() -> None:
    text = CALM * (16 * MIB // len(CALM)) + b"\n" * (16 * MIB % len(CALM))
    assert len(text) == 16 * MIB
    pipe = _Patience("x", has_end=False)
    assert watched(pipe, text, 256) == 256
    pipe.event()
    assert watched(pipe, text, 256) == 256, "from the last report on"
    with pytest.raises(InputError, match="x: 4GiB were read without a report: given up"):
        watched(pipe, b"\n", 1)
    assert watched(_Patience("x", has_end=True), text, 300) == 300, "a file has an end"


def test_what_is_no_text_may_have_reports() -> None:
    patience = _Patience("x", has_end=True)
    watched(patience, bytes(10), 1)
    patience.event()
    patience.end()
    other = _Patience("x", has_end=True)
    watched(other, bytes(10), 1)
    with pytest.raises(InputError):
        other.end()


def event(line: int) -> MemoryEvent:
    return MemoryEvent(type="oom", line=line)


def test_events_wait_for_those_that_began_before_them() -> None:
    queue = _Queue()
    queue.add([event(5), event(2), event(9), event(2)])
    assert [item.line for item in queue.before(2)] == []
    assert [item.line for item in queue.before(5)] == [2, 2]
    assert [item.line for item in queue.before(None)] == [5, 9]


def test_no_more_than_4096_events_wait() -> None:
    queue = _Queue()
    queue.add(event(line) for line in range(10, 10 + 4096))
    assert list(queue.before(1)) == []
    queue.add([event(9)])
    assert [item.line for item in queue.before(1)] == [9]


def test_what_came_before_an_error_is_given_out() -> None:
    def chunks() -> Iterator[bytes]:
        yield KILL
        raise InputError("broken")

    found = []
    with pytest.raises(InputError, match="broken"):
        found += [item.line for item in ordered_events(chunks())]
    lines = ordered_events(chunks())
    assert next(lines).line == 1
    with pytest.raises(InputError, match="broken"):
        next(lines)
