# SPDX-License-Identifier: Apache-2.0
"""Faults of huge pages in words and cells: a line each for the short page, and whole tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from orchestrator.analysis.huge_pages import HugePageFigure, HugePageTable
from orchestrator.report.audit import PHASE_WORDS
from orchestrator.report.tables import PlainTable
from orchestrator.text.amounts import time_text
from orchestrator.text.plain import one_line
from orchestrator.units import format_size
from orchestrator.verdict.records import PassVerdict

_WHOLE = 1000
"""From here on a mean is shown without decimals."""
_NOTE = (
    "What a fault got is held until the last of its size is done; sizes were tried in this order, each in the"
    " memory that the one before left. Counts are means of one fork; times are of all faults together."
)


@dataclass(frozen=True)
class FaultTable:
    """A title, headings, and rows of as many cells."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def brief_fault_table(each: PassVerdict) -> FaultTable | None:
    """A row for each size and state of memory: how many succeeded, and how long these and the others took."""
    if not each.huge_pages:
        return None
    names = list(each.variants)
    rows = [(_what(table), *(_brief(table, name) for name in names)) for table in each.huge_pages]
    title = f"faults backed by a huge page; time of one that was, of one that was not{_unit(each)}"
    return FaultTable(title, ("", *names), tuple(rows))


def fault_tables(each: PassVerdict) -> Iterator[FaultTable]:
    """All of it, a table for each size and state of memory."""
    names = list(each.variants)
    for table in each.huge_pages:
        rows = [
            (setting, *(values.get(name, "-") for name in names))
            for setting, values in table.settings.items()
        ]
        rows += [(figure.words, *(_cell(figure, table, name) for name in names)) for figure in table.figures]
        yield FaultTable(f"faults of {_what(table)}{_unit(each)}", ("", *names), tuple(rows))


def fault_remarks(each: PassVerdict) -> Iterator[str]:
    """What has to be known to read them."""
    if each.huge_pages:
        yield _NOTE
    for table in each.huge_pages:
        for name, why in table.errors.items():
            yield f"{name}, {_what(table)}: {why}"


def print_faults(each: PassVerdict, console: Console) -> None:
    """Those of the full report."""
    for table in fault_tables(each):
        console.print(_printed(table))
    for line in fault_remarks(each):
        console.print(Text(one_line(line)), soft_wrap=True)


def _printed(table: FaultTable) -> PlainTable:
    made = PlainTable(title=table.title)
    for heading in table.headings:
        made.add_column(Text(one_line(heading)))
    for row in table.rows:
        made.add_row(*(Text(one_line(cell)) for cell in row))
    return made


def _unit(each: PassVerdict) -> str:
    return " (times: instructions)" if each.clock == "deterministic" else ""


def _what(table: HugePageTable) -> str:
    family, _, size = table.benchmark.partition("/")
    words = format_size(int(size)) if size.isdigit() else "the usual size"
    unasked = ", not asked for" if family.endswith("_plain") else ""
    return f"{words}{unasked}, {PHASE_WORDS[table.when]}"


def _brief(table: HugePageTable, variant: str) -> str:
    figures = {figure.name: figure for figure in table.figures}
    success = figures["success"].means.get(variant)
    if success is None:
        return "failed" if variant in table.errors else "-"
    times = [
        _amount(value, figures[name].unit)
        for name in ("hugealloc_mean", "fallback_mean")
        if name in figures and (value := figures[name].means.get(variant)) is not None
    ]
    return "; ".join([f"{success:.0f} %", *times])


def _cell(figure: HugePageFigure, table: HugePageTable, variant: str) -> str:
    value = figure.means.get(variant)
    if value is None:
        return "failed" if variant in table.errors else "-"
    return _amount(value, figure.unit)


def _amount(value: float, unit: str) -> str:
    if unit == "ns":
        return time_text(value)
    if unit == "percent":
        return f"{value:.1f} %"
    return f"{value:,.0f}" if value >= _WHOLE or value == int(value) else f"{value:.1f}"
