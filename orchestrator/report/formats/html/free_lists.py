# SPDX-License-Identifier: Apache-2.0
"""Free blocks per order: over time in one block, at the moments that count over all of them."""

from __future__ import annotations

import bisect
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, LogNorm, to_hex

from orchestrator.memory.fragmentation import USABLE_TYPES
from orchestrator.memory.sample import MemorySample, NodeState
from orchestrator.report.formats.html.drawing import GRID, INK, MUTED, SURFACE, Margins, draw, name_axes
from orchestrator.report.formats.html.plots import Grid, Key, Plot, brief, decades, order_name
from orchestrator.report.formats.html.series import BootSeries, spread
from orchestrator.scenario.models import UsableUnits
from orchestrator.text.amounts import count_of
from orchestrator.units import spaced_size

_COLUMNS = 240
_MOST_COUNTED = 100_000.0
"""The kernel counts no list further."""
_COLOURS = LinearSegmentedColormap.from_list("counts", colormaps["viridis"](np.linspace(0.2, 1, 64)))
"""Reads the same with every kind of colour vision, and as grey; without the darkest end, which would be
lost on a dark page."""
_LONGEST_TABLE = 24
_TARGET_SHARE = 0.06
"""The last column shows the target: an instant, given some room."""
_ZERO = 0.25
"""Where none is drawn on an axis of logarithms."""
_ROOM_FOR_WORDS = 0.33
"""Of the axis, beside what is written at either of its ends."""
_ROOM = Margins(left=78)


def _colour_scale() -> LogNorm:
    return LogNorm(1, _MOST_COUNTED)


def heat_map(series: BootSeries, *, name: str, page_bytes: int) -> Plot:
    """How the free lists of one block came to be what they are."""
    orders = len(series.moments[0].units)
    end_s = series.target_s + _TARGET_SHARE * (series.target_s - series.moments[0].t_s)
    paint = partial(_paint_heat, series=series, end_s=end_s, page_bytes=page_bytes)
    label = (
        f"Heat map: free blocks of orders 0 to {orders - 1} in {series.name} from boot to target. "
        f"At the target: {_counts(series.moments[-1].free_blocks)}."
    )
    return Plot(
        title="Free blocks per order over time",
        caption=f"{series.name.capitalize()}, from the first look at its memory to the target. Colour counts"
        " free blocks; where there is no colour, there are none. Dotted lines: pressure begins, target"
        " reached.",
        svg=draw(paint, name=name, label=label, height_pt=280, margins=_ROOM),
        numbers=Grid(
            header=("time", *(f"order {order}" for order in range(orders))),
            rows=[
                (f"{moment.t_s:.2f} s", *map(str, moment.free_blocks))
                for moment in [*spread(series.moments[:-1], _LONGEST_TABLE), series.moments[-1]]
            ],
        ),
        ramp=[(to_hex(_COLOURS(_colour_scale()(count))), brief(count))
              for count in (1, 10, 100, 1000, 10_000, _MOST_COUNTED)],
    )  # fmt: skip


def _paint_heat(axes: Axes, *, series: BootSeries, end_s: float, page_bytes: int) -> None:
    """Columns of equal width on a raster; each shows the last state that was known by then."""
    times = [moment.t_s for moment in series.moments]
    grid_s = np.linspace(times[0], end_s, _COLUMNS, endpoint=False)
    columns = [series.moments[bisect.bisect_right(times, t_s) - 1].free_blocks for t_s in grid_s]
    counts = np.array(columns, dtype=float).T
    orders = len(counts)
    axes.imshow(
        np.ma.masked_less(counts, 1),
        norm=_colour_scale(),
        cmap=_COLOURS,
        interpolation="none",
        aspect="auto",
        origin="lower",
        extent=(times[0], end_s, -0.5, orders - 0.5),
    )
    for order in range(1, orders):
        axes.axhline(order - 0.5, color=SURFACE, linewidth=1.2)
    for t_s in (series.pressure_s, series.target_s):
        if t_s > times[0]:
            axes.axvline(t_s, color=INK, linewidth=0.9, linestyle=(0, (2, 2)))
    axes.text(series.target_s, orders - 0.4, "target", ha="center", va="bottom", color=INK, fontsize=10)
    share = (series.pressure_s - times[0]) / (end_s - times[0])
    if _ROOM_FOR_WORDS < share < 1 - _ROOM_FOR_WORDS:
        axes.text(
            series.pressure_s, orders - 0.4, "pressure", ha="center", va="bottom", color=INK, fontsize=10
        )
    axes.locator_params(axis="x", nbins=5)
    axes.set_yticks(range(orders), [order_name(order, page_bytes) for order in range(orders)])
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    name_axes(axes, x="guest time since power-on, s", y="order \N{MIDDLE DOT} size")


