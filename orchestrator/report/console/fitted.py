# SPDX-License-Identifier: Apache-2.0
"""A page that has room for so many lines: what matters least is left out, and said to be. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from operator import attrgetter
from typing import Literal

from orchestrator.text.amounts import count_of

Style = Literal["", "bold", "bold green", "bold red", "bold cyan", "bold yellow", "yellow"]
NEVER = 0
"""The rank of a line that is not left out."""


@dataclass(frozen=True)
class Line:
    """A line of text, or of a table its cells. Of all lines on a page the one of the highest rank goes first.

    `what` names it when it has gone; with `counted` lines are told by their number.
    """

    cells: tuple[str, ...]
    rank: int = NEVER
    what: str = ""
    counted: bool = False


@dataclass(frozen=True)
class Section:
    """Lines that stand together: text, or a table with title and headings, which go with its last row."""

    lines: tuple[Line, ...]
    title: str = ""
    headings: tuple[str, ...] = ()
    style: Style = field(default="", kw_only=True)


@dataclass(frozen=True)
class Fitted:
    """What there is room for, and in words what has gone."""

    sections: tuple[Section, ...]
    left_out: str
    height: int
    """In lines as they are printed, with the one that says what has gone."""


def text(*lines: str, style: Style = "", rank: int = NEVER, what: str = "") -> Section:
    """Lines of text that are alike."""
    return Section(tuple(Line((line,), rank, what) for line in lines), style=style)


def fitted(sections: Sequence[Section], most_lines: int, height: Callable[[Section], int]) -> Fitted:
    """Take lines away until the rest fits beside a line that says so, or nothing may be taken any more.

    `height` is that of a section where it is printed, in lines: folded where that is narrow.
    """
    kept, heights, gone = list(sections), list(map(height, sections)), list[Line]()
    if sum(heights) <= most_lines:
        return Fitted(tuple(sections), "", sum(heights))
    while sum(heights) > most_lines - 1:
        at, last = max(
            ((at, line) for at, section in enumerate(kept) for line in section.lines),
            key=lambda each: (each[1].rank, each[0]),
            default=(0, None),
        )
        if last is None or last.rank == NEVER:
            break
        section = kept[at]
        place = max(index for index, line in enumerate(section.lines) if line.rank == last.rank)
        gone.append(section.lines[place])
        kept[at] = replace(section, lines=section.lines[:place] + section.lines[place + 1 :])
        heights[at] = height(kept[at])
    return Fitted(tuple(kept), ", ".join(_names(sections, gone)), sum(heights) + bool(gone))


def _names(sections: Sequence[Section], gone: Sequence[Line]) -> Iterator[str]:
    """Each once, in the order of the page."""
    missing = {id(line) for line in gone}
    told: dict[str, list[Line]] = {}
    for line in chain.from_iterable(map(attrgetter("lines"), sections)):
        if id(line) in missing:
            told.setdefault(line.what, []).append(line)
    for what, lines in told.items():
        yield count_of(what, len(lines)) if any(line.counted for line in lines) else what
