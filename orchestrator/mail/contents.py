# SPDX-License-Identifier: Apache-2.0
"""Everything a saved mail or thread contains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from orchestrator.mail.diff import FoundPatch, find_patches, without_copies
from orchestrator.mail.grid import Grid, find_grids
from orchestrator.mail.grid_comparison import GridComparison, compare_grids
from orchestrator.mail.leftovers import Leftover, find_leftovers
from orchestrator.mail.message import Message, read_messages
from orchestrator.mail.series import Arranged, arrange
from orchestrator.mail.table import MailTable, Row, find_tables
from orchestrator.mail.table_comparison import TableComparison, compare, one_way_mb_s
from orchestrator.oom.reader import read_events
from orchestrator.oom.records import MemoryEvent, summary


@dataclass(frozen=True)
class Contents:
    """What was found, in the order of the file."""

    messages: tuple[Message, ...]
    reports: tuple[MemoryEvent, ...]
    tables: tuple[MailTable, ...]
    comparisons: tuple[TableComparison, ...]
    patches: tuple[FoundPatch, ...]
    grids: tuple[Grid, ...] = ()
    """Tables of another form."""
    grid_comparisons: tuple[GridComparison, ...] = ()
    leftovers: tuple[Leftover, ...] = ()
    """What looks like a patch and is none."""
    together: bool = False
    """Several files that were given as one: patches without a number are in their order."""
    report_files: tuple[str, ...] = ()
    """Then also the file of every report."""

    @property
    def arranged(self) -> Arranged:
        """The patches in groups that are one change each."""
        return arrange(self.patches, together=self.together)

    @property
    def text(self) -> str:
        """All lines without quoting."""
        return "".join(message.text for message in self.messages)

    @property
    def empty(self) -> bool:
        """Nothing that this program can use."""
        return not (self.reports or self.tables or self.grids or self.patches or self.leftovers)


def read_contents(data: bytes) -> Contents:
    """Finds everything; pure, and never raises on any bytes."""
    return read_files({"": data})


def read_files(files: Mapping[str, bytes]) -> Contents:
    """The same of several files that belong together, by their names, in order."""
    messages: list[Message] = []
    names: list[str] = []
    reports: list[tuple[str, MemoryEvent]] = []
    found: list[FoundPatch] = []
    for name, data in files.items():
        own = read_messages(data)
        text = "".join(message.text for message in own)
        events = read_events(text.encode(errors="surrogateescape"))
        reports += [(name, event) for event in events if isinstance(event, MemoryEvent)]
        found += [replace(patch, file=name) for message in own for patch in find_patches(message)]
        messages += own
        names += [name] * len(own)
    tables = tuple(table for message in messages for table in find_tables(message.lines))
    patches = tuple(without_copies(found))
    added = "\n".join(text for patch in patches for text in patch.added)
    removed = "\n".join(text for patch in patches for text in patch.removed)
    subject = next((message.subject for message in messages if message.subject), "")
    grids, compared = _grids(messages, tables, added, removed)
    return Contents(
        messages=tuple(messages),
        reports=tuple(event for _, event in reports),
        tables=tables,
        comparisons=tuple(compare(tables, added, removed, subject)),
        patches=patches,
        grids=grids,
        grid_comparisons=compared,
        leftovers=tuple(
            replace(item, file=name)
            for name, message in zip(names, messages, strict=True)
            for item in find_leftovers(message, patches)
        ),
        together=len(files) > 1,
        report_files=tuple(name for name, _ in reports),
    )


def _grids(
    messages: Sequence[Message], tables: Sequence[MailTable], added: str, removed: str
) -> tuple[tuple[Grid, ...], tuple[GridComparison, ...]]:
    """The tables of every mail that are none of Google Benchmark's, compared by its own subject."""
    known = {row.line for table in tables for row in table.rows}
    grids: list[Grid] = []
    compared: list[GridComparison] = []
    for message in messages:
        own = [grid for grid in find_grids(message.lines) if not known & {row.line for row in grid.rows}]
        grids += own
        compared += compare_grids(own, message.subject, added, removed)
    return tuple(grids), tuple(compared)


def contents_json(contents: Contents) -> dict[str, Any]:
    """The object for people's scripts."""
    return {
        "messages": [
            {"subject": message.subject, "undone": list(message.undone)} for message in contents.messages
        ],
        **summary(contents.reports),
        "tables": [
            *(_table_json(table) for table in contents.tables),
            *(_grid_json(grid) for grid in contents.grids),
        ],
        "comparisons": [_comparison_json(item) for item in contents.comparisons],
        "column_comparisons": [_columns_json(item) for item in contents.grid_comparisons],
        "no_patches": [asdict(item) for item in contents.leftovers],
    }


def _table_json(table: MailTable) -> dict[str, Any]:
    return {
        "line": table.line,
        "label": table.label,
        "title": table.title,
        "rows": [_row_json(row) for row in table.rows],
    }


def _row_json(row: Row) -> dict[str, Any]:
    return {
        "line": row.line,
        "name": row.name,
        "size_bytes": row.size_bytes,
        "time_ns": row.time_ns,
        "cpu_ns": row.cpu_ns,
        "iterations": row.iterations,
        "printed": {column.name: column.value for column in row.columns},
        "one_way_mb_s": one_way_mb_s(row),
    }


def _grid_json(grid: Grid) -> dict[str, Any]:
    return {
        "line": grid.line,
        "label": grid.label,
        "title": grid.title,
        "unit": grid.unit,
        "columns": [
            {"name": column.name, "unit": column.unit, "role": column.role or None} for column in grid.columns
        ],
        "rows": [
            {
                "line": row.line,
                "name": row.name,
                "unit": row.unit,
                "printed": {
                    column.name: cell.value for column, cell in zip(grid.columns, row.cells, strict=True)
                },
            }
            for row in grid.rows
        ],
    }


def _columns_json(item: GridComparison) -> dict[str, Any]:
    return {
        "base": item.base,
        "changed": item.changed,
        "how": item.how,
        "why": item.why,
        "rows": [{**asdict(row), "ratio": row.ratio, "verdict": row.verdict or None} for row in item.rows],
        "mean": item.mean,
    }


def _comparison_json(item: TableComparison) -> dict[str, Any]:
    return {
        "base": item.base,
        "changed": item.changed,
        "how": item.how,
        "rows": [
            {
                "name": pair.name,
                "time_ratio": pair.time_ratio,
                "cpu_ratio": pair.cpu_ratio,
                "iterations_ratio": pair.iterations_ratio,
                "printed_ratio": pair.printed_ratio,
            }
            for pair in item.pairs
        ],
        "time_mean": item.time_mean,
        "cpu_mean": item.cpu_mean,
        "printed_column": item.printed_column,
        "printed_mean": item.printed_mean,
        "warnings": list(item.warnings),
    }
