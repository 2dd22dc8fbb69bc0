# SPDX-License-Identifier: Apache-2.0
"""Costs on the page: tables of all phases, and how they came about in one trial of each variant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from matplotlib.axes import Axes

from orchestrator.analysis.cost_words import cost_text
from orchestrator.analysis.costs import unit_of
from orchestrator.clock import ICOUNT_SHIFT, Clock
from orchestrator.protocol.cost_records import CostTimeline
from orchestrator.record.result import TrialResult
from orchestrator.report.audit import PHASE_WORDS
from orchestrator.report.costs import cost_remarks, cost_tables, difference_tables
from orchestrator.report.formats.html.drawing import DASHES, GRID, SERIES, Margins, draw, name_axes
from orchestrator.report.formats.html.latency import variant_key
from orchestrator.report.formats.html.plots import Grid, Plot, brief
from orchestrator.report.formats.html.series import cost_timelines, spread
from orchestrator.scenario.costs import COST_NAMES, CostFigure
from orchestrator.verdict.judged_run import JudgedRun
from orchestrator.verdict.records import PassVerdict

_DRAWN = (
    "kswapd_cpu", "pages_scanned_kswapd", "direct_reclaims", "pages_scanned_direct", "kcompactd_cpu",
    "direct_compactions", "pages_migrated", "refaults", "pages_swapped_out", "memory_some",
)  # fmt: skip
"""The tables have the rest: what moves with one of these tells the same story."""
_LONGEST_TABLE = 24
_LEAST_MOMENTS = 3
_NS_PER_S = 1e9
_NS_PER_MS = 1e6


@dataclass(frozen=True)
class CostSection:
    """What phases cost under one clock."""

    tables: Sequence[tuple[str, Grid]]
    plots: Sequence[Plot]
    remarks: Sequence[str]


@dataclass(frozen=True)
class _Line:
    """One figure in the course of one trial: seconds, and what had been spent by then."""

    times_s: Sequence[float]
    values: Sequence[float]


def cost_section(report: JudgedRun, verdict: PassVerdict, places: Mapping[str, int]) -> CostSection:
    """Tables and figures; of a run without costs all of them are empty."""
    tables = [*cost_tables(verdict.costs, list(verdict.variants))]
    for comparison in verdict.comparisons:
        tables += difference_tables(comparison)
    return CostSection(
        tables=[(each.title, Grid(each.headings, each.rows)) for each in tables],
        plots=[*_plots(report, verdict, places)] if verdict.costs else [],
        remarks=[*cost_remarks(verdict.costs, verdict.clock)],
    )


def _plots(report: JudgedRun, verdict: PassVerdict, places: Mapping[str, int]) -> Iterator[Plot]:
    for phase, words in PHASE_WORDS.items():
        chosen = {name: _first(report, name, verdict.clock, phase) for name in places}
        trials = {name: trial for name, trial in chosen.items() if trial is not None}
        found = {
            name: timeline
            for name, trial in trials.items()
            if (timeline := cost_timelines(report, trial).get(phase)) is not None
            and len(timeline.at_ns) >= _LEAST_MOMENTS
        }
        who = ", ".join(f"trial {trials[name].trial} ({name})" for name in found)
        for cost in _DRAWN:
            lines = {name: line for name, each in found.items() if (line := _line(each, cost, verdict.clock))}
            if any(any(line.values) for line in lines.values()):
                yield _plot(COST_NAMES[cost], lines, places, verdict.clock, (phase, words, who))


def _first(report: JudgedRun, variant: str, clock: Clock, phase: str) -> TrialResult | None:
    """The first trial of a variant that told of this phase, block by block."""
    return next(
        (
            trial for trial in report.results
            if trial.variant == variant and trial.clock == clock and trial.outcome.is_evidence
            and any(costs.phase == phase for costs in trial.costs)
        ),
        None,
    )  # fmt: skip


def _line(timeline: CostTimeline, cost: str, clock: Clock) -> _Line | None:
    figure = COST_NAMES[cost]
    if figure.key not in timeline.names:
        return None
    column = timeline.names.index(figure.key)
    scale = {"instructions": 1 << ICOUNT_SHIFT, "ns": _NS_PER_MS}.get(unit_of(figure, clock), 1)
    return _Line(
        [at_ns / _NS_PER_S for at_ns in timeline.at_ns],
        [max(0, row[column]) / scale for row in timeline.values],
    )


def _plot(
    figure: CostFigure,
    lines: Mapping[str, _Line],
    places: Mapping[str, int],
    clock: Clock,
    where: tuple[str, str, str],
) -> Plot:
    phase, words, who = where
    unit = unit_of(figure, clock)
    ends = ", ".join(f"{name} {_text(line.values[-1], unit)}" for name, line in lines.items())
    axis = {"ns": "ms", "instructions": "instructions"}.get(unit, unit)
    return Plot(
        title=f"{figure.words[:1].upper()}{figure.words[1:]}: {words}",
        caption=f"What had been spent by then, in {who}. At the end: {ends}.",
        svg=draw(
            partial(_paint, lines=lines, places=places, axis=axis),
            name=f"cost-{clock}-{phase}-{figure.name}",
            label=f"Lines: {figure.words} in the course of a trial of each variant. At the end: {ends}.",
            height_pt=220,
            margins=Margins(left=56),
        ),
        numbers=Grid(
            header=("variant", "time", axis),
            rows=[
                (name, f"{at_s:.2f} s", f"{value:.6g}")
                for name, line in lines.items()
                for at_s, value in _spread(line)
            ],
        ),
        keys=[variant_key(name, places[name]) for name in lines],
    )


def _spread(line: _Line) -> list[tuple[float, float]]:
    moments = list(zip(line.times_s, line.values, strict=True))
    return [*spread(moments[:-1], _LONGEST_TABLE), moments[-1]]


def _text(value: float, unit: str) -> str:
    return cost_text(value * _NS_PER_MS if unit == "ns" else value, unit)


def _paint(axes: Axes, *, lines: Mapping[str, _Line], places: Mapping[str, int], axis: str) -> None:
    for name, line in lines.items():
        colour, dash = SERIES[places[name] % len(SERIES)], DASHES[places[name] % len(DASHES)]
        axes.plot(line.times_s, line.values, color=colour, linestyle=dash)
    axes.set_ylim(bottom=0)
    axes.set_xlim(left=0)
    axes.locator_params(nbins=5)
    axes.yaxis.set_major_formatter(lambda value, _: brief(max(value, 0)))
    axes.grid(axis="y", color=GRID, linewidth=0.7)
    name_axes(axes, x="guest time since the phase began, s", y=axis)
