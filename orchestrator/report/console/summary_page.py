# SPDX-License-Identifier: Apache-2.0
"""The short page of a run: the verdict, what was seen, one table, the first OOM, what to do next.

A run ends with it, and `oomlab report` shows it: most runs get one look. All else is in the full report
(`terminal.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from orchestrator.oom.explain import explain
from orchestrator.report.console.fitted import NEVER, Fitted, Line, Section, fitted, text
from orchestrator.report.console.head import STYLES
from orchestrator.report.console.streams import PlainConsole
from orchestrator.report.costs import foremost_rows
from orchestrator.report.huge_pages import brief_fault_table
from orchestrator.report.next_steps import left_out_line, next_steps
from orchestrator.report.rows import (
    brief_rows,
    control_line,
    few,
    headline,
    output_lines,
    reasons,
    row_rank,
    sample_line,
    settings_lines,
    variant_rows,
    warnings,
)
from orchestrator.report.tables import PlainTable
from orchestrator.text.plain import one_line
from orchestrator.verdict.judged_run import JudgedRun
from orchestrator.verdict.records import PassVerdict
from orchestrator.verdict.summary import summarise
from orchestrator.verdict.verdict import Verdict

_Row = tuple[str, list[str]]
"""A label, and a cell for each variant."""
MOST_LINES = 39
"""With the verdict's line for programs a run prints forty, those on its way to the verdict among them."""
LEAST_LINES = 24
"""However much that was."""
_MOST_OF_A_LIST = 4
_MOST_COLUMNS = 3
"""Variants that stand side by side within 80 columns; more of them stand below one another."""
_DETAIL = 2
"""The rank of what the full report says better; rows of tables have their own (`row_rank`)."""
_SETTINGS = 5
"""The rank of what variants were told: their names say it, too, and rows of variants say more."""
_FURTHER_CLOCK = 20
"""Added to the ranks of what stands there for a second clock."""
_HARMLESS = 4
"""The rank of a variant in a table of many that did as expected."""


def print_summary(judged: JudgedRun, console: Console) -> None:
    """The short page of a run, in the lines that are left when what went before is counted."""
    printed = console.printed_lines if isinstance(console, PlainConsole) else 0
    page = fitted_page(judged, max(LEAST_LINES, MOST_LINES - printed), console)
    for section in page.sections:
        _print_section(section, console)
    if page.left_out:
        console.print(Text(one_line(left_out_line(page.left_out))), soft_wrap=True)
    for line in next_steps(judged):
        console.print(Text(line), soft_wrap=True)


def fitted_page(judged: JudgedRun, most_lines: int, console: Console) -> Fitted:
    """All but the last lines, which say what to do next, as the console is wide.

    Lists are cut first where all that may be left out would not be enough.
    """
    room = most_lines - len(next_steps(judged))
    height = partial(_height, console)
    pages = (fitted(list(_sections(judged, most)), room, height) for most in range(_MOST_OF_A_LIST, 0, -1))
    smallest = next(pages)
    for page in pages:
        if smallest.height <= room:
            break
        smallest = page
    return smallest


def _sections(judged: JudgedRun, most: int) -> Iterator[Section]:
    verdict = judged.verdict
    yield text(headline(verdict), style=STYLES[verdict.conclusion])
    yield text(summarise(verdict).sentence)
    yield text(*(f"  {line}" for line in few(reasons(verdict), most)))
    yield text(*few(verdict.foremost, most), style="bold red")
    yield text("")
    before: list[_Row] = []
    for number, each in enumerate(verdict.passes):
        costs = foremost_rows(each, settings=bool(verdict.settings))
        rows = [*variant_rows(each.variants.values()), *costs]
        new = [row for row in rows if row not in before]
        yield _table(verdict.scenario, each, new, costs, number)
        yield from _faults(each, number)
        rank = _DETAIL + _FURTHER_CLOCK if number else NEVER
        yield text(sample_line(each).splitlines()[0], rank=rank, what=_under(each))
        before = rows
    yield text(*settings_lines(verdict), rank=_SETTINGS, what="what each variant was told")
    yield from _doubts(verdict, most)
    yield from _first_oom(verdict, judged.page_sizes)
    yield from _failed_command(verdict)
    yield text("")


