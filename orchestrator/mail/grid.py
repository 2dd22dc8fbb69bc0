# SPDX-License-Identifier: Apache-2.0
"""Tables of measurements in whatever form people write them: rows of numbers below a head. Pure.

What makes a table is its structure: lines that end in equally many numbers, a line above with a name for
each, and a unit or the name of a kernel ("before", "patched") somewhere. Other columns of numbers are none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from orchestrator.mail.message import MailLine
from orchestrator.mail.quantity import UNIT, better_by_unit, is_unit

Role = Literal["base", "changed", "change", ""]

_MAX_CHARS = 400
_MAX_NAME_CHARS = 40
_MAX_TITLE_CHARS = 100
_LEAST_ROWS = 2
_LEAST_COLUMNS = 2
_NUMBER = r"[-+~]?(?:\d{1,3}(?:,\d{3})+|\d{1,15})(?:\.\d{1,9})?(?:[eE][-+]?\d{1,2})?"
_CELL = re.compile(rf"({_NUMBER})(?:({UNIT})|\(({UNIT})\))?[*^↑↓]?")
_SPREAD = re.compile(rf"(?:±|\+/?-){_NUMBER}?(?:{UNIT})?|\({_NUMBER}(?:{UNIT})?\)|±|\+/?-|\(\s*±.*\)")
_SPACED = re.compile(r"\(\s+|\s+\)|(?:±|\+/?-)\s+(?=\d)")
_MINUTES = re.compile(r"(?<!\S)(\d{1,6})m(\d{1,2}\.\d{1,9})s(?!\S)")
"""As time(1) of shells prints: `0m12.340s`."""
_RULE = re.compile(r"^[\s|+:=_-]*[-=_]{2}[\s|+:=_-]*$")
_HUNK = re.compile(r"^\s*@@ -\d{1,9}(?:,(\d{1,9}))? \+\d{1,9}(?:,(\d{1,9}))? @@")
_HEAD_UNIT = re.compile(rf"(.*?)\s*(?:[(\[]\s*(?:in\s+)?({UNIT})\s*[)\]]|[,_ ]\s*(?:in\s+)?({UNIT}))$")
_CAPTION_UNIT = re.compile(rf"(?:\bunits?\s*(?:is|are|[:=])?\s*|\bin\s+|[(\[])({UNIT})\b(?!\w)")
_BASE = re.compile(
    r"\b(?:before|base(?:line)?|vanilla|orig(?:inal)?|old|mainline|unpatched|without|w/o|stock|unmodified|off"
    r"|current|upstream|next|control)\b", re.IGNORECASE
)  # fmt: skip
_CHANGED = re.compile(
    r"\b(?:after|patch(?:ed|es)?|new|with|w/|modified|on|this|applied|optimi[sz]ed|improved)\b", re.IGNORECASE
)
_CHANGE = re.compile(
    r"^(?:%|Δ|\W*(?:diff(?:erence)?|delta|change|gain|ratio|speed-?up|improve(?:ment|d)?|reduction|increase"
    r"|decrease|better|p-?value|stdde?v|std|cv|variance)\b)", re.IGNORECASE
)  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """A number as printed, and the unit that stands beside it."""

    printed: str
    unit: str = ""

    @property
    def value(self) -> float:
        """The number."""
        return float(self.printed.replace(",", "").lstrip("~"))


@dataclass(frozen=True)
class GridColumn:
    """What a head says of a column: its name, its unit, and which kernel it is of."""

    name: str
    unit: str = ""

    @property
    def role(self) -> Role:
        """`base` and `changed` are kernels; `change` compares them, or says how sure they are."""
        if len(self.name) > _MAX_NAME_CHARS:
            return ""
        base, changed = _BASE.search(self.name), _CHANGED.search(self.name)
        if _CHANGE.search(self.name) or (self.unit in ("%", "x") and not base and not changed):
            return "change"
        if base and changed:  # "without the patch", "before this"
            return "base"
        return "base" if base else "changed" if changed else ""


@dataclass(frozen=True)
class GridRow:
    """A row: its name without the unit, that unit, and the numbers."""

    line: int
    name: str
    unit: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Grid:
    """A table: `title` is the text above it, `unit` one that the title gives to all of it.

    `label` is what the head calls the names of the rows.
    """

    line: int
    title: str
    label: str
    unit: str
    columns: tuple[GridColumn, ...]
    rows: tuple[GridRow, ...]

    @property
    def name(self) -> str:
        """What to call the table."""
        return self.title or f"table at line {self.line}"

    def unit_of(self, row: GridRow, column: int) -> str:
        """The unit of a cell, from the nearest place that names one."""
        return row.cells[column].unit or row.unit or self.columns[column].unit or self.unit


def find_grids(lines: Iterable[MailLine]) -> list[Grid]:
    """The tables; lines of patches are none."""
    found: list[Grid] = []
    block: list[MailLine] = []
    for line in _outside_hunks(lines):
        if line.text.strip(" |") and (not block or block[-1].depth == line.depth):
            block.append(line)
            continue
        found += _grids(block)
        block = [line] if line.text.strip(" |") else _caption(block)
    return found + list(_grids(block))


def _caption(block: Sequence[MailLine]) -> list[MailLine]:
    """A line by itself is the caption of what comes behind the empty line."""
    return list(block) if len(block) == 1 and not _cells(block[0].text)[1] else []


def _outside_hunks(lines: Iterable[MailLine]) -> Iterator[MailLine]:
    left = {0: (0, 0)}
    for line in lines:
        old, new = left.get(line.depth, (0, 0))
        if counts := _HUNK.match(line.text):
            old, new = (int(count) if count else 1 for count in counts.groups())
            left[line.depth] = (old, new)
        elif old > 0 or new > 0:
            kind = line.text.lstrip()[:1] if line.text[:1] not in "+-" else line.text[:1]
            left[line.depth] = (old - (kind != "+"), new - (kind != "-"))
        else:
            yield line


def _grids(block: Sequence[MailLine]) -> Iterator[Grid]:
    """The tables among lines without an empty one between."""
    at = 0
    while at < len(block):
        rows, used = _rows(block[at:])
        if len(rows) >= _LEAST_ROWS and (grid := _made(block[:at], rows)) is not None:
            yield grid
            at += used
        else:
            at += 1


def _rows(lines: Sequence[MailLine]) -> tuple[list[tuple[MailLine, str, list[Cell]]], int]:
    """The lines from the first that end in as many numbers as it does; rules between them are read past."""
    rows: list[tuple[MailLine, str, list[Cell]]] = []
    used = 0
    for offset, line in enumerate(lines):
        if rows and _RULE.match(line.text):
            continue
        name, cells = _cells(line.text)
        if not cells or (rows and len(cells) != len(rows[0][2])):
            break
        rows.append((line, name, cells))
        used = offset + 1
    return rows, used


def _cells(text: str) -> tuple[str, list[Cell]]:
    """A line's name and the numbers that it ends in; none where it ends in something else."""
    if len(text) > _MAX_CHARS:
        return "", []
    plain = _MINUTES.sub(lambda found: f"{int(found[1]) * 60 + float(found[2]):g}s", text.replace("|", " "))
    words = _SPACED.sub(lambda found: found[0].strip(), plain).split()
    cells: list[Cell] = []
    unit = ""
    at = len(words)
    while at:
        word = words[at - 1].rstrip(",;")
        if found := _CELL.fullmatch(word):
            cells.append(Cell(found[1], found[2] or found[3] or unit))
            unit = ""
        elif is_unit(word) and not unit:
            unit = word
        elif not _SPREAD.fullmatch(word):
            break
        at -= 1
    if unit:
        at += 1
    return " ".join(words[:at]).strip(" :="), cells[::-1]


