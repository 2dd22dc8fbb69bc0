# SPDX-License-Identifier: Apache-2.0
"""A run as GitHub-flavoured Markdown, for the summary page of a CI job."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from orchestrator.analysis.picture_table import PictureTable
from orchestrator.analysis.records import Answer, Comparison
from orchestrator.kernels.traits.table import KernelTable
from orchestrator.oom.explain import explain
from orchestrator.report import kernels as kernels_report
from orchestrator.report import picture as picture_report
from orchestrator.report.costs import cost_remarks, cost_tables, difference_tables
from orchestrator.report.formats.what_was_run import amount, trigger_words, variant_lines, what_was_run
from orchestrator.report.huge_pages import fault_remarks, fault_tables
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
from orchestrator.text.plain import one_line
from orchestrator.verdict.judged_run import JudgedRun
from orchestrator.verdict.judgement import Conclusion
from orchestrator.verdict.summary import summarise
from orchestrator.verdict.verdict import PassVerdict

_MARKS = {
    Conclusion.MET: "\N{WHITE HEAVY CHECK MARK}",
    Conclusion.NOT_MET: "\N{CROSS MARK}",
    Conclusion.COMPARED_ONLY: "\N{SCALES}",
    Conclusion.MISSING: "\N{WARNING SIGN}",
}
# Punctuation that can begin markup or HTML anywhere in a line. A colon only makes links and emoji.
_MARKUP = re.compile(r"([\\`*_\[\]<>#|~&$]|:(?=//|[\w+-]+:))")
# GitHub makes links and mentions of these without any markup.
_BARE_LINK = re.compile(r"\bwww\.", re.IGNORECASE)
_MENTION = re.compile(r"@(?=\w)")
_NOTHING = "<!-- -->"
_IN_HTML = frozenset("&<>`*_[]~:$\\|")


def render_markdown(report: JudgedRun) -> str:
    """The page. What a guest said is escaped: no markup, HTML, link or mention comes of it."""
    return "\n".join(_lines(report)) + "\n"


def escaped(text: str) -> str:
    """Text as it is: in one line, and nothing of it is markup."""
    return _inert(_MARKUP.sub(r"\\\1", one_line(text)))


def _inert(text: str) -> str:
    """No links or mentions: a comment in between ends the word, and is not shown."""
    return _MENTION.sub(f"@{_NOTHING}", _BARE_LINK.sub(lambda found: f"{found[0]}{_NOTHING}", text))


def _lines(report: JudgedRun) -> Iterator[str]:
    verdict = report.verdict
    yield f"## {_MARKS[verdict.conclusion]} {escaped(verdict.scenario)}"
    yield from ("", f"**{escaped(headline(verdict))}**", "", escaped(summarise(verdict).sentence), "")
    yield from bullets(few(reasons(verdict)))
    for line in verdict.foremost:
        yield from (f"**{escaped(line)}**", "")
    yield escaped(f"{what_was_run(report)} {trigger_words(report)}; {amount(report)}.")
    yield ""
    yield from bullets(f"{name}: {words}" for name, words in variant_lines(report))
    for each in verdict.passes:
        yield from _pass(each)
    yield from bullets([*remarks(verdict), *warnings(verdict)])
    yield from _first_ooms(report)
    yield from _failed_commands(report)
    if verdict.kernels is not None:
        yield from _details(kernels_report.title(verdict.kernels), _kernels(verdict.kernels))
    yield from _details("To repeat this", _code(report.repeat_commands))


def _pass(each: PassVerdict) -> Iterator[str]:
    yield from (f"### Outcome, {each.clock} clock", "")
    rows = [[label, *cells] for label, cells in variant_rows(each.variants.values())]
    yield from table(["", *each.variants], rows)
    yield from bullets([*sample_line(each).splitlines(), *map(control_line, each.controls)])
    if each.picture is not None:
        yield from _details("Memory when the trigger started", _picture(each.picture))
    for costs in cost_tables(each.costs, list(each.variants)):
        yield from _details(costs.title, [*table(costs.headings, costs.rows)])
    yield from bullets(cost_remarks(each.costs, each.clock))
    for faults in fault_tables(each):
        yield from _details(faults.title, table(faults.headings, faults.rows))
    yield from bullets(fault_remarks(each))
    for comparison in each.comparisons:
        yield from comparison_lines(comparison)
    for answer in each.answers:
        yield from _details(answer.question, list(_answer(answer)))


def comparison_lines(comparison: Comparison) -> Iterator[str]:
    """A comparison: sentences, then its tables, folded."""
    yield from (f"### {escaped(comparison.candidate)} against {escaped(comparison.baseline)}", "")
    yield from bullets(sentences(comparison))
    for timings in timing_tables(comparison):
        body = list(table(timings.headings, timings.rows))
        yield from _details(f"{timings.title} (below 0 %: {comparison.candidate} is faster)", body)
    for costs in difference_tables(comparison):
        yield from _details(costs.title, [*table(costs.headings, costs.rows)])


def _picture(picture: PictureTable) -> Iterator[str]:
    yield from table(picture_report.headings_of(picture), picture_report.rows_of(picture))
    yield from bullets([*picture_report.remarks(picture), picture_report.conclusion(picture)])


def _kernels(kernels: KernelTable) -> Iterator[str]:
    yield from table(kernels_report.headings_of(kernels), kernels_report.rows_of(kernels))
    yield from bullets(kernels_report.notes_of(kernels))


def _answer(answer: Answer) -> Iterator[str]:
    yield from (escaped(answer.answer), "")
    yield from bullets(answer.evidence)
    if answer.open:
        yield from (escaped(f"Open: {answer.open}"), "")


def _first_ooms(report: JudgedRun) -> Iterator[str]:
    for name, variant in report.verdict.variants.items():
        if variant.first_oom is not None:
            lines = explain(variant.first_oom, report.page_sizes[name])
            yield from _details(f"First OOM of {name}", bullets(lines))


def _failed_commands(report: JudgedRun) -> Iterator[str]:
    for name, variant in report.verdict.variants.items():
        if variant.failed_output is not None:
            yield from _details(f"Failed command of {name}", _code(output_lines(variant.failed_output), ""))


def _details(title: str, body: Sequence[str] | Iterator[str]) -> Iterator[str]:
    """A part that opens on a click; Markdown within needs the blank lines."""
    yield from ("<details>", f"<summary>{_html(title)}</summary>", "")
    yield from body
    yield from ("", "</details>", "")


def _html(text: str) -> str:
    """Text between tags, where a backslash does not escape."""
    entities = (f"&#{ord(each)};" if each in _IN_HTML else each for each in one_line(text))
    return _inert("".join(entities))


def bullets(lines: Sequence[str] | Iterator[str]) -> Iterator[str]:
    """A list, and an empty line after it."""
    items = [f"- {escaped(line)}" for line in lines]
    yield from items
    if items:
        yield ""


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A table, and an empty line after it."""
    yield _row(headings)
    yield f"|{' --- |' * len(headings)}"
    yield from map(_row, rows)
    yield ""


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(escaped, cells))} |"


def _code(lines: Sequence[str], language: str = "sh") -> Iterator[str]:
    """A code block whose fence is longer than any run of backticks within."""
    text = [one_line(line) for line in lines]
    longest = max((len(run) for line in text for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    yield from (f"{fence}{language}", *text, fence)
