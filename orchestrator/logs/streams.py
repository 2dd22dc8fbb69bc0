# SPDX-License-Identifier: Apache-2.0
"""Files and stdin as streams of events.

An event is given out when it has ended and nothing that began before it is still open; memory does not grow
with the input. Compression by gzip (RFC 1952) and UTF-16 are undone on the way. What is no text is refused,
and what never ends is left when nothing has come of it for long: a log that is being written may be followed.
"""

from __future__ import annotations

import codecs
import heapq
import itertools
import os
import re
import stat
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

from orchestrator.errors import InputError
from orchestrator.oom.reader import OomReader
from orchestrator.oom.records import Event, KernelCrash, MemoryEvent
from orchestrator.text.plain import ascii_line
from orchestrator.units import KIB, MIB, format_size

STDIN = "-"
_CHUNK_BYTES = 256 * KIB
_SAMPLE_BYTES = MIB
_NO_TEXT_BYTES = 64 * MIB
"""So much that is no text at the beginning is enough; logs that survived a crash have shorter runs of NUL."""
_SILENT_BYTES = 4096 * MIB
"""How much of a pipe or device is read without a report. A file may be of any length, for it has an end."""
# Events that wait for one that began before them; more of them than any log has are let go out of order.
_MAX_WAITING = 4096
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WINDOW = 31  # zlib: 15 bits, with gzip's header
_OTHER_MAGIC = {
    b"\xfd7zXZ": "xzcat",
    b"BZh": "bzcat",
    b"\x28\xb5\x2f\xfd": "zstdcat",
    b"PK\x03\x04": "unzip -p",
}
# Bell, tabs, line ends, form feed, backspace and escape stand in logs of terminals.
_NO_TEXT = bytes(set(range(ord(" "))) - set(b"\a\b\t\n\v\f\r\x1b"))
_TOO_MANY = 0.02
_KERNEL_LINE = re.compile(rb"\[ *\d{1,6}\.\d{6}\][ \[]|(?:^|\n)<\d{1,3}>|\bkernel: ")


Reported = MemoryEvent | KernelCrash
"""What `oomlab oom` reports."""


class Sink(Protocol):
    """Where events go."""

    def event(self, file: str, event: Reported) -> None:
        """One more event of `file`."""

    def file_done(self, file: str, events: int) -> None:
        """`file` has ended; it had so many events."""

    def close(self) -> None:
        """All files have ended."""


def read_files(files: Sequence[str], stdin: BinaryIO, sink: Sink) -> list[InputError]:
    """Reads every file ("-" is `stdin`) into the sink; returns what was wrong with those that were not read.

    One bad file does not hide the others. Errors of the sink's own stream are raised.
    """
    problems = []
    for file in files:
        found = 0
        try:
            for event in _events_of(file, stdin):
                sink.event(file, event)
                found += 1
        except InputError as error:
            problems.append(error)
        else:
            sink.file_done(file, found)
    sink.close()
    return problems


def _events_of(file: str, stdin: BinaryIO) -> Iterator[Reported]:
    if file == STDIN:
        yield from _checked_events(file, stdin)
        return
    try:
        with Path(file).open("rb") as stream:
            yield from _checked_events(file, stream)
    except OSError as error:
        raise InputError(f"{shown(file)}: {error.strerror or error}") from None


def _checked_events(file: str, stream: BinaryIO) -> Iterator[Reported]:
    """The events; InputError when there were none because this is no text at all."""
    patience = _Patience(shown(file), has_end=_is_regular(stream))
    for event in ordered_events(patience.watched(text_chunks(file, stream))):
        yield event
        patience.event()
    patience.end()


