# SPDX-License-Identifier: Apache-2.0
"""Benchmark tables as Google Benchmark prints them, also retyped, quoted and decorated.

`Time` and `CPU` are both per iteration; `Iterations` is chosen by the library so that the run takes long
enough and says nothing by itself (google/benchmark, docs/user_guide.md).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.mail.message import MailLine

_NS = {"ns": 1.0, "us": 1e3, "µs": 1e3, "μs": 1e3, "ms": 1e6, "s": 1e9}
_NUMBER = r"\d{1,15}(?:\.\d{1,9})?(?:[eE][+-]?\d{1,2})?"
_ROW = re.compile(
    rf"^\s{{0,80}}(\S{{1,200}})\s{{1,200}}({_NUMBER})(?: ?(ns|us|µs|μs|ms|s))?\s{{1,200}}"
    rf"({_NUMBER})(?: ?(ns|us|µs|μs|ms|s))?\s{{1,200}}(\d{{1,15}})(?!\S*[.\d])(.{{0,300}})$"
)
_TIME_UNIT = r"(?:\s*[(\[](ns|us|µs|μs|ms|s)[)\]])?"
_HEADER = re.compile(rf"^\s*(Benchmark\S*)\s+Time{_TIME_UNIT}\s+CPU{_TIME_UNIT}\s+Iterations\b(.*)$")
_EXTRA = re.compile(r"(?:([A-Za-z_][\w.]{0,60})=)?(\d{1,15}(?:\.\d{1,9})?)([kMGT]?)[^\s\d]{0,20}")


@dataclass(frozen=True)
class Column:
    """A further printed value: its digits as they stand, for comparing what was cut or rounded."""

    name: str
    printed: str

    @property
    def value(self) -> float:
        """The number."""
        return float(self.printed)

    @property
    def decimals(self) -> int:
        """Digits behind the point."""
        return len(self.printed.partition(".")[2])


@dataclass(frozen=True)
class Row:
    """One benchmark: times in nanoseconds per iteration."""

    line: int
    name: str
    time_ns: float
    cpu_ns: float
    iterations: int
    columns: tuple[Column, ...] = ()

    @property
    def key(self) -> str:
        """The name without what people change when they type it again: `/` or `-` before an argument."""
        return re.sub(r"[-/:_]+", "/", self.name)

    @property
    def size_bytes(self) -> int | None:
        """The last number in the name: the argument of the benchmark, here a size."""
        match = re.search(r"[-/:](\d{1,12})(?:/(?:real_time|process_time|threads:\d+))?$", self.name)
        return int(match[1]) if match else None


@dataclass(frozen=True)
class MailTable:
    """Rows that stand together, the label in their header, and the line before it."""

    line: int
    label: str
    title: str
    column_names: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def name(self) -> str:
        """What to call the table."""
        return self.label or self.title or f"table at line {self.line}"


@dataclass(frozen=True)
class _Head:
    line: int
    label: str
    title: str
    columns: tuple[str, ...]
    units: tuple[str, str] = ("", "")
    """Of the two times, where the rows have none."""


def find_tables(lines: Iterable[MailLine]) -> list[MailTable]:
    """All tables in the lines. Other text between rows ends a table only when a new header follows."""
    tables: list[MailTable] = []
    before = ""
    head = _Head(0, "", "", ())
    rows: list[Row] = []
    for line in lines:
        header = _HEADER.match(line.text) if len(line.text) < 1000 else None
        row = _row(line, head)
        if header is not None or (rows and row is not None and _is_repeat(row, rows)):
            tables += _table(head, rows)
            rows = []
            head = _head(line, header, before) if header else _Head(line.number, "", "", ())
            before = ""
        if row is not None:
            rows.append(row)
        elif header is None and line.text.strip(" -=_"):
            before = line.text.strip()
    return tables + _table(head, rows)


def _is_repeat(row: Row, rows: list[Row]) -> bool:
    """The same names again without a header. One name many times over is a run with repetitions."""
    return len({other.key for other in rows}) > 1 and row.key == rows[0].key and row.key != rows[-1].key


def _table(head: _Head, rows: list[Row]) -> list[MailTable]:
    if not rows:
        return []
    return [MailTable(head.line or rows[0].line, head.label, head.title, head.columns, tuple(rows))]


def _head(line: MailLine, header: re.Match[str], before: str) -> _Head:
    label = header[1].removeprefix("Benchmark").strip("-_:/")
    title = before if len(before) < 80 else ""
    return _Head(
        line.number, label, title.rstrip(":"), tuple(header[4].split()), (header[2] or "", header[3] or "")
    )


def _row(line: MailLine, head: _Head) -> Row | None:
    match = _ROW.match(line.text) if len(line.text) < 1000 else None
    if match is None:
        return None
    name, time, time_unit, cpu, cpu_unit, iterations, rest = match.groups()
    units = (time_unit or head.units[0], cpu_unit or head.units[1])
    if not all(units):
        return None
    names = head.columns
    columns = tuple(
        Column(extra[1] or (names[index] if index < len(names) else f"column {index + 5}"), extra[2])
        for index, extra in enumerate(_EXTRA.finditer(rest))
    )
    values = float(time) * _NS[units[0]], float(cpu) * _NS[units[1]]
    if not all(0 < value < math.inf for value in values):
        return None
    return Row(line.number, name, *values, int(iterations), columns)
