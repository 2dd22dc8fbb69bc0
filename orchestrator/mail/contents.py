# SPDX-License-Identifier: Apache-2.0
"""Everything a saved mail or thread contains."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.errors import InputError
from orchestrator.mail.comparison import Comparison, compare, one_way_mb_s
from orchestrator.mail.diff import FoundPatch, find_patches, without_copies
from orchestrator.mail.message import Message, read_messages
from orchestrator.mail.table import Row, Table, find_tables
from orchestrator.oom.reader import read_events
from orchestrator.oom.records import MemoryEvent, summary
from orchestrator.reading import read_bounded
from orchestrator.units import MIB

MAX_MAIL_BYTES = 64 * MIB


@dataclass(frozen=True)
class Contents:
    """What was found, in the order of the file."""

    messages: tuple[Message, ...]
    reports: tuple[MemoryEvent, ...]
    tables: tuple[Table, ...]
    comparisons: tuple[Comparison, ...]
    patches: tuple[FoundPatch, ...]

    @property
    def empty(self) -> bool:
        """Nothing that this program can use."""
        return not (self.reports or self.tables or self.patches)


def load_mail(path: Path) -> bytes:
    """The bytes of a saved mail; InputError when there is none, or it is no text."""
    data = read_bounded(path, MAX_MAIL_BYTES, hint="for consoles there is `oomlab oom`")
    if not data.strip():
        raise InputError(f"{path} is empty", hint="save the mail with its text, as `git am` would take it")
    if b"\0" in data:
        raise InputError(f"{path} is binary", hint="expected a mail or thread saved as text, mbox or HTML")
    return data


def read_contents(data: bytes) -> Contents:
    """Finds everything; pure, and never raises on any bytes."""
    messages = tuple(read_messages(data))
    text = "".join(message.text for message in messages)
    reports = tuple(event for event in read_events(text.encode()) if isinstance(event, MemoryEvent))
    tables = tuple(table for message in messages for table in find_tables(message.lines))
    patches = tuple(without_copies([patch for message in messages for patch in find_patches(message)]))
    added = "\n".join(text for patch in patches for text in patch.added)
    removed = "\n".join(text for patch in patches for text in patch.removed)
    return Contents(messages, reports, tables, tuple(compare(tables, added, removed)), patches)


def contents_json(contents: Contents) -> dict[str, Any]:
    """The object for people's scripts."""
    return {
        "messages": [
            {"subject": message.subject, "undone": list(message.undone)} for message in contents.messages
        ],
        **summary(contents.reports),
        "tables": [_table_json(table) for table in contents.tables],
        "comparisons": [_comparison_json(item) for item in contents.comparisons],
    }


def _table_json(table: Table) -> dict[str, Any]:
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


def _comparison_json(item: Comparison) -> dict[str, Any]:
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
