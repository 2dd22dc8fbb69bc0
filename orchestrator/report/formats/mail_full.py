# SPDX-License-Identifier: Apache-2.0
"""All of a run as text for a mailing list: ASCII, 72 columns, so that it survives quoting twice."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.analysis.records import Answer, Comparison
from orchestrator.clock import Clock
from orchestrator.oom.explain import explain
from orchestrator.outcome import Outcome
from orchestrator.report.costs import cost_remarks, cost_tables, difference_tables
from orchestrator.report.formats.mail_layout import heading, item, paragraph, shell_lines, table
from orchestrator.report.formats.what_was_run import amount, trigger_words, variant_lines, what_was_run
from orchestrator.report.huge_pages import fault_remarks, fault_tables
from orchestrator.report.kernels import brief, title
from orchestrator.report.rows import (
    control_line,
    few,
    headline,
    output_lines,
    reasons,
    remarks,
    sample_line,
    variant_rows,
    warnings,
)
from orchestrator.report.timings import sentences, timing_tables
from orchestrator.verdict.judged_run import JudgedRun
from orchestrator.verdict.judgement import Conclusion
from orchestrator.verdict.settings import settings_alone
from orchestrator.verdict.verdict import PassVerdict

_COLUMNS_OF_VARIANTS = 2
_AS_TOLD = (Outcome.KERNEL_CRASH, Outcome.PANIC)
"""Expected of a variant, these are no news of it."""


def render_full_mail(report: JudgedRun) -> str:
    """The text, ready to be pasted. Nothing a guest said can begin a line or leave ASCII."""
    return "\n".join(line.rstrip() for line in _lines(report)) + "\n"


def _lines(report: JudgedRun) -> Iterator[str]:
    yield from _what(report)
    for each in report.verdict.passes:
        yield from _outcomes(report, each)
        yield from _costs(each)
        for comparison in each.comparisons:
            yield from comparison_lines(comparison, each.clock)
    yield from _first_ooms(report)
    yield from _failed_commands(report)
    for each in report.verdict.passes:
        several = f" ({each.clock} clock)" if len(report.verdict.passes) > 1 else ""
        for number, answer in enumerate(each.answers, start=1):
            yield from _answer(f"Question {number}{several}", answer)
    yield from _kernels(report)
    yield from _conclusion(report)


def _what(report: JudgedRun) -> Iterator[str]:
    for line in report.verdict.foremost:
        yield from paragraph(line)
        yield ""
    yield from paragraph(headline(report.verdict))
    for reason in few(reasons(report.verdict)):
        yield from item(reason)
    yield ""
    yield from paragraph(f"Tested with {what_was_run(report)}")
    yield from paragraph(f"Load: {trigger_words(report)}; {amount(report)}.")
    yield ""
    for name, words in variant_lines(report):
        yield from item(f"{name}: {words}")


def _outcomes(report: JudgedRun, each: PassVerdict) -> Iterator[str]:
    yield from heading(f"Outcome, {each.clock} clock")
    names = list(each.variants)
    for start in range(0, len(names), _COLUMNS_OF_VARIANTS):
        shown = names[start : start + _COLUMNS_OF_VARIANTS]
        rows = [[label, *cells] for label, cells in variant_rows(each.variants[name] for name in shown)]
        yield from table(["", *shown], rows)
        yield ""
    for line in sample_line(each).splitlines():
        yield from item(line)
    yield from _faults(each)
    for control in each.controls:
        yield from item(control_line(control))
    if each is report.verdict.passes[0]:
        for line in [*remarks(report.verdict), *warnings(report.verdict)]:
            yield from item(line)


def _costs(each: PassVerdict) -> Iterator[str]:
    for costs in cost_tables(each.costs, list(each.variants)):
        yield from heading(f"{costs.title}, {each.clock} clock")
        for start in range(0, len(each.variants), _COLUMNS_OF_VARIANTS):
            shown = slice(start + 1, start + 1 + _COLUMNS_OF_VARIANTS)
            rows = [(row[0], *row[shown]) for row in costs.rows]
            yield from table(("", *costs.headings[shown]), rows, numbers=True)
            yield ""
    for line in cost_remarks(each.costs, each.clock):
        yield from item(line)


def _faults(each: PassVerdict) -> Iterator[str]:
    """Of huge pages; a table for each size and state of memory."""
    for faults in fault_tables(each):
        yield ""
        yield from paragraph(faults.title)
        yield from table(faults.headings, faults.rows, numbers=True)
    for line in fault_remarks(each):
        yield from item(line)


def comparison_lines(comparison: Comparison, clock: Clock) -> Iterator[str]:
    """A comparison: sentences, then its tables."""
    yield from heading(f"{comparison.candidate} against {comparison.baseline}, {clock} clock")
    for line in sentences(comparison):
        yield from item(line)
    for timings in timing_tables(comparison):
        yield ""
        yield from paragraph(f"{timings.title} (below 0 %: {comparison.candidate} is faster)")
        yield from table(timings.headings, timings.rows, numbers=True)
    for costs in difference_tables(comparison):
        yield ""
        yield from paragraph(costs.title)
        yield from table(costs.headings, costs.rows, numbers=True)


def _first_ooms(report: JudgedRun) -> Iterator[str]:
    for name, variant in report.verdict.variants.items():
        if variant.first_oom is not None:
            yield from heading(f"First OOM of {name}")
            for line in explain(variant.first_oom, report.page_sizes[name]):
                yield from item(line)


def _failed_commands(report: JudgedRun) -> Iterator[str]:
    for name, variant in report.verdict.variants.items():
        if variant.failed_output is not None:
            yield from heading(f"Failed command of {name}")
            for line in output_lines(variant.failed_output):
                yield from item(line.strip())


def _kernels(report: JudgedRun) -> Iterator[str]:
    """What of the kernels is not as on a phone."""
    table = report.verdict.kernels
    lines = brief(table) if table is not None else []
    if table is not None and lines:
        yield from heading(f"{title(table)} ({table.reference})")
        for line in lines:
            yield from item(line)


def _answer(name: str, answer: Answer) -> Iterator[str]:
    yield from heading(f"{name}: {answer.question}")
    yield from paragraph(answer.answer, "  ")
    for line in answer.evidence:
        yield from item(line)
    if answer.open:
        yield from paragraph(f"Open: {answer.open}", "  ")


def _conclusion(report: JudgedRun) -> Iterator[str]:
    yield from heading("To repeat this")
    yield from shell_lines(report.repeat_commands[0])
    yield ""
    obstacle = untested(report)
    if obstacle is None:
        yield "Tested-by: YOUR NAME <YOUR ADDRESS>"
    else:
        yield from paragraph(f"No Tested-by is suggested: {obstacle}.")


def untested(report: JudgedRun) -> str | None:
    """Why nobody should sign for what was tested; None where it was shown to be as expected."""
    verdict, variants = report.verdict, report.manifest.scenario.variants
    if verdict.conclusion is Conclusion.COMPARED_ONLY:
        return "nothing was expected to fail" if verdict.expected else "nothing was expected"
    if verdict.conclusion is not Conclusion.MET:
        return "the expectations were not shown to be met"
    if crashed := _crashed(report):
        return f"the kernel crashed with {', '.join(crashed)}, which nobody expected"
    if (alone := settings_alone(variants)) is not None:
        return alone
    others = [name for name in verdict.only_compared if variants[name].twin_of is None]
    return f"nothing was expected of {', '.join(others)}" if others else None


def _crashed(report: JudgedRun) -> list[str]:
    """Variants whose kernel crashed, in whatever stage, and not as the scenario expects it of them."""
    expectations = report.manifest.scenario.expectations
    crashed = {count.variant for count in report.verdict.crashes if count.crash.fatal}
    outcomes = {name: stated.outcome for name, stated in expectations.items()}
    return [
        name for name in report.verdict.variants if name in crashed and outcomes.get(name) not in _AS_TOLD
    ]