def ways_to_target(
    all_series: Sequence[BootSeries], bound: UsableUnits, *, name: str, page_bytes: int, guests: int
) -> Plot:
    """Usable units at the target's order in every guest: the summary of what the heat map shows of one."""
    order, kind = bound.order, all_series[0].kind
    whose = f", {all_series[0].whose}" if all_series[0].whose else ""
    paint = partial(_paint_ways, all_series=all_series, bound=bound)
    ends = sorted(series.moments[-1].units[order] for series in all_series)
    limits = " and ".join(
        f"{word} {value}"
        for word, value in (("at least", bound.min), ("at most", bound.max))
        if value is not None
    )
    shown = (
        f"all of {count_of(kind, guests)}"
        if len(all_series) == guests
        else f"{len(all_series)} of {count_of(kind, guests)}"
    )
    return Plot(
        title=f"The way to the target, {kind} by {kind}{whose}",
        caption=f"Usable units of order {order} ({spaced_size(page_bytes << order)}, contiguous), {shown};"
        f" wanted: {limits} (dashed). At the target: {ends[0]} to {ends[-1]}.",
        svg=draw(
            paint,
            name=name,
            label=f"Lines: usable units of order {order} over time in {shown}; from {ends[0]} to {ends[-1]}"
            " at the target.",
        ),
        numbers=Grid(
            header=(kind, "pressure took", f"units of order {order}", "free"),
            rows=[
                (
                    str(series.number),
                    f"{series.target_s - series.pressure_s:.2f} s",
                    str(series.moments[-1].units[order]),
                    f"{series.moments[-1].free_kb / 1024:.1f} MiB",
                )
                for series in all_series
            ],
        ),
        keys=[Key(all_series[0].name, "ink"), Key(f"other {kind}s", "muted")][:guests],
    )


def _paint_ways(axes: Axes, *, all_series: Sequence[BootSeries], bound: UsableUnits) -> None:
    shown = [value for value in (bound.min, bound.max) if value is not None]
    for value in shown:
        axes.axhline(max(value, _ZERO), color=INK, linewidth=1, linestyle=(0, (4, 3)))
    for index, series in reversed(list(enumerate(all_series))):
        times = [moment.t_s - series.pressure_s for moment in series.moments]
        units = [moment.units[bound.order] for moment in series.moments]
        shown += units
        heights = [max(value, _ZERO) for value in units]
        if index == 0:
            axes.plot(times, heights, marker=".", markersize=5, color=INK, linewidth=2.0)
        else:
            axes.plot(times, heights, marker=".", markersize=3, color=MUTED, linewidth=1.0, alpha=0.5)
    axes.set_yscale("log")
    positive = [max(value, 1) for value in shown]
    ticks = decades(min(positive), max(positive))
    names = [brief(tick) for tick in ticks]
    if min(shown) < 1:
        ticks, names = [_ZERO, *ticks], ["0", *names]
    axes.set_ylim(ticks[0] / 1.25, ticks[-1] * 1.25)
    axes.set_yticks(ticks, names)
    axes.minorticks_off()
    axes.grid(axis="y", color=GRID, linewidth=0.7)
    name_axes(axes, x="guest time since pressure began, s", y=f"usable units, order {bound.order}")


@dataclass(frozen=True)
class Cell:
    """A number on the colour it has in the heat map; `ink` is what can be read on it."""

    text: str
    background: str | None
    ink: str | None


@dataclass(frozen=True)
class MomentTable:
    """Median free blocks by order (rows) at the moments of a trial (columns)."""

    header: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Cell]]]


def moment_table(
    columns: Sequence[tuple[str, Sequence[MemorySample | NodeState]]], page_bytes: int | None
) -> MomentTable | None:
    """A column for each moment that has samples with free lists; None where there are none.

    `page_bytes` is None where kernels with pages of several sizes stand beside each other.
    """
    filled = [(title, found) for title, samples in columns if (found := _all_counts(samples))]
    if not filled:
        return None
    orders = range(len(filled[0][1][0]))
    medians = {
        title: [statistics.median(counts[order] for counts in found) for order in orders]
        for title, found in filled
    }
    return MomentTable(
        header=[title for title, _ in filled],
        rows=[
            (
                str(order) if page_bytes is None else order_name(order, page_bytes),
                [_cell(medians[title][order]) for title, _ in filled],
            )
            for order in orders
        ],
    )


def _all_counts(samples: Sequence[MemorySample | NodeState]) -> list[list[int]]:
    """Free blocks by order in the lists that kernel requests may use, for each sample that has them."""
    return [
        [sum(column) for column in zip(*(lists[kind] for kind in USABLE_TYPES if kind in lists), strict=True)]
        for sample in samples
        if (lists := sample.free_blocks)
    ]


def _cell(count: float) -> Cell:
    text = f"{count:.0f}" if count == int(count) else f"{count:.1f}"
    if count < 1:
        return Cell(text, None, None)
    colour = _COLOURS(_colour_scale()(count))
    # Relative luminance, near enough: the colours run from dark blue to bright yellow.
    light = 0.21 * colour[0] + 0.72 * colour[1] + 0.07 * colour[2]
    return Cell(text, to_hex(colour), "#000" if light > 0.42 else "#fff")


def _counts(free_blocks: Sequence[int]) -> str:
    return " ".join(map(str, free_blocks))
