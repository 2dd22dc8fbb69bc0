# SPDX-License-Identifier: Apache-2.0
"""How a run's kernels differ from a phone's, in the words that all reports share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TypeVar

from orchestrator.kernels.traits.table import ARRAY, KernelTable, TraitRow

_MOST_LINES = 8
_Told = TypeVar("_Told")


def title(table: KernelTable) -> str:
    """The heading of the section."""
    several = len(table.kernels) > 1
    return f"How {'these kernels differ' if several else 'this kernel differs'} from a phone's"


def brief(table: KernelTable) -> list[str]:
    """A line for each row that differs, and one for what the trigger asks; a few lines in all."""
    lines = [_line(table, row) for row in table.differing]
    asked = [_asked(table, row) for row in table.rows if row.trait == ARRAY and any(row.means)]
    room = _MOST_LINES - len(asked)
    if len(lines) > room:
        lines = [*lines[: room - 1], f"and {len(lines) - room + 1} more: `oomlab report --format html`"]
    return [*lines, *asked]


def _line(table: KernelTable, row: TraitRow) -> str:
    others = [
        f"{cell}{_of(table, names)}"
        for (cell, _), names in _alike(table, [*zip(row.cells, row.differs, strict=True)])
    ]
    return f"{row.trait}: {', '.join(others)} (phone: {row.reference}): {_meaning(table, row)}"


def _asked(table: KernelTable, row: TraitRow) -> str:
    said = [
        f"{cell}{_of(table, names)}{f': {words}' if words else ''}"
        for (cell, words), names in _alike(table, [*zip(row.cells, row.means, strict=True)])
    ]
    return f"{row.trait}: {'; '.join(said)}"


def _alike(table: KernelTable, told: Sequence[_Told]) -> Iterator[tuple[_Told, list[str]]]:
    """What is said of kernels, each once, with the names of those that it is said of."""
    order = list(dict.fromkeys(told))
    pairs = sorted(zip(told, table.kernels, strict=True), key=lambda pair: order.index(pair[0]))
    for words, group in groupby(pairs, key=lambda pair: pair[0]):
        yield words, [name for _, name in group]


def _of(table: KernelTable, names: Sequence[str]) -> str:
    return "" if len(names) == len(table.kernels) else f" with {', '.join(names)}"


def headings_of(table: KernelTable) -> list[str]:
    """Of the whole table."""
    return ["", *table.kernels, f"phone ({table.reference})", "what that means here"]


def rows_of(table: KernelTable) -> list[list[str]]:
    """All of it, a row for each trait; what differs comes first."""
    return [[row.trait, *row.cells, row.reference, _meaning(table, row)] for row in table.rows]


def meanings_of(table: KernelTable) -> list[str]:
    """What each row means that means something, a line each."""
    return [f"{row.trait}: {_meaning(table, row)}" for row in table.telling]


def notes_of(table: KernelTable) -> list[str]:
    """Why something is unknown, a sentence for each reason."""
    reasons: dict[str, list[str]] = {}
    for row in table.rows:
        for why in row.unknown:
            reasons.setdefault(why, []).append(row.trait)
    return [f"unknown of {why} ({', '.join(traits)})" for why, traits in reasons.items()]


def _meaning(table: KernelTable, row: TraitRow) -> str:
    """What it means, of whom, where that is not all of them."""
    said = [(words, names) for words, names in _alike(table, row.means) if words]
    if len(said) == 1 and len(said[0][1]) == len(table.kernels):
        return said[0][0]
    return "; ".join(f"{', '.join(names)}: {words}" for words, names in said)
