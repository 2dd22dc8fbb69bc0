# SPDX-License-Identifier: Apache-2.0
"""A run as text for a reply on a mailing list: ASCII, 72 columns, so that it survives quoting twice."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from orchestrator.analysis.comparison import Answer, Comparison
from orchestrator.oom.explain import explain, visible
from orchestrator.report.facts import amount, trigger_words, variant_lines, what_was_run
from orchestrator.report.mail_layout import COLUMNS, shell_lines, table
from orchestrator.report.rows import (
    VARIANT_ROWS,
    control_line,
    few,
    headline,
    reasons,
    remarks,
    sample_line,
    warnings,
)
from orchestrator.report.source import RunReport
from orchestrator.report.timings import sentences, timing_tables
from orchestrator.verdict import PassVerdict

_COLUMNS_OF_VARIANTS = 3


def render_mail(report: RunReport) -> str:
    """The text, ready to be pasted. Nothing a guest said can begin a line or leave ASCII."""
    return "\n".join(line.rstrip() for line in _lines(report)) + "\n"


def _lines(report: RunReport) -> Iterator[str]:
    yield from _what(report)
    for each in report.verdict.passes:
        yield from _outcomes(report, each)
        for comparison in each.comparisons:
            yield from _comparison(comparison, each)
    yield from _first_ooms(report)
    for each in report.verdict.passes:
        several = f" ({each.clock} clock)" if len(report.verdict.passes) > 1 else ""
        for number, answer in enumerate(each.answers, start=1):
            yield from _answer(f"Question {number}{several}", answer)
    yield from _conclusion(report)


def _what(report: RunReport) -> Iterator[str]:
    yield from _paragraph(headline(report.verdict))
    for reason in few(reasons(report.verdict)):
        yield from _item(reason)
    yield ""
    yield from _paragraph(f"Tested with {what_was_run(report)}")
    yield from _paragraph(f"Load: {trigger_words(report)}; {amount(report)}.")
    yield ""
    for name, words in variant_lines(report):
        yield from _item(f"{name}: {words}")


def _outcomes(report: RunReport, each: PassVerdict) -> Iterator[str]:
    yield from _heading(f"Outcome, {each.clock} clock")
    names = list(each.variants)
    for start in range(0, len(names), _COLUMNS_OF_VARIANTS):
        shown = names[start : start + _COLUMNS_OF_VARIANTS]
        rows = [
            [label, *(cell(each.variants[name]) for name in shown)] for label, cell in VARIANT_ROWS.items()
        ]
        yield from table(["", *shown], rows)
        yield ""
    for line in sample_line(each).splitlines():
        yield from _item(line)
    for control in each.controls:
        yield from _item(control_line(control))
    if each is report.verdict.passes[0]:
        for line in [*remarks(report.verdict), *warnings(report.verdict)]:
            yield from _item(line)


def _comparison(comparison: Comparison, each: PassVerdict) -> Iterator[str]:
    yield from _heading(f"{comparison.candidate} against {comparison.baseline}, {each.clock} clock")
    for line in sentences(comparison):
        yield from _item(line)
    for timings in timing_tables(comparison):
        yield ""
        yield from _paragraph(f"{timings.title} (below 0 %: {comparison.candidate} is faster)")
        yield from table(timings.headings, timings.rows, numbers=True)


def _first_ooms(report: RunReport) -> Iterator[str]:
    for name, variant in report.verdict.variants.items():
        if variant.first_oom is not None:
            yield from _heading(f"First OOM of {name}")
            for line in explain(variant.first_oom, report.page_sizes.get(name, 4096)):
                yield from _item(line)


def _answer(name: str, answer: Answer) -> Iterator[str]:
    yield from _heading(f"{name}: {answer.question}")
    yield from _paragraph(answer.answer, "  ")
    for line in answer.evidence:
        yield from _item(line)
    if answer.open:
        yield from _paragraph(f"Open: {answer.open}", "  ")


def _conclusion(report: RunReport) -> Iterator[str]:
    yield from _heading("To repeat this")
    yield from shell_lines(report.repeat_commands[0])
    yield ""
    if report.verdict.expectations_met:
        yield "Tested-by: YOUR NAME <YOUR ADDRESS>"
    else:
        yield "No Tested-by is suggested: the expectations were not shown to be met."


def _heading(text: str) -> Iterator[str]:
    yield ""
    yield from _paragraph(text)
    yield ""


def _paragraph(text: str, indent: str = "") -> Sequence[str]:
    return textwrap.wrap(
        visible(text), COLUMNS, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )


def _item(text: str) -> Sequence[str]:
    """An item of a list; its lines are indented, so that none can be taken for a trailer or a quote."""
    return textwrap.wrap(
        visible(text), COLUMNS, initial_indent="  * ", subsequent_indent="    ", break_on_hyphens=False
    )