def _faults(each: PassVerdict, number: int) -> Iterator[Section]:
    """Of huge pages, where any were asked for; at the target they are what was asked."""
    table = brief_fault_table(each)
    if table is not None:
        ranks = (_DETAIL if "relaxed" in label else 1 for label, *_ in table.rows)
        lines = (
            Line(cells, rank + _FURTHER_CLOCK if number else rank, f"huge pages: {cells[0]}")
            for cells, rank in zip(table.rows, ranks, strict=True)
        )
        yield Section(tuple(lines), title=table.title, headings=table.headings)


def _table(
    scenario: str, each: PassVerdict, rows: Sequence[_Row], costs: Sequence[_Row], number: int
) -> Section:
    """What all trials under a clock came to; of a second clock only what is not as under the first."""
    machine = ", ".join(filter(None, (f"{each.clock} clock", each.accelerator, each.cpu_model)))
    many = len(each.variants) > _MOST_COLUMNS
    headings, lines = _variants(each, costs) if many else (list(each.variants), _rows(rows))
    if number:
        lines = [Line(line.cells, line.rank + _FURTHER_CLOCK, _under(each)) for line in lines]
    return Section(tuple(lines), title=f"{scenario} ({machine})", headings=("", *headings))


def _rows(rows: Sequence[_Row]) -> list[Line]:
    return [Line((label, *cells), row_rank(label), label) for label, cells in rows]


def _variants(each: PassVerdict, costs: Sequence[_Row]) -> tuple[list[str], list[Line]]:
    labels, rows = brief_rows(each.variants)
    labels += [label for label, _ in costs]
    rows = [
        (name, [*cells, *(figures[place] for _, figures in costs)])
        for place, (name, cells) in enumerate(rows)
    ]
    ranks = (1 if each.variants[name].unmet else _HARMLESS for name, _ in rows)
    return labels, [
        Line((name, *cells), rank if place else NEVER, "variant", counted=True)
        for place, ((name, cells), rank) in enumerate(zip(rows, ranks, strict=True))
    ]


def _under(each: PassVerdict) -> str:
    return f"figures under the {each.clock} clock"


def _doubts(verdict: Verdict, most: int) -> Iterator[Section]:
    """What chance does, which is one of the reasons to have twins, and what weakens the evidence."""
    controls = [control for each in verdict.passes for control in each.controls]
    for fault, rank in ((True, NEVER), (False, _DETAIL)):
        lines = [control_line(each) for each in controls if (each.identical is False) == fault]
        yield text(*few(lines, most), style="yellow", rank=rank, what="A/A controls")
    yield text(*few(list(warnings(verdict)), most), style="yellow")


def _first_oom(verdict: Verdict, page_sizes: Mapping[str, int]) -> Iterator[Section]:
    for name, variant in verdict.variants.items():
        if variant.first_oom is not None:
            yield text(f"First OOM of {name}:", style="bold")
            first, *rest = (f"  {line}" for line in explain(variant.first_oom, page_sizes[name]))
            yield text(first)
            yield text(*rest, rank=_DETAIL, what="what was free at that OOM, and who was killed")
            return


def _failed_command(verdict: Verdict) -> Iterator[Section]:
    for name, variant in verdict.variants.items():
        if variant.failed_output is not None:
            yield text(f"Failed command of {name}:", style="bold")
            first, *rest = (f"  {line}" for line in output_lines(variant.failed_output, _MOST_OF_A_LIST))
            yield text(first)
            yield text(*rest, rank=_DETAIL, what="what that command wrote")
            return


def _height(console: Console, section: Section) -> int:
    """In lines: a terminal folds text, rich folds what is in a table."""
    if section.headings:
        return len(console.render_lines(_printed_table(section), pad=False)) if section.lines else 0
    lengths = (cell_len(one_line(line.cells[0])) for line in section.lines)
    return sum(max(1, -(-length // console.width)) for length in lengths)


def _print_section(section: Section, console: Console) -> None:
    if not section.headings:
        for line in section.lines:
            console.print(Text(one_line(line.cells[0]), style=section.style), soft_wrap=True)
    elif section.lines:
        console.print(_printed_table(section))


def _printed_table(section: Section) -> PlainTable:
    table = PlainTable(title=section.title)
    for heading in section.headings:
        table.add_column(Text(one_line(heading)))
    for line in section.lines:
        table.add_row(*(Text(one_line(cell)) for cell in line.cells))
    return table
