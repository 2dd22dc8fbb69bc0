# SPDX-License-Identifier: Apache-2.0
"""A memory picture as a terminal shows it: the report's figures and the guest's beside each other."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from orchestrator.analysis.picture_table import JUDGED_KB, TOLERANCE_PERCENT, PictureLine, PictureTable
from orchestrator.report.tables import PlainTable
from orchestrator.text.amounts import change_text, is_factor

_KB_PER_MB = 1000


def print_picture(picture: PictureTable, console: Console) -> None:
    """The table, what is left to say of single lines, and whether the large ones are right."""
    console.print(_table(picture))
    for line in remarks(picture):
        console.print(Text(f"  {line}"), soft_wrap=True)
    console.print(Text(conclusion(picture), style="" if picture.met else "yellow"), soft_wrap=True)


def _table(picture: PictureTable) -> PlainTable:
    headings, rows = headings_of(picture), rows_of(picture)
    table = PlainTable(title="Memory when the trigger started", box=None, pad_edge=True, padding=(0, 1))
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="left" if number == 0 else "right")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def headings_of(picture: PictureTable) -> tuple[str, ...]:
    """Of the columns; the last two say when the second look was."""
    later = f"+{picture.later_s:.1f} s" if picture.later_s is not None else "later"
    return ("kB", "report", "guest", "off", later, "off")


def rows_of(picture: PictureTable) -> list[tuple[str, ...]]:
    """One row a line of the report."""
    return [
        (
            line.name if line.unit == "kB" else f"blocks of {line.name}",
            str(line.wanted),
            _figure(line.start),
            _percent(line.start_percent),
            _figure(line.later),
            _percent(line.later_percent),
        )
        for line in picture.lines
    ]


def remarks(picture: PictureTable) -> list[str]:
    """What a guest cannot have, and why; and what the figures are sums of."""
    found = [f"{line.name}: {line.remark}" for line in picture.lines if line.remark is not None]
    if len(picture.zones) > 1:
        found.append(f"the guest's zones {' and '.join(picture.zones)} together")
    return found


def conclusion(picture: PictureTable) -> str:
    """One sentence about the lines that are judged."""
    scope = f"every line of {JUDGED_KB // _KB_PER_MB} MB or more, min and low"
    if picture.worst is None:
        return "no line is large enough to be judged"
    furthest = f"{picture.worst} {_percent(picture.worst_percent)}"
    if picture.met:
        return f"Memory picture: {scope} within {TOLERANCE_PERCENT} % (furthest off: {furthest})."
    return f"Memory picture: NOT {scope} within {TOLERANCE_PERCENT} %: {', '.join(map(_off, _far(picture)))}."


def _far(picture: PictureTable) -> list[PictureLine]:
    return [
        line for line in picture.lines if line.judged and abs(line.start_percent or 0) > TOLERANCE_PERCENT
    ]


def _off(line: PictureLine) -> str:
    return f"{line.name} {_percent(line.start_percent)}"


def _figure(value: int | None) -> str:
    return "-" if value is None else str(value)


def _percent(value: float | None) -> str:
    """How far off a line is; all of it at most, or that many times too much."""
    if value is None:
        return ""
    ratio = 1 + value / 100
    return change_text(ratio) if ratio > 1 and is_factor(ratio) else f"{value:+.1f} %"
