# SPDX-License-Identifier: Apache-2.0
"""How long requests took, by percentile: the axis on which the slow ones are not lost among the many."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

import numpy as np
from matplotlib.axes import Axes

from orchestrator.report.formats.html.drawing import DASHES, GRID, SERIES, Margins, draw, name_axes
from orchestrator.report.formats.html.plots import Grid, Key, Plot, brief, decades
from orchestrator.text.amounts import plural, time_text

_POINTS = 160
_NS_PER_US = 1000
_PERCENTILES: Final = (0.0, 50.0, 90.0, 99.0, 99.9, 99.99, 99.999)
_TABLE: Final = (1.0, 25.0, 50.0, 75.0, 90.0, 99.0, 99.9)


def distribution(
    latencies: Mapping[str, Sequence[float]], *, unit: str, name: str, what: str, noun: str
) -> Plot | None:
    """A line for each variant that has latencies (microseconds or instructions); None without any."""
    found = {variant: np.sort(np.asarray(values)) for variant, values in latencies.items() if len(values)}
    if not found:
        return None
    places = {variant: index for index, variant in enumerate(latencies)}
    medians = ", ".join(f"{variant} {amount(float(np.median(v)), unit)}" for variant, v in found.items())
    return Plot(
        title=f"How long one {noun} took",
        caption=f"{what}, by percentile. Median: {medians}."
        + "".join(f" {variant}: none." for variant in latencies if variant not in found),
        svg=draw(
            partial(_paint, found=found, places=places, unit=unit, noun=noun),
            name=name,
            label=f"Lines: latency by percentile for each variant. Median: {medians}.",
            height_pt=270,
            margins=Margins(left=52),
        ),
        numbers=Grid(
            header=("variant", plural(noun), *(f"p{p:g}" for p in _TABLE), "slowest"),
            rows=[
                (
                    variant,
                    str(len(values)),
                    *(amount(float(value), unit) for value in np.percentile(values, _TABLE)),
                    amount(float(values[-1]), unit),
                )
                for variant, values in found.items()
            ],
        ),
        keys=[variant_key(variant, places[variant]) for variant in found],
    )


def variant_key(variant: str, place: int) -> Key:
    """The legend's entry of a variant: the same colour and dash all over the report."""
    dash = DASHES[place % len(DASHES)]
    array = "" if isinstance(dash, str) else " ".join(f"{length * 1.8:g}" for length in dash[1])
    return Key(variant, f"series-{place % len(SERIES)}", array or None)


def amount(value: float, unit: str) -> str:
    """A time with the unit that suits it, or a count of instructions."""
    if unit != "us":
        return f"{brief(value)} insns"
    return time_text(value * _NS_PER_US, "\N{MICRO SIGN}s")


def _paint(
    axes: Axes, *, found: Mapping[str, np.ndarray], places: Mapping[str, int], unit: str, noun: str
) -> None:
    most = max(len(values) for values in found.values())
    end = math.log10(2 * most)
    for variant, values in found.items():
        # Evenly spaced on the axis: from the fastest to the slowest, which is drawn at 1 - 1/(2n).
        depths = np.linspace(0, math.log10(2 * len(values)), _POINTS)
        indexes = np.minimum((1 - 10.0**-depths) * len(values), len(values) - 1).astype(int)
        place = places[variant]
        axes.plot(
            depths, values[indexes], color=SERIES[place % len(SERIES)], linestyle=DASHES[place % len(DASHES)]
        )
    axes.set_yscale("log")
    low = max(min(float(values[0]) for values in found.values()), 1e-3)
    high = max(float(values[-1]) for values in found.values())
    ticks = decades(low, high)
    axes.set_ylim(low / 1.3, high * 1.3)
    axes.set_yticks(ticks, [amount(tick, unit) if unit == "us" else brief(tick) for tick in ticks])
    axes.minorticks_off()
    marks = [p for p in _PERCENTILES if -math.log10(1 - p / 100) <= end]
    axes.set_xticks([-math.log10(1 - p / 100) for p in marks], [f"{p:g}" for p in marks])
    axes.set_xlim(0, end * 1.01)
    axes.grid(color=GRID, linewidth=0.7)
    what = "time" if unit == "us" else "instructions"
    name_axes(axes, x=f"percentile of {plural(noun)}, %", y=f"{what} of one {noun}")
