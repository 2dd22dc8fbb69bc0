# SPDX-License-Identifier: Apache-2.0
"""The report people read on a terminal: variants side by side, the first OOM, the verdict."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text

from orchestrator.oom.explain import explain
from orchestrator.report.audit import print_audit
from orchestrator.report.comparisons import print_answer, print_comparison
from orchestrator.report.kernels import brief, title
from orchestrator.report.picture import print_picture
from orchestrator.report.rows import (
    control_line,
    headline,
    output_lines,
    reasons,
    remarks,
    sample_line,
    variant_rows,
    warnings,
)
from orchestrator.text.plain import one_line
from orchestrator.verdict.judgement import Conclusion
from orchestrator.verdict.verdict import PassVerdict, Verdict

_STYLES = {
    Conclusion.MET: "bold green",
    Conclusion.NOT_MET: "bold red",
    Conclusion.COMPARED_ONLY: "bold cyan",
    Conclusion.MISSING: "bold yellow",
}


def print_report(verdict: Verdict, console: Console, *, page_sizes: Mapping[str, int]) -> None:
    """Print the whole report. `page_sizes` gives each variant's page size in bytes."""
    for line in verdict.foremost:
        console.print(Text(one_line(line), style="bold red"), soft_wrap=True)
    for each in verdict.passes:
        console.print(_table(verdict.scenario, each))
        console.print(Text(sample_line(each)), soft_wrap=True)
        if each.picture is not None:
            print_picture(each.picture, console)
        for control in each.controls:
            console.print(Text(one_line(control_line(control))), soft_wrap=True)
        print_audit(each, console)
        for comparison in each.comparisons:
            print_comparison(comparison, console)
        for answer in each.answers:
            print_answer(answer, console)
    _print_ends(verdict, console, page_sizes)
    _print_kernels(verdict, console)
    _print_remarks(verdict, console)
    console.print(_conclusion(verdict), soft_wrap=True)


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


def _table(scenario: str, each: PassVerdict) -> Table:
    """One column a variant: that fits a terminal of 80 columns with two variants or three."""
    machine = ", ".join(filter(None, (f"{each.clock} clock", each.accelerator, each.cpu_model)))
    title = f"{scenario} ({machine})"
    table = Table(title=title, title_justify="left")
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


def _conclusion(verdict: Verdict) -> Text:
    text = Text(one_line(headline(verdict)), style=_STYLES[verdict.conclusion])
    return text.append("".join(f"\n  {one_line(reason)}" for reason in reasons(verdict)), style="not bold")
