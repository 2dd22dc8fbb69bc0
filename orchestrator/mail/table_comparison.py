# SPDX-License-Identifier: Apache-2.0
"""Two benchmark tables held against each other, by their times alone, and what they print besides."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import geometric_mean, median

from orchestrator.mail.grid_comparison import replaced_by
from orchestrator.mail.table import Column, MailTable, Row

_ITERATIONS_SPREAD = 1.5
_COUNTED_TWICE = (
    "'{column}' is not what its name says: size * Iterations / Time gives all {rows} printed values. "
    "Time is per iteration already and Iterations is chosen from it, so a gain counts twice: "
    "{name} prints {printed:.2f} where the time says {time:.2f}"
)


@dataclass(frozen=True)
class RowPair:
    """A row of both tables; ratios above 1 say that the changed one is faster (or prints more)."""

    name: str
    base: Row
    changed: Row
    printed_ratio: float | None

    @property
    def time_ratio(self) -> float:
        """Time per iteration, base through changed."""
        return self.base.time_ns / self.changed.time_ns

    @property
    def cpu_ratio(self) -> float:
        """CPU time per iteration, base through changed."""
        return self.base.cpu_ns / self.changed.cpu_ns

    @property
    def iterations_ratio(self) -> float:
        """Iterations, changed through base."""
        return self.changed.iterations / max(1, self.base.iterations)


@dataclass(frozen=True)
class TableComparison:
    """Two tables, row by row. `how` says why one of them is taken for the changed one."""

    base: str
    changed: str
    how: str
    pairs: tuple[RowPair, ...]
    printed_column: str | None
    warnings: tuple[str, ...]

    @property
    def time_mean(self) -> float:
        """Geometric mean of the time ratios."""
        return geometric_mean([pair.time_ratio for pair in self.pairs])

    @property
    def cpu_mean(self) -> float:
        """Geometric mean of the CPU ratios."""
        return geometric_mean([pair.cpu_ratio for pair in self.pairs])

    @property
    def printed_mean(self) -> float | None:
        """Geometric mean of the ratios of the printed column."""
        ratios = [pair.printed_ratio for pair in self.pairs if pair.printed_ratio]
        return geometric_mean(ratios) if len(ratios) == len(self.pairs) else None


def one_way_mb_s(row: Row) -> float | None:
    """size / time in MB/s (10^6 bytes a second), one direction."""
    return row.size_bytes / row.time_ns * 1e3 if row.size_bytes else None


def compare(
    tables: Sequence[MailTable], added: str = "", removed: str = "", subject: str = ""
) -> list[TableComparison]:
    """Neighbouring tables with rows in common; `added` and `removed` lines of the patch tell them apart.

    Where they do not, the subject may: `Replace kcalloc with kvcalloc`.
    """
    texts = (added, removed, subject)
    found = []
    index = 0
    while index + 1 < len(tables):
        first, second = tables[index], tables[index + 1]
        if len(_common(first, second)) >= 1:
            found.append(_compare(first, second, *texts))
            index += 2
        else:
            index += 1
    return found


def _common(first: MailTable, second: MailTable) -> list[tuple[Row, Row]]:
    """Rows by their name; of repetitions the median by time."""
    left, right = _by_key(first.rows), _by_key(second.rows)
    return [(left[key], right[key]) for key in left if key in right]


def _by_key(rows: Iterable[Row]) -> dict[str, Row]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.key, []).append(row)
    return {key: sorted(group, key=lambda row: row.time_ns)[len(group) // 2] for key, group in groups.items()}


def _compare(first: MailTable, second: MailTable, added: str, removed: str, subject: str) -> TableComparison:
    base, changed, how = _roles(first, second, added, removed, subject)
    pairs = tuple(
        RowPair(new.name, old, new, _printed_ratio(old, new)) for old, new in _common(base, changed)
    )
    column = changed.rows[0].columns[0].name if changed.rows[0].columns else None
    warnings = [*_column_warnings(pairs, column), *_iteration_warnings(first, second)]
    if first.label and first.label == second.label:
        warnings.append(f"both tables carry the label {first.label}: one may be mislabelled")
    if all(len(_by_key(table.rows)) == len(table.rows) for table in (first, second)):
        warnings.append("one value per row, no repetitions: the spread is unknown, so is what is noise")
    return TableComparison(base.name, changed.name, how, pairs, column, tuple(warnings))


def _roles(
    first: MailTable, second: MailTable, added: str, removed: str, subject: str
) -> tuple[MailTable, MailTable, str]:
    """Base, changed, and the reason: the patch's own words, else the subject's, else the tables' order."""
    old, new = replaced_by(subject)
    for more, less, how in ((added, removed, "the patch adds"), (new, old, "the subject replaces by it:")):
        scores = [_adds(table.label, more, less) for table in (first, second)]
        if scores == [True, False]:
            return second, first, f"{how} '{first.label}'"
        if scores == [False, True]:
            return first, second, f"{how} '{second.label}'"
    return first, second, "assumed from the order: the first is the base"


def _adds(label: str, added: str, removed: str) -> bool:
    """The label is a word that only the added lines have."""
    word = re.compile(rf"\b{re.escape(label)}\b")
    return bool(label) and bool(word.search(added)) and not word.search(removed)


def _printed_ratio(base: Row, changed: Row) -> float | None:
    if not base.columns or not changed.columns or base.columns[0].value == 0:
        return None
    return changed.columns[0].value / base.columns[0].value or None


def _same(column: Column, value: float) -> bool:
    """As printed, be it cut or rounded."""
    scale: float = 10.0**column.decimals
    shown = round(column.value * scale)
    return shown in (math.floor(value * scale + 1e-6), round(value * scale))


def _column_warnings(pairs: Sequence[RowPair], column: str | None) -> list[str]:
    rows = [row for pair in pairs for row in (pair.base, pair.changed)]
    if column is None or not all(row.columns and row.size_bytes for row in rows):
        return []

    def explained(formula: Callable[[Row], float]) -> bool:
        return all(_same(row.columns[0], formula(row)) for row in rows)

    if explained(lambda row: (row.size_bytes or 0) * row.iterations / row.time_ns):
        worst = max(pairs, key=lambda pair: pair.printed_ratio or 0)
        return [
            _COUNTED_TWICE.format(
                column=column,
                rows=len(rows),
                name=worst.name,
                printed=worst.printed_ratio or 0,
                time=worst.time_ratio,
            )
        ]
    if explained(lambda row: (row.size_bytes or 0) / row.time_ns):
        return []
    return [f"'{column}' could not be computed from size and Time: it is shown, not used"]


def _iteration_warnings(first: MailTable, second: MailTable) -> list[str]:
    """Tells when the run length was fixed in CPU time, which makes Iterations a copy of it."""
    budgets = [row.iterations * row.cpu_ns / 1e9 for table in (first, second) for row in table.rows]
    if max(budgets) > _ITERATIONS_SPREAD * min(budgets):
        return []
    span = f"{min(budgets):.2f} to {max(budgets):.2f} s (median {median(budgets):.2f})"
    return [f"Iterations * CPU is {span} in every row: Iterations follows from the time and is no result"]
