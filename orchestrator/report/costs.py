# SPDX-License-Identifier: Apache-2.0
"""What phases cost the kernel, as tables: of all variants side by side, and of two with their difference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from orchestrator.analysis.cost_words import cost_cell, cost_text, range_text, signed_cost
from orchestrator.analysis.costs import CostLine
from orchestrator.analysis.records import Comparison, CostComparison, MeasureComparison
from orchestrator.clock import Clock
from orchestrator.report.audit import PHASE_WORDS
from orchestrator.report.tables import PlainTable
from orchestrator.scenario.costs import COST_NAMES
from orchestrator.text.plain import one_line
from orchestrator.verdict.records import PassVerdict

_NS_PER_MS = 1e6
_OF_SETTINGS = ("kswapd_cpu", "direct_reclaims", "pages_swapped_out", "refaults")


@dataclass(frozen=True)
class CostTable:
    """One phase: its name and how long it took, headings, and rows of as many cells."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def cost_tables(costs: Sequence[CostLine], variants: Sequence[str]) -> Iterator[CostTable]:
    """A table for each phase, a column for each variant; what was 0 everywhere is left out."""
    for phase, words in PHASE_WORDS.items():
        lines = [line for line in costs if line.phase == phase]
        rows = [("it lasted", *(_lasted(lines[0], name) for name in variants))] if lines else []
        rows += [
            (_label(line.name), *(_cell(line, name) for name in variants))
            for line in lines
            if any(line.means.values())
        ]
        if lines:
            yield CostTable(f"costs: {words}", ("", *variants), tuple(rows))


def foremost_rows(each: PassVerdict, *, settings: bool) -> list[tuple[str, list[str]]]:
    """What a short page says of costs, a row each: a label, and a cell for each variant.

    Those that the scenario bounds; where variants differ in `settings`, whose point they are, also the usual
    ones of the trigger. What was 0 everywhere is left out.
    """
    lines = [
        line
        for line in each.costs
        if line.expected or (settings and line.phase == "trigger" and line.name in _OF_SETTINGS)
    ]
    return [
        (
            _label(line.name) + ("" if line.phase == "trigger" else f", {PHASE_WORDS[line.phase]}"),
            [_cell(line, name) for name in each.variants],
        )
        for line in lines
        if any(line.means.values())
    ]


def difference_tables(comparison: Comparison) -> Iterator[CostTable]:
    """A table for each phase of what two variants cost, and how they differ."""
    who = f"{comparison.candidate} against {comparison.baseline}"
    for phase, words in PHASE_WORDS.items():
        costs = [cost for cost in comparison.costs if cost.phase == phase]
        exact = bool(costs) and {cost.interval for cost in costs} <= {"exact", "none"}
        ends = (
            "range, exact" if exact and any(cost.interval == "exact" for cost in costs) else "95 % interval"
        )
        if costs:
            yield CostTable(
                f"costs: {words}, {who}, mean of {comparison.sample}s",
                ("", comparison.baseline, comparison.candidate, "difference", ends, "p"),
                tuple((_label(cost.name), *_difference_cells(cost)) for cost in costs),
            )
    yield from _measure_tables(comparison)


def _measure_tables(comparison: Comparison) -> Iterator[CostTable]:
    """What the triggers measured themselves, beside what it cost."""
    if comparison.measures:
        ends = (
            "range, exact"
            if any(each.interval == "exact" for each in comparison.measures)
            else "95 % interval"
        )
        yield CostTable(
            f"measured by the trigger, mean of {comparison.sample}s",
            ("", comparison.baseline, comparison.candidate, "difference", ends, "p"),
            tuple(_measure_cells(each) for each in comparison.measures),
        )


def _measure_cells(measure: MeasureComparison) -> tuple[str, ...]:
    interval = "-"
    if measure.low is not None and measure.high is not None:
        interval = range_text(measure.low, measure.high, measure.unit)
    return (
        f"{measure.name.replace('_', ' ')}, {measure.unit}".removesuffix(", "),
        cost_text(measure.baseline, measure.unit),
        cost_text(measure.candidate, measure.unit),
        signed_cost(measure.difference, measure.unit),
        interval,
        "-" if measure.p_holm is None else f"{measure.p_holm:.2g}",
    )


def cost_remarks(costs: Sequence[CostLine], clock: Clock) -> Iterator[str]:
    """What has to be known to read the tables; a sentence each."""
    if not costs:
        return
    yield (
        "Costs are of the whole guest while the phase lasted, of trials that were not traced. Percentages are"
        " of the time that it lasted, on one CPU."
    )
    if clock == "deterministic":
        yield "CPU times are instructions; what lasted or stalled did so in guest time, idle time included."
    if not any(line.name == "memory_some" for line in costs):
        yield "No memory pressure (PSI): the kernel was built without it, or needs psi=1 on its command line."


def print_costs(each: PassVerdict, console: Console) -> None:
    """The costs of one clock as the terminal shows them."""
    for table in cost_tables(each.costs, list(each.variants)):
        console.print(_printed(table))
    for line in cost_remarks(each.costs, each.clock):
        console.print(Text(line), soft_wrap=True)


def print_differences(comparison: Comparison, console: Console) -> None:
    """Those of a comparison."""
    for table in difference_tables(comparison):
        console.print(_printed(table))


def _printed(table: CostTable) -> PlainTable:
    made = PlainTable(title=table.title)
    for index, heading in enumerate(table.headings):
        made.add_column(Text(one_line(heading)), justify="right" if index else "left")
    for row in table.rows:
        made.add_row(*(Text(one_line(cell)) for cell in row))
    return made


def _label(name: str) -> str:
    figure = COST_NAMES.get(name)
    return name if figure is None else figure.label


def _lasted(line: CostLine, variant: str) -> str:
    elapsed_ms = line.elapsed_ms.get(variant)
    return "-" if elapsed_ms is None else cost_text(elapsed_ms * _NS_PER_MS, "ns")


def _cell(line: CostLine, variant: str) -> str:
    return cost_cell(line.means.get(variant), line.unit, line.elapsed_ms.get(variant))


def _difference_cells(cost: CostComparison) -> Sequence[str]:
    interval = "-"
    if cost.low is not None and cost.high is not None:
        interval = range_text(cost.low, cost.high, cost.unit)
    return (
        cost_text(cost.baseline, cost.unit),
        cost_text(cost.candidate, cost.unit),
        signed_cost(cost.difference, cost.unit) if cost.comparable else "other work",
        interval,
        "-" if cost.p_holm is None else f"{cost.p_holm:.2g}",
    )
