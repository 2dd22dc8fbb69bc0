# SPDX-License-Identifier: Apache-2.0
"""Histograms of trace events, as the kernel prints them (Documentation/trace/histogram.rst)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_ROW = re.compile(r"^\{(?P<keys>.*)\}\s*hitcount:\s*(?P<hits>\d+)(?P<values>(?:\s+\w+:\s*\d+)*)\s*$")
_VALUE = re.compile(r"(\w+):\s*(\d+)")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,19}")
_SYMBOL = re.compile(r"^\[[0-9a-f]+\]\s*")


@dataclass(frozen=True)
class HistogramRow:
    """One row of a histogram: its keys as text, how often it was hit, and sums over the hits."""

    keys: Mapping[str, str]
    hits: int
    sums: Mapping[str, int] = field(default_factory=dict)

    def number(self, key: str) -> int:
        """A numeric key; ValueError when it is not one, KeyError when it is missing."""
        return int(self.keys[key], 0)


def parse_histogram(text: str) -> list[HistogramRow]:
    """The rows of a `hist` file; lines that are none (comments, totals) are skipped."""
    return [
        HistogramRow(
            dict(_keys(match["keys"])),
            int(match["hits"]),
            {name: int(value) for name, value in _VALUE.findall(match["values"])},
        )
        for line in text.splitlines()
        if (match := _ROW.match(line.strip()))
    ]


def numbered_rows(text: str, *keys: str) -> list[HistogramRow]:
    """The rows in which each of `keys` is a number: what else a guest sends is no row of the agent's."""
    rows = parse_histogram(text)
    return [row for row in rows if all(_NUMBER.fullmatch(row.keys.get(key, "")) for key in keys)]


def dropped_hits(text: str) -> int:
    """Hits that found the histogram full: its counts are then short by as many."""
    match = re.search(r"^\s*Dropped:\s*(\d+)\s*$", text, re.MULTILINE)
    return int(match[1]) if match else 0


def _keys(text: str) -> Iterator[tuple[str, str]]:
    for part in text.split(","):
        name, _, value = part.partition(":")
        yield name.strip(), _SYMBOL.sub("", value.strip())
