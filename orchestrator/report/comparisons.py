# SPDX-License-Identifier: Apache-2.0
"""Comparisons and answers as a terminal shows them, within 80 columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from orchestrator.analysis.findings import headline
from orchestrator.analysis.phrases import WHEN
from orchestrator.analysis.records import (
    LEAST_BLOCKS_FOR_A_CLAIM,
    Answer,
    Comparison,
    Sample,
    TimingComparison,
)
from orchestrator.report.costs import print_differences
from orchestrator.report.tables import PlainTable
from orchestrator.text.amounts import change_text, short, time_text
from orchestrator.text.plain import one_line


def print_comparison(comparison: Comparison, console: Console) -> None:
    """One candidate against the baseline: outcome, times, and how far they can be believed."""
    title = f"{comparison.candidate} against {comparison.baseline}: {basis(comparison)}"
    console.print(Text(one_line(title), style="bold"), soft_wrap=True)
    if comparison.outcome is not None:
        console.print(Text(f"  {one_line(comparison.outcome.words)}"), soft_wrap=True)
    rows = headline(comparison.timings)
    if rows:
        console.print(_table(comparison, rows))
    print_differences(comparison, console)
    for warning in comparison.noise.warnings:
        console.print(Text(f"  noise: {one_line(warning)}", style="yellow"), soft_wrap=True)


def print_answer(answer: Answer, console: Console) -> None:
    """A question, its answer, the evidence, and what stays open."""
    console.print(Text(one_line(answer.question), style="bold"), soft_wrap=True)
    for style, line in _answer_lines(answer):
        console.print(Padding(Text(one_line(line), style=style), (0, 0, 0, 2), expand=False))


def _answer_lines(answer: Answer) -> Iterator[tuple[str, str]]:
    yield "", answer.answer
    for line in answer.evidence:
        yield "", f"- {line}"
    if answer.open is not None:
        yield "yellow", f"open: {answer.open}"


def means(sample: Sample) -> str:
    """What the two figures of a row are: geometric means, of which the change is the ratio."""
    return f"mean of {sample}s"


def basis(comparison: Comparison) -> str:
    """How many blocks a comparison rests on, and what they allow."""
    text = comparison.basis
    if not comparison.claims:
        return f"{text}; below {LEAST_BLOCKS_FOR_A_CLAIM} only counts and figures"
    return text if comparison.smallest_p is None else f"{text}; smallest p {comparison.smallest_p:.2g}"


def _table(comparison: Comparison, rows: Iterable[TimingComparison]) -> PlainTable:
    rows = list(rows)
    counted = all(timing.unit == "instructions" for timing in rows)
    what = means(comparison.sample)
    table = PlainTable(box=None, pad_edge=True, padding=(0, 1, 0, 1))
    table.add_column(f"instructions, {what}" if counted else what)
    for heading in (comparison.baseline, comparison.candidate, "change", interval_heading(rows), "p"):
        table.add_column(Text(one_line(heading)), justify="right")
    when = None
    for timing in rows:
        if timing.when != when:
            when = timing.when
            table.add_row(Text(WHEN[when], style="italic"))
        table.add_row(*(Text(cell) for cell in cells(timing)))
    return table


def interval_heading(timings: Iterable[TimingComparison]) -> str:
    """What both ends beside a change are: among pairs whose instructions are counted nothing is chance."""
    exact = {timing.interval for timing in timings} - {"none"} == {"exact"}
    return "range, exact" if exact else "95 % interval"


def cells(timing: TimingComparison) -> tuple[str, ...]:
    """Name, both means, change and interval, and p (after Holm) of one timing.

    The means are geometric ones, so that the change can be recomputed from the row: it is their ratio.
    """
    name = f"{timing.name} {timing.statistic}" if timing.when == "trigger" else timing.name
    digits = 2 if timing.unit == "instructions" else 1
    low, high, ours, theirs = timing.low, timing.high, timing.baseline_mean, timing.candidate_mean
    interval = "-"
    if low is not None and high is not None:
        interval = interval_text(low, high, digits)
    return (
        one_line(name),
        figure(timing.baseline if ours is None else ours, timing.unit),
        figure(timing.candidate if theirs is None else theirs, timing.unit),
        change_text(timing.ratio, digits) if timing.comparable else "other work",
        interval,
        "-" if timing.p_holm is None else f"{timing.p_holm:.2g}",
    )


def interval_text(low: float, high: float, digits: int) -> str:
    """Both ends as changes, with one unit for both where it is the same: `-1.9 to +3.4 %`."""
    ends = change_text(low, digits), change_text(high, digits)
    both = all(end.endswith(" %") for end in ends)
    return f"{ends[0].removesuffix(' %') if both else ends[0]} to {ends[1]}"


def figure(value: float, unit: str) -> str:
    """A time in the unit that suits it, or a count of instructions."""
    if unit == "instructions":
        return f"{value:.0f}"
    return time_text(value) if unit == "ns" else f"{short(value)} {one_line(unit)}".rstrip()
