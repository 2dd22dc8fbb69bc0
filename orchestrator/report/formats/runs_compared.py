# SPDX-License-Identifier: Apache-2.0
"""Two runs side by side, in the formats in which a comparison makes sense."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from orchestrator.files.atomic import json_text
from orchestrator.report.comparisons import print_comparison
from orchestrator.report.formats import mail_full, markdown
from orchestrator.report.formats.mail_layout import heading, item, table
from orchestrator.report.formats.registry import printed
from orchestrator.report.tables import PlainTable
from orchestrator.runs_compared.record import ComparedPass, RunsCompared
from orchestrator.text.amounts import count_of
from orchestrator.text.plain import one_line
from orchestrator.verdict.judgement import Conclusion

COMPARISON_FORMATS = ("terminal", "mail", "json", "markdown")
"""What `oomlab compare --format` takes."""
_HEADINGS = ("", "A", "B")
_WORDS = {
    Conclusion.MET: "expectations met",
    Conclusion.NOT_MET: "NOT met",
    Conclusion.COMPARED_ONLY: "compared only",
    Conclusion.MISSING: "evidence short",
}
_CANNOT = "What these runs cannot show"
_DIFFERENT = "What differs beside the results"
_NOTHING_DIFFERS = "Scenario, kernels and machine are the same as far as the manifests tell"


def print_runs(compared: RunsCompared, console: Console) -> None:
    """The comparison on a terminal."""
    for line in _runs(compared):
        console.print(Text(one_line(line)), soft_wrap=True)
    if compared.differences:
        grid = PlainTable(title=_DIFFERENT, box=None, padding=(0, 2, 0, 0))
        for name in _HEADINGS:
            grid.add_column(name)
        for cells in _differences(compared):
            grid.add_row(*(Text(one_line(cell), overflow="fold") for cell in cells))
        console.print(grid)
    else:
        console.print(Text(_NOTHING_DIFFERS), soft_wrap=True)
    for each in compared.passes:
        for line in _remarks(each):
            console.print(Text(line, style="yellow"), soft_wrap=True)
        for comparison in each.comparisons:
            print_comparison(comparison, console)
    console.print(Text(f"{_CANNOT}:", style="bold"))
    for line in compared.cannot:
        console.print(Text(f"  - {line}"), soft_wrap=True)


def render_runs(compared: RunsCompared, name: str) -> str:
    """The comparison in one of COMPARISON_FORMATS, as text that ends with a newline."""
    match name:
        case "terminal":
            return printed(lambda console: print_runs(compared, console))
        case "json":
            return json_text(compared)
        case "mail":
            return "\n".join(line.rstrip() for line in _mail_lines(compared)) + "\n"
        case _:
            return "\n".join(_markdown_lines(compared)) + "\n"


def _runs(compared: RunsCompared) -> Iterator[str]:
    for run in compared.runs:
        started = run.started.isoformat(timespec="minutes")
        yield f"{run.label}: {run.directory} ({run.scenario}, {started}, {_WORDS[run.conclusion]})"


def _differences(compared: RunsCompared) -> list[tuple[str, str, str]]:
    return [(each.what, each.first, each.second) for each in compared.differences]


def _remarks(each: ComparedPass) -> Iterator[str]:
    if each.clock == "deterministic" and each.same_states:
        yield f"deterministic clock: {count_of('block', each.same_states)} with the same memory in both runs"
    if each.times_left_out is not None:
        yield f"{each.clock} clock: times are not compared; {each.times_left_out}"


def _mail_lines(compared: RunsCompared) -> Iterator[str]:
    for line in _runs(compared):
        yield from item(line)
    yield from heading(_DIFFERENT if compared.differences else _NOTHING_DIFFERS)
    if compared.differences:
        yield from table(_HEADINGS, _differences(compared))
    for each in compared.passes:
        for line in _remarks(each):
            yield from item(line)
        for comparison in each.comparisons:
            yield from mail_full.comparison_lines(comparison, each.clock)
    yield from heading(_CANNOT)
    for line in compared.cannot:
        yield from item(line)


def _markdown_lines(compared: RunsCompared) -> Iterator[str]:
    yield from ("## Two runs", "")
    yield from markdown.bullets(_runs(compared))
    if compared.differences:
        yield from (f"### {_DIFFERENT}", "")
        yield from markdown.table(_HEADINGS, _differences(compared))
    else:
        yield from (_NOTHING_DIFFERS, "")
    for each in compared.passes:
        yield from markdown.bullets(_remarks(each))
        for comparison in each.comparisons:
            yield from markdown.comparison_lines(comparison)
    yield from (f"### {_CANNOT}", "")
    yield from markdown.bullets(compared.cannot)