def _made(above: Sequence[MailLine], rows: Sequence[tuple[MailLine, str, list[Cell]]]) -> Grid | None:
    heads = [line for line in above if not _RULE.match(line.text)]
    if not heads:
        return None
    numbered = all(not name for _, name, _ in rows)
    names = _names(heads[-1].text, len(rows[0][2]))
    if names is None or len(rows[0][2]) == 1:
        listed = _listed(heads[-1], rows)
        if listed is not None or names is None:
            return listed
    columns = [GridColumn(*_split_unit(name)) for name in names]
    numbered = numbered and len(columns) == len(rows[0][2]) and not columns[0].role
    own = len(rows[0][2]) - numbered
    if own < 1:
        return None
    title = heads[-2].text.strip(" :|#*") if len(heads) > 1 else ""
    title = title if len(title) < _MAX_TITLE_CHARS else ""
    caption = _CAPTION_UNIT.search(title)
    made = tuple(_row(line, name, cells, numbered=numbered) for line, name, cells in rows)
    label = names[0] if len(names) > own else ""
    unit = caption[1] if caption else ""
    grid = Grid(heads[-1].number, title, label, unit, tuple(columns[-own:]), made)
    return grid if _is_measured(grid) else None


def _listed(head: MailLine, rows: Sequence[tuple[MailLine, str, list[Cell]]]) -> Grid | None:
    """A list below `Before:` or `With the patch:`: names, each with one number and its unit."""
    title = head.text.strip(" :|#*")
    measured = all(name and better_by_unit(cell.unit) for _, name, cells in rows for cell in cells)
    if len(rows[0][2]) != 1 or not measured or not GridColumn(title).role:
        return None
    made = tuple(_row(line, name, cells, numbered=False) for line, name, cells in rows)
    return Grid(head.number, title, "", "", (GridColumn("value"),), made)