class _Patience:
    """Watches what is read for signs that nothing will come of it."""

    def __init__(self, name: str, *, has_end: bool) -> None:
        self._name = name
        self._has_end = has_end
        self._sample = bytearray()
        self._found = False
        self._is_text = False
        self._seen_bytes = 0
        self._silent_bytes = 0

    def event(self) -> None:
        """A report was found."""
        self._found = True
        self._silent_bytes = 0

    def watched(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The chunks; InputError in place of one that goes too far."""
        for chunk in chunks:
            if len(self._sample) < _SAMPLE_BYTES:
                self._sample += chunk[: _SAMPLE_BYTES - len(self._sample)]
            self._seen_bytes += len(chunk)
            self._silent_bytes += len(chunk)
            self._is_text = self._is_text or not _is_no_text(chunk)
            if not self._is_text and self._seen_bytes > _NO_TEXT_BYTES:
                _refuse_what_is_no_text(self._name, bytes(self._sample))
            if not self._has_end and self._silent_bytes > _SILENT_BYTES:
                read = f"{format_size(_SILENT_BYTES)} were read without a report"
                raise InputError(f"{self._name}: {read}: given up", hint="a file may be of any length")
            yield chunk

    def end(self) -> None:
        """InputError when there was no report because this is no text at all."""
        if not self._found:
            _refuse_what_is_no_text(self._name, bytes(self._sample))


def _is_regular(stream: BinaryIO) -> bool:
    try:
        return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except (OSError, ValueError):
        return True  # in memory


def ordered_events(chunks: Iterable[bytes]) -> Iterator[Reported]:
    """Events in the order in which they begin, each as soon as that is certain.

    An InputError of the chunks is raised after the events that came before it.
    """
    reader = OomReader()
    queue = _Queue()
    problem = None
    try:
        for chunk in chunks:
            queue.add(reader.feed(chunk))
            yield from queue.before(reader.open_since)
    except InputError as error:
        problem = error
    queue.add(reader.close())
    yield from queue.before(None)
    if problem is not None:
        raise problem


class _Queue:
    """Events that have ended, while one that began before them goes on."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, int, Reported]] = []
        self._numbers = itertools.count()

    def add(self, events: Iterable[Event]) -> None:
        for event in events:
            if isinstance(event, MemoryEvent | KernelCrash):
                heapq.heappush(self._waiting, (event.line, next(self._numbers), event))

    def before(self, line: int | None) -> Iterator[Reported]:
        """Those that began before `line`; all of them when it is None."""
        waiting = self._waiting
        while waiting and (line is None or waiting[0][0] < line or len(waiting) > _MAX_WAITING):
            yield heapq.heappop(waiting)[2]


def text_chunks(file: str, stream: BinaryIO) -> Iterator[bytes]:
    """What a file has to say, piece by piece: unpacked where gzip has packed it, UTF-16 as UTF-8.

    InputError for what cannot be read or unpacked.
    """
    yield from _decoded(_unpacked(_raw(file, stream), file))


def _raw(file: str, stream: BinaryIO) -> Iterator[bytes]:
    """Whatever is there at once, so that a log that is still being written is read as it comes."""
    read = getattr(stream, "read1", stream.read)
    while True:
        try:
            chunk = read(_CHUNK_BYTES)
        except OSError as error:
            raise InputError(f"{shown(file)}: {error.strerror or error}") from None
        if not chunk:
            return
        yield chunk


def _begin(chunks: Iterator[bytes], size: int) -> bytes:
    """The first bytes, at least `size` of them unless the input is shorter."""
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= size:
            break
    return head


def _unpacked(chunks: Iterator[bytes], file: str) -> Iterator[bytes]:
    head = _begin(chunks, len(_GZIP_MAGIC))
    if not head.startswith(_GZIP_MAGIC):
        yield head
        yield from chunks
        return
    try:
        yield from _gunzip(head, chunks)
    except zlib.error:
        raise InputError(f"{shown(file)}: the compressed data are damaged") from None
    except EOFError:
        raise InputError(f"{shown(file)}: the compressed data end too early") from None


def _gunzip(data: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """All members of a gzip file, in pieces of bounded size; what stands behind the last is left out."""
    unzip = zlib.decompressobj(_GZIP_WINDOW)
    while True:
        piece = unzip.decompress(data, _CHUNK_BYTES)
        yield piece
        data = unzip.unconsumed_tail
        if unzip.eof:
            data = unzip.unused_data or next(chunks, b"")
            if not data.startswith(_GZIP_MAGIC[: len(data)]) or not data:
                return
            unzip = zlib.decompressobj(_GZIP_WINDOW)
        elif not data:
            data = next(chunks, b"")
            if not data and not piece:
                raise EOFError


def _decoded(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """UTF-16, as shells of Windows write what a device prints, becomes UTF-8."""
    head = _begin(chunks, len(codecs.BOM_UTF16_LE))
    if not head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        yield head
        yield from chunks
        return
    decoder = codecs.getincrementaldecoder("utf-16")(errors="replace")
    yield decoder.decode(head).encode(errors="replace")
    for chunk in chunks:
        yield decoder.decode(chunk).encode(errors="replace")


def _is_no_text(data: bytes) -> bool:
    strange = len(data) - len(data.translate(None, _NO_TEXT))
    return strange > _TOO_MANY * len(data) and not _KERNEL_LINE.search(data)


def _refuse_what_is_no_text(name: str, sample: bytes) -> None:
    if not sample.strip(b"\0\t\n\v\f\r "):
        raise InputError(f"{name}: empty" if not sample else f"{name}: nothing but white space or NUL bytes")
    for magic, program in _OTHER_MAGIC.items():
        if sample.startswith(magic):
            hint = f"unpack it first: {program} FILE | oomlab oom -"
            raise InputError(f"{name}: compressed, and not by gzip", hint=hint)
    if _is_no_text(sample):
        hint = "give it the kernel's log: a console, dmesg, logcat, a journal as text, a mail"
        raise InputError(f"{name}: binary data without any kernel message", hint=hint)


def shown(file: str) -> str:
    """A file's name that is safe to print."""
    return ascii_line(os.fsencode(file).decode("utf-8", "backslashreplace"))
