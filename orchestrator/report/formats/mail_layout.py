# SPDX-License-Identifier: Apache-2.0
"""Paragraphs, lists, tables and command lines within the width of a mail."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterator, Sequence
from io import StringIO

from rich.box import Box
from rich.text import Text

from orchestrator.report.console.streams import PlainConsole
from orchestrator.report.tables import PlainTable
from orchestrator.text.plain import ascii_line

COLUMNS = 72
"""Two levels of quoting ("> > ") make it 76, which no mail program breaks."""
# One rule under the headings, without gaps: git takes "--- " for the end of a commit message.
_BOX = Box("    \n    \n----\n    \n    \n    \n    \n    \n", ascii=True)
_LEAST_LABEL = 18
_BREAK = " \\"
_WORD_BREAK = "\\"


def heading(text: str) -> Iterator[str]:
    """A line between empty ones."""
    yield ""
    yield from paragraph(text)
    yield ""


def paragraph(text: str, indent: str = "") -> Sequence[str]:
    """Text in lines of the mail's width."""
    return textwrap.wrap(
        ascii_line(text), COLUMNS, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )


def item(text: str) -> Sequence[str]:
    """An item of a list; its lines are indented, so that none can be taken for a trailer or a quote."""
    return textwrap.wrap(
        ascii_line(text), COLUMNS, initial_indent="  * ", subsequent_indent="    ", break_on_hyphens=False
    )


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: bool = False) -> list[str]:
    """The lines of a table; cells that are too wide go on in the next line. `numbers`: right-aligned."""
    grid = PlainTable(box=_BOX, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    columns = list(zip(headings, *rows, strict=True))
    widths = [max(len(ascii_line(cell)) for cell in column) for column in columns]
    # Figures stay in one piece where that leaves room for the labels, which may be broken.
    whole = sum(widths[1:]) + len(widths) - 1 + _LEAST_LABEL <= COLUMNS
    for index, heading in enumerate(headings):
        figures = index > 0
        grid.add_column(
            Text(ascii_line(heading)), justify="right" if numbers and figures else "left", overflow="fold",
            no_wrap=whole and figures,
        )  # fmt: skip
    for row in rows:
        grid.add_row(*(Text(ascii_line(cell)) for cell in row))
    output = StringIO()
    console = PlainConsole(file=output, width=COLUMNS, color_system=None, legacy_windows=False)
    console.print(grid)
    return [line.rstrip() for line in output.getvalue().splitlines()]


def shell_lines(command: str) -> Iterator[str]:
    """A command line, broken as a shell understands it: at words, and within those that are too long."""
    try:
        words = shlex.split(command)
    except ValueError:  # somebody changed it
        words = []
    if not words or shlex.join(words) != command:  # quoted in a way that only a shell can take apart
        yield f"  $ {ascii_line(command)}"
        return
    line = "  $"
    for word in words:
        pieces = list(_pieces(word))
        if len(line) + 1 + len(pieces[0]) + len(_BREAK) > COLUMNS:
            yield line + _BREAK
            line = "   "
        line += " " + pieces[0]
        for piece in pieces[1:]:
            # What a backslash breaks goes on in the very next column.
            yield line + _WORD_BREAK
            line = piece
    yield line


def _pieces(word: str) -> Iterator[str]:
    """A word in quoted pieces, each within the width."""
    longest = COLUMNS - len("    ") - len(_BREAK)
    rest = word
    while True:
        size = len(rest)
        while len(_quoted(rest[:size])) > longest:
            size = min(size - 1, longest)
        yield _quoted(rest[:size])
        rest = rest[size:]
        if not rest:
            return


def _quoted(text: str) -> str:
    """Quoted for a POSIX shell; bytes beyond ASCII and control characters as bash's $'' has them."""
    if text.isascii() and text.isprintable():
        return shlex.quote(text)
    octets = (
        chr(byte) if 0x20 <= byte < 0x7F and chr(byte) not in "'\\" else f"\\x{byte:02x}"
        for byte in text.encode()
    )
    return f"$'{''.join(octets)}'"