def _row(line: MailLine, name: str, cells: Sequence[Cell], *, numbered: bool) -> GridRow:
    if numbered:
        first, *rest = cells
        return GridRow(line.number, first.printed + first.unit, "", tuple(rest))
    plain, unit = _split_unit(name)
    return GridRow(line.number, plain, unit, tuple(cells))


def _split_unit(name: str) -> tuple[str, str]:
    found = _HEAD_UNIT.fullmatch(name.strip(" :"))
    if found is None or not found[1]:
        return name.strip(" :"), ""
    return found[1].strip(" :,"), found[2] or found[3]


def _names(head: str, count: int) -> list[str] | None:
    """The names in a line above `count` numbers, one more where rows have names; None where it is no head."""
    if len(head) > _MAX_CHARS or _cells(head)[1]:
        return None
    return next((names for names in _splits(head) if len(names) in (count, count + 1)), None)


def _splits(head: str) -> Iterator[list[str]]:
    """The ways in which a line can be the names of columns, the clearest first."""
    if "|" in head:
        yield [cell.strip() for cell in head.strip(" |").split("|")]
    yield [cell for cell in re.split(r"\s{2,}|\t", head.strip()) if cell]
    joined = re.sub(rf"\s+([(\[]\s*(?:in\s+)?{UNIT}\s*[)\]])", r"_\1", head.strip())
    words = [word.replace("_(", " (").replace("_[", " [") for word in joined.split()]
    yield words
    yield _phrases(words)


def _phrases(words: Sequence[str]) -> list[str]:
    """Words with the little ones joined to what they belong to: `without patch`, `the patch`."""
    phrases: list[str] = []
    little = False
    for word in words:
        if phrases and little:
            phrases[-1] += f" {word}"
        else:
            phrases.append(word)
        little = word.lower() in ("with", "without", "w/", "w/o", "before", "after", "the", "this")
    return phrases


def _is_measured(grid: Grid) -> bool:
    """A unit in head, caption or names, or kernels side by side; else any columns of numbers would do."""
    if grid.unit or any(column.unit for column in grid.columns) or any(row.unit for row in grid.rows):
        return True
    if {"base", "changed"} <= {GridColumn(row.name).role for row in grid.rows}:
        return True
    if len(grid.columns) < _LEAST_COLUMNS:
        return False
    roles = any(column.role in ("base", "changed") for column in grid.columns)
    return roles or any(better_by_unit(cell.unit) for row in grid.rows for cell in row.cells)
