# SPDX-License-Identifier: Apache-2.0
"""Parts of a mail that has room for so many lines: which give way, and text that is never broken in a word.

Prose is wrapped at the mail's width. Rows of tables and lines of a kernel log never are: who reads them
on a list compares columns, and searches for whole lines.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from orchestrator.report.formats.mail_layout import COLUMNS
from orchestrator.text.amounts import count_of
from orchestrator.text.plain import ascii_line

_GAP = "  "
_MOST_OF_A_LINE = 900
"""SMTP carries 998 octets a line (RFC 5321, 4.5.3.1.6), and replies put marks in front."""


@dataclass(frozen=True)
class Part:
    """Lines that belong together. Where room is short, all but the first `least` may be left out."""

    lines: Sequence[str]
    least: int

    def cut(self, most: int) -> Sequence[str]:
        """At most `most` lines, the last of which says how many are missing."""
        if len(self.lines) <= most:
            return self.lines
        left_out = count_of("more line", len(self.lines) - most + 1)
        return (*self.lines[: most - 1], f"  [... {left_out} in the full report]")


def lines_of(parts: Sequence[Part]) -> int:
    """How many lines the parts take, with an empty one between each two."""
    sizes = [len(part.lines) for part in parts if part.lines]
    return max(0, sum(sizes) + len(sizes) - 1)


def fitted(parts: Sequence[Part], most: int) -> list[str]:
    """The parts with an empty line between each two, in `most` lines: whoever has most to spare gives way.

    The least of all parts together has to fit.
    """
    shown = [part for part in parts if part.lines]
    sizes = [len(part.lines) for part in shown]
    for _ in range(max(0, lines_of(shown) - most)):
        index = max(range(len(shown)), key=lambda each: sizes[each] - shown[each].least)
        sizes[index] -= 1
    cut = (part.cut(size) for part, size in zip(shown, sizes, strict=True))
    return [line for index, lines in enumerate(cut) for line in (*([""] if index else ()), *lines)]


def prose(text: str, first: str = "", rest: str | None = None) -> list[str]:
    """Text in lines of the mail's width; a word that is longer stays in one piece."""
    words = (piece for word in ascii_line(text).split() for piece in _pieces(word))
    return textwrap.wrap(
        " ".join(words), COLUMNS, initial_indent=first, subsequent_indent=first if rest is None else rest,
        break_on_hyphens=False, break_long_words=False,
    )  # fmt: skip


def verbatim(line: str) -> str:
    """A line of others as it is, moved in: at the margin git and mail programs act on some."""
    return (_GAP + ascii_line(line.expandtabs()).rstrip())[:_MOST_OF_A_LINE].rstrip()


def plain_table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> list[str]:
    """A table as wide as it needs: the first `left` columns to the left, figures to the right."""
    cells = [[ascii_line(cell) for cell in row] for row in (headings, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        _GAP.join(
            cell.ljust(width) if index < left else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
    # One rule without gaps: git takes "--- " for the end of a commit message, and mails "-- " for their own.
    return [lines[0], "-" * max(map(len, lines)), *lines[1:]]


def _pieces(word: str) -> Iterator[str]:
    yield from (word[at : at + _MOST_OF_A_LINE] for at in range(0, len(word), _MOST_OF_A_LINE))
