# SPDX-License-Identifier: Apache-2.0
"""`format=flowed` undone (RFC 3676): soft line breaks joined, the stuffed space taken off. Pure.

A mail program breaks lines of prose. Lines of a patch it mostly leaves alone, and one that ends in a space
(a blank line of context is nothing but a space) looks like a soft break then. The counts in a hunk's header
tell which lines are its lines; without a hunk the RFC alone decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

_QUOTE = re.compile(r"^>(?:[ ]?>)*")
_HUNK = re.compile(r"^@@ -\d{1,9}(?:,(\d{1,9}))? \+\d{1,9}(?:,(\d{1,9}))? @@")
_SIGNATURE = "-- "
_MARKS = (" ", "+", "-", "\\", "@@ ", "diff ")
_FURTHEST = 3
"""A hunk's lines are looked for in this many times as many lines of the mail: each may be broken twice."""


class FlowedLine(NamedTuple):
    """A line of the text: where in the mail it begins (lines from 0), its quoting level, and it."""

    at: int
    depth: int
    text: str


@dataclass(frozen=True)
class _Reading:
    """One way of reading a hunk: whether the mail program stuffed, and which soft breaks are breaks."""

    stuffed: bool
    all_soft: bool


_READINGS = (
    _Reading(stuffed=True, all_soft=False),
    _Reading(stuffed=True, all_soft=True),
    _Reading(stuffed=False, all_soft=False),
    _Reading(stuffed=False, all_soft=True),
)


def unflow(texts: Sequence[str], *, delete_space: bool, max_depth: int) -> list[FlowedLine]:
    """The lines that were typed, in their order. `delete_space` is the parameter DelSp."""
    by_depth: dict[int, list[FlowedLine]] = {}
    for index, text in enumerate(texts):
        match = _QUOTE.match(text)
        depth = min(match[0].count(">"), max_depth) if match else 0
        line = FlowedLine(index, depth, text[match.end() :] if match else text)
        by_depth.setdefault(depth, []).append(line)
    found = [line for lines in by_depth.values() for line in _one_depth(lines, delete_space)]
    return sorted(found, key=lambda line: line.at)


def _one_depth(lines: Sequence[FlowedLine], delete_space: bool) -> Iterator[FlowedLine]:
    """Of one quoting level, so that a reviewer's words between a hunk's lines do not end the hunk."""
    at = 0
    while at < len(lines):
        counts = _HUNK.match(_unstuffed(lines[at].text))
        if counts is not None:
            old, new = (int(count) if count else 1 for count in counts.groups())
            read, used = _hunk(lines[at:], old, new, delete_space)
        else:
            used = _prose_end(lines, at)
            read = list(_joined(lines[at : at + used], delete_space, _READINGS[1]))
        yield from read
        at += used


def _prose_end(lines: Sequence[FlowedLine], at: int) -> int:
    used = 1
    while at + used < len(lines) and not _HUNK.match(_unstuffed(lines[at + used].text)):
        used += 1
    return used


def _hunk(
    lines: Sequence[FlowedLine], old: int, new: int, delete_space: bool
) -> tuple[list[FlowedLine], int]:
    """The first reading whose lines are as many as the header says, and how many of the mail's it took.

    Where none is, the lines as they stand, up to the next hunk: what is missing is said by who reads it.
    """
    most = min(len(lines), (old + new + 2) * _FURTHEST)
    end = 1 + _prose_end(lines[:most], 1) if most > 1 else 1
    section = lines[: min(end, most)]
    for reading in _READINGS:
        read = list(_joined(section, delete_space, reading))
        length = _complete(read[1:], old, new)
        if length is not None:
            kept = read[: length + 1]
            behind = read[length + 1].at if length + 1 < len(read) else section[-1].at + 1
            return kept, sum(line.at < behind for line in section)
    return list(_joined(section, delete_space, _READINGS[0])), len(section)


def _complete(lines: Sequence[FlowedLine], old: int, new: int) -> int | None:
    """How many of the lines are the hunk; None where the counts do not come out."""
    for number, line in enumerate(lines):
        kind = line.text[:1] or " "
        if (old, new) == (0, 0) and kind != "\\":
            return number
        if kind not in " +-\\":
            return None
        old -= kind in " -"
        new -= kind in " +"
        if min(old, new) < 0:
            return None
    return len(lines) if (old, new) == (0, 0) else None


def _joined(lines: Sequence[FlowedLine], delete_space: bool, reading: _Reading) -> Iterator[FlowedLine]:
    open_line: FlowedLine | None = None
    last = -1
    for raw in lines:
        text = _unstuffed(raw.text) if reading.stuffed else raw.text
        goes_on = open_line is not None and raw.at == last + 1 and _continues(raw, text, reading)
        if open_line is not None and goes_on:
            line = open_line._replace(text=_cut(open_line.text, delete_space) + text)
        else:
            if open_line is not None:
                yield open_line
            line = raw._replace(text=text)
        last = raw.at
        open_line = line if _is_soft(text) else None
        if open_line is None:
            yield line
    if open_line is not None:
        yield open_line


def _continues(raw: FlowedLine, text: str, reading: _Reading) -> bool:
    """Whether a line can be the rest of one with a soft break; in a hunk, one with a mark mostly is not."""
    if text == _SIGNATURE:
        return False
    return reading.all_soft or not (text.startswith(_MARKS) or not raw.text)


def _is_soft(text: str) -> bool:
    """A space at the end. Of nothing but spaces there is nothing that could flow on."""
    return text.endswith(" ") and text != _SIGNATURE and bool(text.strip())


def _cut(text: str, delete_space: bool) -> str:
    return text[:-1] if delete_space else text


def _unstuffed(text: str) -> str:
    return text.removeprefix(" ")
