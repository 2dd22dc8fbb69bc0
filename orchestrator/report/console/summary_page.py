# SPDX-License-Identifier: Apache-2.0
"""The short page of a run: the verdict, what was seen, one table, the first OOM, what to do next.

A run ends with it, and `oomlab report` shows it: most runs get one look. All else is in the full report
(`terminal.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from rich.console import Console
from rich.text import Text

from orchestrator.oom.explain import explain
from orchestrator.report.console.head import print_head
from orchestrator.report.next_steps import next_steps
from orchestrator.report.rows import (
    brief_rows,
    control_line,
    few,
    output_lines,
    sample_line,
    variant_rows,
    warnings,
)
from orchestrator.report.tables import PlainTable
from orchestrator.text.plain import one_line
from orchestrator.verdict.judged_run import JudgedRun
from orchestrator.verdict.verdict import PassVerdict, Verdict

_MOST_LINES = 4
"""Of each list: with all of them at their longest, a page has about forty lines."""
_MOST_COLUMNS = 3
"""Variants that stand side by side within 80 columns; more of them stand below one another."""


def print_summary(judged: JudgedRun, console: Console) -> None:
    """The short page of a run."""
    verdict = judged.verdict
    print_head(verdict, console, partial(few, most=_MOST_LINES))
    console.print()
    before: list[tuple[str, list[str]]] = []
    for each in verdict.passes:
        before = _print_table(verdict.scenario, each, before, console)
        console.print(Text(sample_line(each).splitlines()[0]), soft_wrap=True)
    for line in few([one_line(line) for line in _doubts(verdict)], _MOST_LINES):
        console.print(Text(line, style="yellow"), soft_wrap=True)
    _print_first_oom(judged, console)
    _print_failed_command(verdict, console)
    console.print()
    for line in next_steps(judged):
        console.print(Text(line), soft_wrap=True)


def _print_table(
    scenario: str, each: PassVerdict, before: Sequence[tuple[str, list[str]]], console: Console
) -> list[tuple[str, list[str]]]:
    """What all trials under a clock came to; of a second clock only what is not as under the first."""
    machine = ", ".join(filter(None, (f"{each.clock} clock", each.accelerator, each.cpu_model)))
    table = PlainTable(title=f"{scenario} ({machine})")
    table.add_column("")
    rows = variant_rows(each.variants.values())
    if len(each.variants) > _MOST_COLUMNS:
        labels, cells = brief_rows(each.variants)
        for label in labels:
            table.add_column(label)
        for name, own in cells:
            table.add_row(Text(one_line(name)), *(Text(one_line(cell)) for cell in own))
    else:
        for name in each.variants:
            table.add_column(Text(one_line(name)))
        for label, own in rows:
            if (label, own) not in before:
                table.add_row(label, *(Text(one_line(cell)) for cell in own))
    console.print(table)
    return rows


def _doubts(verdict: Verdict) -> Iterator[str]:
    for each in verdict.passes:
        yield from map(control_line, each.controls)
    yield from warnings(verdict)


def _print_first_oom(judged: JudgedRun, console: Console) -> None:
    for name, variant in judged.verdict.variants.items():
        if variant.first_oom is not None:
            console.print(Text(f"First OOM of {one_line(name)}:", style="bold"))
            for line in explain(variant.first_oom, judged.page_sizes[name]):
                console.print(Text(f"  {line}"), soft_wrap=True)
            return


def _print_failed_command(verdict: Verdict, console: Console) -> None:
    for name, variant in verdict.variants.items():
        if variant.failed_output is not None:
            console.print(Text(f"Failed command of {one_line(name)}:", style="bold"))
            for line in output_lines(variant.failed_output, _MOST_LINES):
                console.print(Text(f"  {one_line(line)}"), soft_wrap=True)
            return
