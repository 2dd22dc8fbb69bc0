# SPDX-License-Identifier: Apache-2.0
"""Benchmarks of two variants as ratios with intervals, one figure for each state of memory."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from matplotlib.axes import Axes

from orchestrator.analysis.records import Comparison, TimingComparison, When
from orchestrator.report.formats.html.drawing import GRID, INK, MUTED, SERIES, SURFACE, Margins, draw
from orchestrator.report.formats.html.latency import amount
from orchestrator.report.formats.html.plots import Grid, Plot
from orchestrator.report.formats.html.text import clipped
from orchestrator.text.amounts import is_factor, short
from orchestrator.text.plain import one_line
from orchestrator.units import spaced_size

STATES: Final[Mapping[When, str]] = {
    "relaxed": "Relaxed: pressure released",
    "target": "Under pressure: at the target",
    "trigger": "In the trigger",
    "after": "After the trigger",
}
"""In the order of the report."""
_TICKS: Final = ((0.99, 1.01), (0.98, 1.02), (0.95, 1.05), (0.9, 1.1), (0.8, 1.2), (0.67, 1.5), (0.5, 2.0),
                 (0.2, 5.0), (0.1, 10.0), (0.02, 50.0), (0.01, 100.0), (0.001, 1000.0))  # fmt: skip
_DRAWN: Final[Mapping[When, Sequence[str]]] = {
    "relaxed": ("real_time",),
    "target": ("real_time",),
    "trigger": ("p50", "p99"),
    "after": ("real_time",),
}
"""Statistics that a figure has room for; its numbers have all."""
_LONGEST_SIZE = 16
_COLUMNS: Final = ("ratio of means", "interval", "p (Holm)")
_LEAST_SHARE = 0.3
"""Of the way from 1 to the end of the axis, for a number to have room."""
_ROW_PT = 19
_SMALL_PT = 10
_ROOM = Margins(left=96)
_NARROWEST = 1.02
"""An axis from 0.98 to 1.02 at least: smaller differences are to look small."""


def ratio_plots(
    comparison: Comparison, *, states: Iterable[When], name: str, places: Mapping[str, int]
) -> list[Plot]:
    """A figure for each of the states of memory that has timings of equal work."""
    by_state = [(state, [each for each in comparison.timings if each.when == state]) for state in states]
    return [
        _plot(comparison, state, timings, f"{name}-{state}", places.get(comparison.candidate, 1))
        for state, timings in by_state
        if any(_is_drawn(timing) for timing in timings)
    ]


def _is_drawn(timing: TimingComparison) -> bool:
    """Ratios of different work would be no ratios of speed."""
    return timing.comparable and timing.statistic in _DRAWN[timing.when]


def _plot(
    comparison: Comparison, state: When, timings: Sequence[TimingComparison], name: str, place: int
) -> Plot:
    drawn = [timing for timing in timings if _is_drawn(timing)]
    title = STATES[state]
    if state == "trigger":  # stands beside figures of all variants
        title = f"{comparison.candidate} against {comparison.baseline}"
    rows = list(_rows(drawn))
    counted = all(timing.unit == "instructions" for timing in timings)
    what, better = ("instructions", "needs fewer") if counted else ("time", "is faster")
    return Plot(
        title=title,
        caption=f"{what.capitalize()} of {comparison.candidate} / {what} of {comparison.baseline}; below 1:"
        f" {comparison.candidate} {better}. {_how_sure(drawn)}"
        + (
            " Figures of different work are left out." if any(not each.comparable for each in timings) else ""
        ),
        svg=draw(
            partial(_paint, rows=rows, colour=SERIES[place % len(SERIES)], counted=counted),
            name=name,
            label=f"Ratios of {comparison.candidate} to {comparison.baseline}, {STATES[state].lower()}: "
            + "; ".join(f"{timing.name} {timing.statistic} {short(timing.ratio)}" for timing in drawn)
            + ".",
            height_pt=66 + _ROW_PT * len(rows),
            margins=_ROOM,
        ),
        numbers=Grid(
            header=(
                "benchmark",
                comparison.baseline,
                comparison.candidate,
                *_COLUMNS,
                f"{comparison.sample}s",
                "in words",
            ),
            rows=[_numbers(timing) for timing in timings],
        ),
    )


def _how_sure(timings: Sequence[TimingComparison]) -> str:
    kinds = sorted({timing.interval for timing in timings} - {"none"})
    if kinds == ["exact"]:
        return "Instructions are counted exactly: bars reach from the least to the largest ratio of a block."
    if not kinds:
        return f"Too few {timings[0].sample}s for intervals."
    missing = any(timing.low is None for timing in timings)
    hollow = f" Hollow: too few {timings[0].sample}s for one." if missing else ""
    return (
        f"Bars are 95 % intervals ({', '.join(kinds)}), each for itself: one in twenty misses the truth by"
        f" chance, and p in the numbers allows for that.{hollow}"
    )


def _rows(timings: Sequence[TimingComparison]) -> Iterator[tuple[str, TimingComparison | None]]:
    """A heading for each benchmark and statistic, then a row for each of its sizes."""
    families: dict[str, list[TimingComparison]] = {}
    for timing in timings:
        families.setdefault(_family(timing), []).append(timing)
    for title, members in families.items():
        if all("/" not in timing.name for timing in members):
            yield from ((title, timing) for timing in members)
        else:
            yield title, None
            yield from ((_argument(timing.name), timing) for timing in members)


def _family(timing: TimingComparison) -> str:
    """`BM_sendVec_binder/4096/map:4194304` is of `BM_sendVec_binder, map 4 MiB`; its argument is 4096."""
    family, _, rest = timing.name.partition("/")
    options = [option.partition(":") for option in rest.split("/")[1:]]
    words = [
        family,
        *(f"{name} {_size(value) if name == 'map' else value}".strip() for name, _, value in options),
    ]
    return ", ".join(words if timing.statistic == "real_time" else [*words, timing.statistic])


def _argument(name: str) -> str:
    parts = name.split("/")
    return _size(parts[1]) if len(parts) > 1 else name


def _size(text: str) -> str:
    return spaced_size(int(text)) if text.isdecimal() and len(text) < _LONGEST_SIZE else text


def _paint(
    axes: Axes, *, rows: Sequence[tuple[str, TimingComparison | None]], colour: str, counted: bool
) -> None:
    farthest = _NARROWEST
    for row, (title, timing) in enumerate(rows):
        _name_row(axes, row, title, heading=timing is None)
        if timing is not None:
            _paint_ratio(axes, row, timing, colour)
            ends = (timing.low or timing.ratio, timing.high or timing.ratio, timing.ratio)
            farthest = max(farthest, *(max(value, 1 / value) for value in ends if value > 0))
    axes.axvline(1.0, color=MUTED, linewidth=1.2)
    axes.set_xscale("log")
    reach = farthest**1.08
    axes.set_xlim(1 / reach, reach)
    ticks = _ticks(reach)
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=GRID, linewidth=0.7)
    less, more = ("fewer", "more") if counted else ("faster", "slower")
    axes.set_title(f"\N{LEFTWARDS ARROW} {less}", loc="left", color=INK, fontsize=_SMALL_PT, pad=4)
    axes.set_title(f"{more} \N{RIGHTWARDS ARROW}", loc="right", color=INK, fontsize=_SMALL_PT, pad=4)
    axes.set_xlabel(f"ratio of {'instructions' if counted else 'times'}", color=INK, labelpad=4)


def _name_row(axes: Axes, row: int, title: str, *, heading: bool) -> None:
    """Beside the axes: a benchmark at the left edge, its sizes at the axis."""
    axes.annotate(
        clipped(title, 40 if heading else 14),
        (0, row),
        xycoords=("axes fraction", "data"),
        xytext=(4 - _ROOM.left if heading else -8, 0),
        textcoords="offset points",
        va="center",
        ha="left" if heading else "right",
        color=INK,
        fontweight="bold" if heading else "normal",
        fontsize=_SMALL_PT,
    )


def _paint_ratio(axes: Axes, row: int, timing: TimingComparison, colour: str) -> None:
    if timing.low is not None and timing.high is not None:
        axes.plot((timing.low, timing.high), (row, row), color=colour, linewidth=2.2, solid_capstyle="butt")
    inside = colour if timing.low is not None else SURFACE
    axes.plot(
        (timing.ratio,),
        (row,),
        marker="o",
        markersize=5.5,
        color=colour,
        markerfacecolor=inside,
        linestyle="none",
    )


def _ticks(reach: float) -> list[float]:
    """1, the widest pair that has room, and the one half way to it, unless they would touch."""
    inside = [pair for pair in _TICKS if pair[1] <= reach] or [_TICKS[0]]
    half = math.sqrt(inside[-1][1])
    near = min(inside, key=lambda pair: abs(math.log(pair[1] / half)))
    share = math.log(near[1]) / math.log(reach)
    pairs = [inside[-1], near] if _LEAST_SHARE < share < 1 - _LEAST_SHARE else [inside[-1]]
    return sorted({1.0, *(tick for pair in pairs for tick in pair)})


def _numbers(timing: TimingComparison) -> tuple[str, ...]:
    name = timing.name if timing.statistic == "real_time" else f"{timing.name} {timing.statistic}"
    interval = (
        "-" if timing.low is None or timing.high is None else f"{_ratio(timing.low)} to {_ratio(timing.high)}"
    )
    p = timing.p_holm if timing.p_holm is not None else timing.p
    return (
        name,
        _time(timing.baseline_mean or timing.baseline, timing.unit),
        _time(timing.candidate_mean or timing.candidate, timing.unit),
        _ratio(timing.ratio) if timing.comparable else "other work",
        interval,
        "-" if p is None else f"{p:.3g}",
        str(timing.blocks),
        timing.words,
    )


def _ratio(ratio: float) -> str:
    return short(ratio) if is_factor(ratio) else f"{ratio:.3f}"


def _time(value: float, unit: str) -> str:
    if unit in ("ns", "instructions"):
        return amount(value / 1000, "us") if unit == "ns" else amount(value, unit)
    return f"{short(value)} {one_line(unit)}".rstrip()
