# SPDX-License-Identifier: Apache-2.0
"""The page: everything a run says, in the order in which people ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from orchestrator.analysis.records import When
from orchestrator.report.audit import audit_lines, audit_warnings
from orchestrator.report.formats.html.audit import AuditTable, audit_tables
from orchestrator.report.formats.html.benchmarks import casualties
from orchestrator.report.formats.html.costs import CostSection, cost_section
from orchestrator.report.formats.html.figures import MemorySection, latency_plot, memory_section
from orchestrator.report.formats.html.oom_events import event_list
from orchestrator.report.formats.html.plots import Grid, Plot
from orchestrator.report.formats.html.ratios import ratio_plots
from orchestrator.report.formats.html.text import finalize, prose
from orchestrator.report.formats.html.trials import TrialTable, command_outputs, kernel_bugs, trial_table
from orchestrator.report.huge_pages import fault_remarks, fault_tables
from orchestrator.report.kernels import headings_of as columns_of
from orchestrator.report.kernels import notes_of, rows_of, title
from orchestrator.report.picture import conclusion
from orchestrator.report.picture import headings_of as picture_columns
from orchestrator.report.picture import remarks as picture_remarks
from orchestrator.report.picture import rows_of as picture_rows
from orchestrator.report.rows import (
    control_line,
    headline,
    reasons,
    remarks,
    sample_line,
    variant_rows,
    warnings,
)
from orchestrator.text.amounts import count_of, plural
from orchestrator.verdict.judged_run import JudgedRun
from orchestrator.verdict.judgement import Conclusion
from orchestrator.verdict.summary import summarise
from orchestrator.verdict.verdict import PassVerdict, Verdict

_TEMPLATES = Path(__file__).parent / "templates"
_BENCHMARKED: Sequence[When] = ("relaxed", "target", "after")
_STATUS = {
    Conclusion.MET: "met",
    Conclusion.NOT_MET: "unmet",
    Conclusion.COMPARED_ONLY: "compared",
    Conclusion.MISSING: "missing",
}


@dataclass(frozen=True)
class PictureView:
    """The memory picture of a report and the guest's own."""

    numbers: Grid
    conclusion: str
    remarks: Sequence[str]


@dataclass(frozen=True)
class KernelsView:
    """The kernels beside a phone's: what differs or matters to the load, and the rest."""

    title: str
    telling: Grid
    others: Grid
    notes: Sequence[str]


@dataclass(frozen=True)
class PassView:
    """All that was measured under one clock."""

    name: str
    verdict: PassVerdict
    sample: str
    rows: Sequence[tuple[str, Sequence[str]]]
    controls: Sequence[str]
    memory: MemorySection
    picture: PictureView | None
    latencies: Sequence[Plot]
    ratios: Sequence[tuple[str, Sequence[Plot]]]
    costs: CostSection
    audit: Sequence[AuditTable]
    audit_lines: Sequence[str]
    audit_warnings: Sequence[str]
    casualties: Grid | None
    faults: Sequence[tuple[str, Grid]]
    fault_remarks: Sequence[str]


@dataclass(frozen=True)
class Link:
    """An entry of the table of contents."""

    anchor: str
    text: str
    there: bool = field(default=True)


