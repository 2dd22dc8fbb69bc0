# SPDX-License-Identifier: Apache-2.0
"""The full report on a terminal: all that the short page (`summary_page.py`) leaves out."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.text import Text

from orchestrator.oom.explain import explain
from orchestrator.report.audit import print_audit
from orchestrator.report.comparisons import print_answer, print_comparison
from orchestrator.report.console.head import print_head
from orchestrator.report.console.summary_page import print_summary
from orchestrator.report.costs import print_costs
from orchestrator.report.huge_pages import print_faults
from orchestrator.report.kernels import brief, title
from orchestrator.report.next_steps import place_line
from orchestrator.report.picture import print_picture
from orchestrator.report.rows import (
    control_line,
    output_lines,
    remarks,
    sample_line,
    variant_rows,
    warnings,
)
from orchestrator.report.tables import PlainTable
from orchestrator.text.plain import one_line
from orchestrator.verdict.judged_run import JudgedRun
from orchestrator.verdict.verdict import PassVerdict, Verdict


def show(judged: JudgedRun, console: Console, *, verbose: bool) -> None:
    """A run as people ask for it: the short page, or the full report."""
    if verbose:
        print_report(judged.verdict, console, page_sizes=judged.page_sizes)
        console.print(Text(place_line(judged)), soft_wrap=True)
    else:
        print_summary(judged, console)


def print_report(verdict: Verdict, console: Console, *, page_sizes: Mapping[str, int]) -> None:
    """Print the whole report. `page_sizes` gives each variant's page size in bytes."""
    print_head(verdict, console)
    console.print()
    for each in verdict.passes:
        console.print(_table(verdict.scenario, each))
        console.print(Text(sample_line(each)), soft_wrap=True)
        if each.picture is not None:
            print_picture(each.picture, console)
        for control in each.controls:
            console.print(Text(one_line(control_line(control))), soft_wrap=True)
        print_audit(each, console)
        print_costs(each, console)
        print_faults(each, console)
        for comparison in each.comparisons:
            print_comparison(comparison, console)
        for answer in each.answers:
            print_answer(answer, console)
    _print_ends(verdict, console, page_sizes)
    _print_kernels(verdict, console)
    _print_remarks(verdict, console)


def _print_ends(verdict: Verdict, console: Console, page_sizes: Mapping[str, int]) -> None:
    """The first OOM of each variant, and its first command that failed."""
    for name, variant in verdict.variants.items():
        if variant.first_oom is not None:
            console.print(Text(f"First OOM of {name}:", style="bold"))
            page_bytes = page_sizes[name]
            for line in explain(variant.first_oom, page_size_bytes=page_bytes):
                console.print(Text(f"  {line}"), soft_wrap=True)
        if variant.failed_output is not None:
            console.print(Text(f"Failed command of {name}:", style="bold"))
            for line in output_lines(variant.failed_output):
                console.print(Text(f"  {one_line(line)}"), soft_wrap=True)


def _print_kernels(verdict: Verdict, console: Console) -> None:
    """What of the kernels is not as on a phone."""
    lines = brief(verdict.kernels) if verdict.kernels is not None else []
    if verdict.kernels is not None and lines:
        console.print(Text(f"{title(verdict.kernels)} ({verdict.kernels.reference}):", style="bold"))
        for line in lines:
            console.print(Text(f"  {one_line(line)}"), soft_wrap=True)


def _table(scenario: str, each: PassVerdict) -> PlainTable:
    """One column a variant: that fits a terminal of 80 columns with two variants or three."""
    machine = ", ".join(filter(None, (f"{each.clock} clock", each.accelerator, each.cpu_model)))
    title = f"{scenario} ({machine})"
    table = PlainTable(title=title)
    table.add_column("")
    for name in each.variants:
        table.add_column(Text(name))
    for label, cells in variant_rows(each.variants.values()):
        table.add_row(label, *(Text(one_line(cell)) for cell in cells))
    return table


def _print_remarks(verdict: Verdict, console: Console) -> None:
    for line in remarks(verdict):
        console.print(Text(one_line(line)), soft_wrap=True)
    for line in warnings(verdict):
        console.print(Text(one_line(line), style="yellow"), soft_wrap=True)
