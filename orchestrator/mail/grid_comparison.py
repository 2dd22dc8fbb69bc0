# SPDX-License-Identifier: Apache-2.0
"""Two columns of a table, or two tables, held against each other: which is the base, what is better. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import geometric_mean

from orchestrator.mail.grid import Grid, GridColumn, GridRow
from orchestrator.mail.quantity import (
    Better,
    better_as_said,
    better_by_name,
    better_by_subject,
    better_by_unit,
)

_REPLACED = re.compile(
    r"\b(?:replac|convert|switch|chang|mov)\w*\s+(?:from\s+)?(\w+)(?:\(\))?\s+(?:with|to|by|into)\s+(\w+)"
    r"|\buse\s+(?P<new>\w+)(?:\(\))?\s+(?:instead\s+of|rather\s+than|in\s+place\s+of|over)\s+(?P<old>\w+)",
    re.IGNORECASE,
)
_GAIN = re.compile(r"improve|\bgain|speed-?up|\bbetter", re.IGNORECASE)
_COUNTED = re.compile(r"iterations?|count|n|nr|runs|samples|threads|cpus|size", re.IGNORECASE)
"""Columns that say how something was measured."""


@dataclass(frozen=True)
class Measured:
    """One row: the values of both kernels, their unit, and which direction is better (None: unknown)."""

    name: str
    unit: str
    base: float
    changed: float
    better: Better | None

    @property
    def ratio(self) -> float | None:
        """Changed through base."""
        return self.changed / self.base if self.base else None

    @property
    def verdict(self) -> str:
        """`better` or `worse`; empty where nothing says which direction is."""
        if self.better is None or self.changed == self.base:
            return "" if self.better is None else "the same"
        return "better" if (self.changed < self.base) is (self.better == "less") else "worse"


@dataclass(frozen=True)
class GridComparison:
    """`how` says why one is taken for the base, `why` what makes a direction the better one."""

    base: str
    changed: str
    how: str
    why: str
    rows: tuple[Measured, ...]

    @property
    def mean(self) -> float | None:
        """Geometric mean of the ratios, where all are of one unit and above 0."""
        ratios = [row.ratio for row in self.rows]
        if len({row.unit for row in self.rows}) != 1 or not all(ratio and ratio > 0 for ratio in ratios):
            return None
        return geometric_mean([ratio for ratio in ratios if ratio])


def replaced_by(subject: str) -> tuple[str, str]:
    """What a subject says is replaced, and by what: `Replace kcalloc with kvcalloc`; else empty."""
    found = _REPLACED.search(subject)
    if found is None:
        return "", ""
    return (found["old"], found["new"]) if found["new"] else (found[1], found[2])


def compare_grids(
    grids: Sequence[Grid], subject: str, added: str = "", removed: str = ""
) -> list[GridComparison]:
    """The columns of two kernels in each table, and tables of one kernel that stand one after the other."""
    old, new = replaced_by(subject)
    words = _Words(f"{added}\n{new}", f"{removed}\n{old}", subject)
    found: list[GridComparison] = []
    at = 0
    while at < len(grids):
        own = list(_rows_compared(grids[at], words)) or list(_columns_compared(grids[at], words))
        found += own
        if not own and at + 1 < len(grids) and (pair := _tables_compared(grids[at], grids[at + 1], words)):
            found += pair
            at += 1
        at += 1
    return found


@dataclass(frozen=True)
class _Values:
    """A row's values, and what the table itself calls the gain (0: nothing)."""

    name: str
    unit: str
    base: float
    changed: float
    gain: float = 0


@dataclass(frozen=True)
class _Words:
    """What a patch adds and removes, and its subject."""

    added: str
    removed: str
    subject: str

    def role(self, name: str) -> str:
        """`changed` for the name of something that only the patch has, `base` for what it removes."""
        words = [word for word in re.findall(r"\w{3,}", name) if not word.isdigit()]
        new = any(_has(self.added, word) and not _has(self.removed, word) for word in words)
        old = any(_has(self.removed, word) and not _has(self.added, word) for word in words)
        return "" if new is old else "changed" if new else "base"


def _has(text: str, word: str) -> bool:
    return re.search(rf"\b{re.escape(word)}\b", text) is not None


