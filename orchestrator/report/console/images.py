# SPDX-License-Identifier: Apache-2.0
"""What the image cache holds, for people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.filesize import decimal
from rich.text import Text

from orchestrator.kernels.cache import CacheEntry, Pruned
from orchestrator.report.tables import PlainTable
from orchestrator.text.amounts import count_of


def print_images(entries: Sequence[CacheEntry], console: Console) -> None:
    """A table of the entries, the least recently used first, and their sum."""
    table = PlainTable("kind", "what", "size", "last used", "key")
    for entry in entries:
        used = datetime.fromtimestamp(entry.last_used_at, UTC).astimezone()
        table.add_row(
            entry.meta.kind,
            Text(entry.meta.what),
            decimal(entry.size_bytes),
            used.strftime("%Y-%m-%d %H:%M"),
            entry.key[:12],
        )
    console.print(table)
    console.print(_sum("", entries))


def print_pruned(pruned: Pruned, console: Console) -> None:
    """What was removed, and what had to stay."""
    console.print(_sum("removed ", pruned.removed))
    if pruned.in_use:
        console.print(_sum("in use and kept: ", pruned.in_use))


def _sum(prefix: str, entries: Sequence[CacheEntry]) -> str:
    return f"{prefix}{count_of('entry', len(entries))}, {decimal(sum(entry.size_bytes for entry in entries))}"
