# SPDX-License-Identifier: Apache-2.0
"""Streaming reader: bytes of any text in, events out.

A console is mostly other messages. The reader therefore searches the bytes for a few words that every
part of a report worth waking for contains, and looks at single lines only around such a hit and as long
as a report is open. Memory is bounded: one line, a few lines of history, and the open reports.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from orchestrator.oom.assembler import Assembler
from orchestrator.oom.crashes import Crashes
from orchestrator.oom.encoded import Encoded
from orchestrator.oom.joining import Joiner
from orchestrator.oom.lines import LineKind
from orchestrator.oom.prefixes import Prefixes
from orchestrator.oom.records import Event
from orchestrator.oom.transport import MAX_LINE_BYTES, LogLine

# Every message that can begin an event contains one of these whole, even when a mail program broke it in
# two. Few and short, for each is a pass over the bytes.
_WAKE_WORDS = (
    b"oom",
    b"kB",
    b"llocation",
    b"vmalloc error",
    b"ut of ",
    b"panic",
    b"BUG",
    b"Oops",
    b"Mem-Info",
    b"lowmemorykiller",
    b"killinfo",
    b"_lmk: Kill",
    b"lowmem_",
    b"mark_victim",
    b"_retry",
    b"nable to ",
    b"mode:0x",
    b"[#",
    b"LOCKUP",
    b"INFO: rcu",
    b"INFO: task ",
    b"UBSAN",
    b"ransfer-",
)
# A line with such a word must also look like a part of a report: a close look costs far more than this one.
_WAKE_LINE = re.compile(
    rb"oom-kill|invoked oom|oomlab: |(?:free|boost|min|low|high|anon|rss|vm|vsz):[0-9]+kB|usage [0-9]+kB"
    rb"|to free [0-9]+kB|page alloc|allocation failure|Allocation of length|vmalloc error|ut of [Mm]em"
    rb"|Kernel panic|panic - |(?<![A-Z])BUG(?:: | at| [\w.:-]+ \()|Oops|Mem-Info|lowmemorykiller|killinfo"
    rb"|(?:mark_victim|reclaim_retry_zone|compact_retry|oom_score_adj_update): +[a-z]+="
    rb"|_lmk: Kill|lowmem_[a-z]+: send sigkill"
    rb"|[Tt]ransfer-[Ee]ncoding: *(?:base64|quoted)"
    rb"|nable to handle (?:the )?kernel|SL[AU]B: Unable to alloc|mode:0x[0-9a-f]+\(\w*GFP_"
    rb"|\[#[0-9]+\]|hard LOCKUP|INFO: (?:rcu|task )|UBSAN: |PANIC: "
)
# Rows of the task table and of cgroup statistics: the bulk of a report, and nothing in them is kept.
_TABLE_ROW = re.compile(
    rb"\[ *[0-9.]{5,20}\](?:\[ *[TC][0-9]+\])? (?:\[ *[0-9]+\] +[0-9]+ +[0-9]+ |[a-z_]{2,40} [0-9]+\r?$)"
)
# The start of a broken message stands in the line before the word, or two lines before it.
_HISTORY_LINES = 3


class OomReader:
    """`feed` any chunks, then `close`; both return the events that ended. Never raises on any input."""

    def __init__(self) -> None:
        self._encoded = Encoded()
        self._prefixes = Prefixes()
        self._joiner = Joiner()
        self._assembler = Assembler()
        self._crashes = Crashes()
        self._tail = b""
        self._skipping = False
        self._awake = False
        self._number = 0
        self._history: list[bytes] = []
        self._events: list[Event] = []

    @property
    def open_since(self) -> int | None:
        """First line of the oldest event that has not ended: those to come do not begin before it."""
        begun = [line for line in (self._assembler.open_since, self._crashes.open_since) if line is not None]
        return min(begun, default=None)

    def feed(self, data: bytes) -> list[Event]:
        """Takes the next bytes, cut anywhere; returns the events that ended in them."""
        if self._skipping:
            newline = data.find(b"\n")
            if newline < 0:
                return []
            self._skipping = False
            data = data[newline:]
        buffer = self._tail + data if self._tail else data
        end = buffer.rfind(b"\n") + 1
        self._tail = buffer[end : end + MAX_LINE_BYTES]
        self._skipping = len(buffer) - end >= MAX_LINE_BYTES
        if end:
            self._lines(buffer, end)
        return self._drain()

    def close(self) -> list[Event]:
        """Ends the input: what is open becomes an event with what is known of it."""
        events = self.feed(b"\n") if self._tail or self._skipping else []
        for line in self._encoded.flush():
            self._plain(line, self._number)
        self._join(self._prefixes.flush())
        self._flush()
        self._assembler.close()
        self._crashes.close()
        self._awake = False
        return events + self._drain()

    def _drain(self) -> list[Event]:
        events, self._events = self._events, []
        return events + self._crashes.drain() + self._assembler.drain()

    def _lines(self, buffer: bytes, end: int) -> None:
        """Goes through the complete lines in buffer[:end]."""
        position = 0
        next_hits = dict.fromkeys(_WAKE_WORDS, -1)
        while position < end:
            if not self._awake:
                position = self._sleep(buffer, position, end, next_hits)
            else:
                newline = buffer.index(b"\n", position)
                self._line(buffer[position:newline])
                position = newline + 1

    def _sleep(self, buffer: bytes, position: int, end: int, next_hits: dict[bytes, int]) -> int:
        """Skips to the next line with a wake word; returns the position of that line, or `end`."""
        search_from = position
        while True:
            hit = _next_hit(buffer, search_from, end, next_hits)
            if hit >= end:
                self._skip(buffer, position, end)
                return end
            start = buffer.rfind(b"\n", position, hit) + 1 or position
            newline = buffer.index(b"\n", hit)
            if _WAKE_LINE.search(buffer, start, min(newline, start + MAX_LINE_BYTES)):
                break
            search_from = newline + 1
        self._skip(buffer, position, start)
        self._wake()
        return start

    def _skip(self, buffer: bytes, position: int, start: int) -> None:
        """Counts lines that nobody looks at and remembers the newest of them."""
        if start <= position:
            return
        self._number += buffer.count(b"\n", position, start)
        cut = start
        for _ in range(_HISTORY_LINES + 1):
            cut = buffer.rfind(b"\n", position, max(cut, position))
            if cut < 0:
                break
        recent = buffer[cut + 1 if cut >= 0 else position : start - 1].split(b"\n")
        self._history = [*self._history, *recent][-_HISTORY_LINES:]

    def _wake(self) -> None:
        history, self._history = self._history, []
        first = self._number - len(history)
        self._awake = True
        for offset, raw in enumerate(history):
            self._message(raw, first + offset + 1)

    def _line(self, raw: bytes) -> None:
        self._number += 1
        self._message(raw, self._number)
        held = not (self._encoded.empty and self._prefixes.empty and self._joiner.empty)
        if not held and self._assembler.idle and self._crashes.idle:
            self._awake = False
            self._assembler.rest()

    def _message(self, raw: bytes, number: int) -> None:
        for line in self._encoded.feed(raw):
            self._plain(line, number)

    def _plain(self, raw: bytes, number: int) -> None:
        if _TABLE_ROW.match(raw):
            self._flush()
        else:
            self._join(self._prefixes.feed(raw, number))

    def _join(self, messages: list[LogLine]) -> None:
        for message in messages:
            if not message.text:
                self._flush()
            else:
                for kind, line in self._joiner.feed(message):
                    self._take(kind, line)

    def _flush(self) -> None:
        for kind, line in self._joiner.flush():
            self._take(kind, line)

    def _take(self, kind: LineKind, line: LogLine) -> None:
        if self._crashes.take(kind, line):
            self._assembler.crash()
        else:
            # In the order of their ends: whoever watches a guest must see a crash before the mark behind it.
            self._events += self._crashes.drain()
            self._assembler.take(kind, line)
            self._events += self._assembler.drain()


def _next_hit(buffer: bytes, position: int, end: int, next_hits: dict[bytes, int]) -> int:
    """Position of the first wake word at or behind `position`, or `end`; remembers the hits of each word."""
    first = end
    for word, known in next_hits.items():
        if known < position:
            known = buffer.find(word, position, end)
            next_hits[word] = known = end if known < 0 else known
        first = min(first, known)
    return first


def read_chunks(chunks: Iterable[bytes]) -> Iterator[Event]:
    """All events of a stream (a file read piece by piece, say), each as soon as it ended."""
    reader = OomReader()
    for chunk in chunks:
        yield from reader.feed(chunk)
    yield from reader.close()


def read_events(data: bytes) -> list[Event]:
    """All events in one text, in the order in which they begin."""
    return sorted(read_chunks([data]), key=lambda event: event.line)