def render_page(report: JudgedRun) -> str:
    """The whole report as one HTML file that needs nothing else."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["prose"] = prose
    environment.filters["counted"] = count_of
    environment.globals["plural"] = plural
    environment.globals["style"] = Markup((_TEMPLATES / "style.css").read_text())
    return environment.get_template("report.html.jinja").render(_context(report))


def _context(report: JudgedRun) -> dict[str, Any]:
    verdict = report.verdict
    passes = [_pass(report, each) for each in verdict.passes]
    events = event_list(report)
    trials = trial_table(report)
    outputs = list(command_outputs(report))
    kernels = _kernels(verdict)
    return {
        "manifest": report.manifest,
        "hosts": report.hosts,
        "program": next(iter(report.manifest.accelerators.values())).program,
        "scenario": report.manifest.scenario,
        "verdict": verdict,
        "status": _STATUS[verdict.conclusion],
        "headline": _headline(verdict),
        "sentence": summarise(verdict).sentence,
        "reasons": reasons(verdict),
        "remarks": list(remarks(verdict)),
        "warnings": [*warnings(verdict), *kernel_bugs(report)],
        "facts": list(_facts(report)),
        "passes": passes,
        "outputs": outputs,
        "events": events,
        "trials": trials,
        "repeat_commands": report.repeat_commands,
        "kernels": kernels,
        "links": [
            link
            for link in _links(passes, trials, outputs=bool(outputs), kernels=kernels is not None)
            if link.there
        ],
    }


def _headline(verdict: Verdict) -> str:
    """Without the word for what the place on the page says already."""
    text = headline(verdict).removeprefix("Verdict: ").removesuffix(".")
    return text[:1].upper() + text[1:]


def _pass(report: JudgedRun, verdict: PassVerdict) -> PassView:
    places = {name: index for index, name in enumerate(report.manifest.scenario.variants)}
    return PassView(
        name=verdict.clock,
        verdict=verdict,
        sample=sample_line(verdict),
        rows=variant_rows(verdict.variants.values()),
        controls=[control_line(control) for control in verdict.controls],
        memory=memory_section(report, verdict.clock),
        picture=_picture(verdict),
        latencies=list(_latencies(report, verdict, places)),
        ratios=[
            (
                f"{comparison.candidate} against {comparison.baseline}",
                ratio_plots(
                    comparison, states=_BENCHMARKED, name=f"ratio-{verdict.clock}-{index}", places=places
                ),
            )
            for index, comparison in enumerate(verdict.comparisons)
        ],
        costs=cost_section(report, verdict, places),
        audit=audit_tables(verdict),
        audit_lines=list(audit_lines(verdict)),
        audit_warnings=list(audit_warnings(verdict)),
        casualties=casualties(report, verdict.clock),
        faults=[(table.title, Grid(table.headings, table.rows)) for table in fault_tables(verdict)],
        fault_remarks=list(fault_remarks(verdict)),
    )


def _picture(verdict: PassVerdict) -> PictureView | None:
    if verdict.picture is None:
        return None
    numbers = Grid(picture_columns(verdict.picture), picture_rows(verdict.picture))
    return PictureView(numbers, conclusion(verdict.picture), picture_remarks(verdict.picture))


def _kernels(verdict: Verdict) -> KernelsView | None:
    table = verdict.kernels
    if table is None:
        return None
    rows = rows_of(table)
    telling = len(table.telling)
    return KernelsView(
        title(table),
        Grid(columns_of(table), rows[:telling]),
        Grid(columns_of(table), rows[telling:]),
        notes_of(table),
    )


def _latencies(report: JudgedRun, verdict: PassVerdict, places: Mapping[str, int]) -> Iterator[Plot]:
    """How long the trigger's requests took, and what the comparisons make of it."""
    distribution = latency_plot(report, verdict.clock, places)
    if distribution is not None:
        yield distribution
    for index, comparison in enumerate(verdict.comparisons):
        name = f"trigger-{verdict.clock}-{index}"
        yield from ratio_plots(comparison, states=("trigger",), name=name, places=places)


def _facts(report: JudgedRun) -> Iterator[tuple[str, str]]:
    """What was run, on what; a line each."""
    manifest, verdict = report.manifest, report.verdict
    device = manifest.scenario.device
    for base, artefacts in manifest.artefacts.items():
        yield "kernel", f"{artefacts.release} ({base}, {artefacts.page_size_bytes // 1024} KiB pages)"
    yield "guest", device.words
    for each in verdict.passes:
        by = manifest.accelerators[each.clock]
        yield "ran on", f"{by.machine_words}, {by.programs_words} ({each.clock} clock)"
    yield "sample", "; ".join(dict.fromkeys(sample_line(each).partition(";")[0] for each in verdict.passes))
    yield "started", f"{manifest.started:%Y-%m-%d %H:%M} UTC"
    yield "by", f"oomlab {manifest.oomlab_version}"


def _links(passes: Sequence[PassView], trials: TrialTable, *, outputs: bool, kernels: bool) -> Iterator[Link]:
    yield Link("outcomes", "Outcomes")
    yield Link("answers", "Four questions", any(each.verdict.answers for each in passes))
    yield Link("memory", "Memory", any(each.memory.there or each.picture for each in passes))
    yield Link("latency", "Latency", any(each.latencies for each in passes))
    yield Link(
        "benchmarks",
        "Benchmarks",
        any(each.casualties or any(plots for _, plots in each.ratios) for each in passes),
    )
    yield Link("costs", "Costs", any(each.costs.tables for each in passes))
    yield Link("huge-pages", "Huge pages", any(each.faults for each in passes))
    yield Link("audit", "Allocations", any(each.audit for each in passes))
    yield Link("events", "OOM events")
    yield Link("outputs", "Command output", outputs)
    yield Link("kernels", "Kernels", kernels)
    yield Link("trials", "Trials", bool(trials.rows))
    yield Link("repeat", "Repeat it")