def _columns_compared(grid: Grid, words: _Words) -> Iterator[GridComparison]:
    plain = [index for index, column in enumerate(grid.columns) if column.role != "change"]
    roles = {index: grid.columns[index].role or words.role(grid.columns[index].name) for index in plain}
    bases = [index for index in plain if roles[index] == "base"]
    changed = [index for index in plain if roles[index] == "changed"]
    if len(bases) == 1 and not changed:
        changed = [index for index in plain if index not in bases]
    elif len(changed) == 1 and not bases and len(plain) == 2:
        bases = [index for index in plain if index not in changed]
    how = "by the names of the columns"
    if not bases and not changed and len(plain) == 2 and _alike(grid, *plain):
        bases, changed, how = plain[:1], plain[1:], "assumed from the order: the first is the base"
    pairs = (
        [(bases[0], index) for index in changed]
        if len(bases) == 1
        else list(zip(bases, changed, strict=False))
    )
    gain = next((at for at, column in enumerate(grid.columns) if _GAIN.search(column.name)), None)
    for old, new in pairs:
        rows = [
            _Values(
                row.name, grid.unit_of(row, new), row.cells[old].value, row.cells[new].value,
                row.cells[gain].value if gain is not None else 0,
            )
            for row in grid.rows
        ]  # fmt: skip
        yield _judged(grid.columns[old].name, grid.columns[new].name, how, rows, grid.title, words.subject)


def _rows_compared(grid: Grid, words: _Words) -> Iterator[GridComparison]:
    """A table that has the kernels as its rows."""
    sides = {
        role: [row for row in grid.rows if GridColumn(row.name).role == role] for role in ("base", "changed")
    }
    if not all(len(rows) == 1 for rows in sides.values()):
        return
    (old,), (new,) = sides["base"], sides["changed"]
    rows = [
        _Values(column.name, grid.unit_of(new, at), old.cells[at].value, new.cells[at].value)
        for at, column in enumerate(grid.columns)
        if not _COUNTED.fullmatch(column.name)
    ]
    if rows:
        yield _judged(old.name, new.name, "by the names of the rows", rows, grid.title, words.subject)


def _alike(grid: Grid, first: int, second: int) -> bool:
    """Two columns of one unit, and not a time beside a rate."""
    units = {grid.unit_of(row, index) for row in grid.rows for index in (first, second)}
    names = {better_by_name(grid.columns[index].name) for index in (first, second)}
    return len(units) == 1 and len(names) == 1


def _tables_compared(first: Grid, second: Grid, words: _Words) -> list[GridComparison]:
    """Two tables with the same columns and rows in common, column by column."""
    names = [column.name for column in first.columns]
    if names != [column.name for column in second.columns]:
        return []
    base, changed, how = _sides(first, second, words)
    others = {row.name: row for row in changed.rows}
    common = [(row, others[row.name]) for row in base.rows if row.name in others]
    if not common:
        return []
    return [
        _judged(
            base.name, changed.name, f"{column.name}; {how}", list(_values(changed, common, index)),
            column.name, words.subject,
        )
        for index, column in enumerate(first.columns)
        if column.role != "change" and not _COUNTED.fullmatch(column.name)
    ]  # fmt: skip


def _values(changed: Grid, common: Sequence[tuple[GridRow, GridRow]], index: int) -> Iterator[_Values]:
    for old, new in common:
        unit = changed.unit_of(new, index)
        yield _Values(old.name, unit, old.cells[index].value, new.cells[index].value)


def _sides(first: Grid, second: Grid, words: _Words) -> tuple[Grid, Grid, str]:
    roles = [
        GridColumn(grid.title).role or words.role(f"{grid.title} {grid.label}") for grid in (first, second)
    ]
    if roles[0] == "changed" or roles[1] == "base":
        return second, first, "by what stands above the tables"
    if "base" in roles or "changed" in roles:
        return first, second, "by what stands above the tables"
    return first, second, "assumed from the order: the first is the base"


def _judged(
    base: str, changed: str, how: str, rows: Sequence[_Values], title: str, subject: str
) -> GridComparison:
    fell = sum(row.changed < row.base for row in rows) * 2 > len(rows)
    judged = [_direction(row, title, subject, fell=fell) for row in rows]
    made = [
        Measured(row.name, row.unit, row.base, row.changed, better)
        for row, (better, _) in zip(rows, judged, strict=True)
    ]
    return GridComparison(base, changed, how, "; ".join(dict.fromkeys(why for _, why in judged)), tuple(made))


def _direction(row: _Values, title: str, subject: str, *, fell: bool) -> tuple[Better | None, str]:
    """Which direction is better, and why: what the table says of itself counts most, the subject least."""
    if better := better_as_said(title):
        return better, f"{better} is better, as is said above the table"
    if row.gain and row.changed != row.base:
        better = "more" if (row.changed > row.base) is (row.gain > 0) else "less"
        return better, f"{better} is better by the signs of the table's own gains"
    if better := better_by_unit(row.unit) or better_by_name(row.name) or better_by_name(title):
        return better, f"{row.unit or row.name}: {better} is better"
    better, word = better_by_subject(subject, fell=fell)
    if better is not None:
        return better, f"{better} is better: the subject says '{word}'"
    return None, "nothing says which direction is better"
