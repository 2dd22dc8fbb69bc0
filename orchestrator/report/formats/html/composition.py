# SPDX-License-Identifier: Apache-2.0
"""What memory is used for: over time in one block, and at the moments that count over all of them."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from matplotlib.axes import Axes

from orchestrator.memory.sample import MemorySample
from orchestrator.report.formats.html.drawing import INK, LAYERS, SURFACE, Margins, draw, name_axes
from orchestrator.report.formats.html.plots import Grid, Key, Plot
from orchestrator.report.formats.html.series import BootSeries
from orchestrator.text.plain import named

_KB_PER_MIB = 1024

_OVER_TIME: Final = (("free", 0), ("held by the stressors", 1), ("everything else", 6))
"""Words and the colour of each: what the agent's feedback loop says at every step."""

PARTS: Final[Mapping[str, tuple[str, ...]]] = {
    "free": ("MemFree",),
    "anonymous": ("AnonPages",),
    "page cache": ("Buffers", "Cached", "SwapCached"),
    "reclaimable slab": ("SReclaimable",),
    "unreclaimable slab": ("SUnreclaim",),
    "page tables, kernel stacks": ("PageTables", "SecPageTables", "KernelStack"),
    "reserved huge pages": ("Hugetlb",),
}
"""Lines of /proc/meminfo that count distinct pages. What is left has no line there: pages of pipes and
sockets, vmalloc, driver pages."""
REST: Final = "without a line of its own"
_PART_LAYERS: Final = (0, 2, 3, 4, 5, 7, 6)
_REST_LAYER: Final = 1


def over_time(series: BootSeries, *, name: str) -> Plot:
    """Free, held by stressors, and the rest, from boot to target."""
    stack = [_split(moment.free_kb, moment.held_kb, series.total_kb) for moment in series.moments]
    times = [moment.t_s for moment in series.moments]
    paint = partial(_paint_time, times=times, stack=stack, target_s=series.target_s)
    last = ", ".join(f"{size:.0f} MiB {word}" for (word, _), size in zip(_OVER_TIME, stack[-1], strict=True))
    return Plot(
        title="Memory over time",
        caption=f"{series.name.capitalize()}: {series.total_kb / _KB_PER_MIB:.0f} MiB in all."
        f" At the target: {last}.",
        svg=draw(paint, name=name, label=f"Stacked areas: memory of {series.name}; in the end {last}."),
        numbers=Grid(
            header=("time", *(f"{word}, MiB" for word, _ in _OVER_TIME)),
            rows=[
                (f"{t_s:.2f} s", *(f"{size:.1f}" for size in sizes))
                for t_s, sizes in zip(times, stack, strict=True)
            ][-32:],
        ),
        keys=[Key(word, f"layer-{layer}") for word, layer in _OVER_TIME],
    )


def _split(free_kb: int, held_kb: int, total_kb: int) -> tuple[float, float, float]:
    rest_kb = max(0, total_kb - free_kb - held_kb)
    return free_kb / _KB_PER_MIB, held_kb / _KB_PER_MIB, rest_kb / _KB_PER_MIB


def _paint_time(
    axes: Axes, *, times: Sequence[float], stack: Sequence[tuple[float, ...]], target_s: float
) -> None:
    colours = [LAYERS[layer] for _, layer in _OVER_TIME]
    axes.stackplot(times, *zip(*stack, strict=True), colors=colours, edgecolor=SURFACE, linewidth=0.8)
    axes.axvline(target_s, color=INK, linewidth=0.9, linestyle=(0, (2, 2)))
    axes.set_xlim(times[0], times[-1])
    axes.set_ylim(0, max(1, *map(sum, stack)))
    axes.locator_params(nbins=5)
    name_axes(axes, x="guest time since power-on, s", y="MiB")


def at_moments(columns: Sequence[tuple[str, Sequence[MemorySample]]], *, name: str) -> Plot | None:
    """A bar for each moment that has samples with meminfo: medians over its samples; None without any."""
    bars = [(title, _parts_mib(found)) for title, samples in columns if (found := _meminfos(samples))]
    if not bars:
        return None
    words = [*PARTS, REST]
    layers = [*_PART_LAYERS, _REST_LAYER]
    height_pt = 66 + 40 * len(bars)
    return Plot(
        title="What memory was used for",
        caption="Medians of all guests, from /proc/meminfo. Pages of pipes and sockets, of vmalloc"
        " and drivers have no line of their own there.",
        svg=draw(
            partial(_paint_bars, bars=bars, layers=layers),
            name=name,
            label="Stacked bars: "
            + "; ".join(f"{title}: {parts[0]:.0f} MiB free" for title, parts in bars)
            + ".",
            height_pt=height_pt,
            margins=Margins(left=12, bottom=40, right=18, top=8),
        ),
        numbers=Grid(
            header=("MiB", *(title for title, _ in bars)),
            rows=[(word, *(f"{parts[index]:.1f}" for _, parts in bars)) for index, word in enumerate(words)],
        ),
        keys=[
            Key(word, f"layer-{layer}")
            for index, (word, layer) in enumerate(zip(words, layers, strict=True))
            if any(parts[index] > 0 for _, parts in bars)
        ],
    )


def _meminfos(samples: Sequence[MemorySample]) -> list[dict[str, int]]:
    return [sample.meminfo_kb for sample in samples if sample.meminfo_kb and "MemTotal" in sample.meminfo_kb]


def _parts_mib(meminfos: Sequence[Mapping[str, int]]) -> list[float]:
    """Medians of the parts, and what is left of the whole."""
    parts_kb = [
        statistics.median(sum(info.get(line, 0) for line in lines) for info in meminfos)
        for lines in PARTS.values()
    ]
    total_kb = statistics.median(info["MemTotal"] for info in meminfos)
    return [part / _KB_PER_MIB for part in (*parts_kb, max(0.0, total_kb - sum(parts_kb)))]


def _paint_bars(axes: Axes, *, bars: Sequence[tuple[str, Sequence[float]]], layers: Sequence[int]) -> None:
    for row, (title, parts) in enumerate(bars):
        left = 0.0
        for size, layer in zip(parts, layers, strict=True):
            axes.barh(
                row, size, left=left, height=0.46, color=LAYERS[layer], edgecolor=SURFACE, linewidth=0.8
            )
            left += size
        axes.text(0, row - 0.32, named(title), color=INK, va="bottom")
    axes.set_ylim(len(bars) - 0.6, -0.75)
    axes.set_xlim(0, max(1, *(sum(parts) for _, parts in bars)))
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.locator_params(axis="x", nbins=6)
    name_axes(axes, x="MiB", y="")
