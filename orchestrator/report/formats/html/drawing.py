# SPDX-License-Identifier: Apache-2.0
"""Matplotlib's SVG made part of a page: colours that follow the page's theme, ids of its own, real text.

Colours are drawn as stand-ins (`INK`, `SERIES`, ...), which become CSS variables: `templates/style.css`
gives each a value for light, dark and paper. Sizes are points: one CSS pixel where a figure
is as wide on the screen as it was drawn.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import matplotlib as mpl
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from orchestrator.text.plain import named

INK: Final = "#fe0001"
MUTED: Final = "#fe0002"
GRID: Final = "#fe0003"
SURFACE: Final = "#fe0004"
SERIES: Final = tuple(f"#fe001{index}" for index in range(6))
"""Variants in the order of the scenario; colour and dash go together, so that no one needs the colour."""
DASHES: Final = ("solid", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)), (0, (9, 3)), (0, (3, 1, 1, 1)))
LAYERS: Final = tuple(f"#fe002{index}" for index in range(8))
"""What memory is used for; see composition.LAYERS for the meaning of each."""

_VARIABLES: Final = {
    INK: "ink",
    MUTED: "muted",
    GRID: "grid",
    SURFACE: "surface",
    **{stand_in: f"series-{index}" for index, stand_in in enumerate(SERIES)},
    **{stand_in: f"layer-{index}" for index, stand_in in enumerate(LAYERS)},
}

WIDTH_PT: Final = 400.0
_FONT_PT: Final = 11.0
_STYLE: Final = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # a variant may be called $x$
    "image.composite_image": False,  # keeps an image at one pixel a cell
    "font.size": _FONT_PT,
    "axes.linewidth": 0.8,
    "lines.linewidth": 1.8,
    "axes.unicode_minus": False,
}

_NOISE = re.compile(r"<\?xml.*?\?>|<!DOCTYPE.*?>|<metadata>.*?</metadata>|<style.*?</style>", re.DOTALL)
_SIZE = re.compile(r'^<svg [^>]*viewBox="([^"]*)"[^>]*>')
_FONT = re.compile(r"font(?:-size)?: (?:bold )?([\d.]+)px[^;]*;(?: font-family: [^;\"]*;?)?")
_ID = re.compile(r'(\bid="|url\(#|xlink:href="#)')
_COLOUR = re.compile("|".join(_VARIABLES))
_SPACE = re.compile(r"\s*\n\s*")


@dataclass(frozen=True)
class Margins:
    """Room around the axes for what is written there, points."""

    left: float = 44
    bottom: float = 40
    right: float = 18
    top: float = 26


def draw(
    paint: Callable[[Axes], None],
    *,
    name: str,
    label: str,
    height_pt: float = 250,
    margins: Margins | None = None,
) -> Markup:
    """One pair of axes as inline SVG. `name` is unique on the page, `label` says what is to be seen."""
    room = margins or Margins()
    with mpl.rc_context({**_STYLE, "svg.hashsalt": name}):  # type: ignore[dict-item]  # its keys are literals
        figure = Figure(figsize=(WIDTH_PT / 72, height_pt / 72), dpi=72, facecolor="none")
        axes = figure.add_axes(
            (
                room.left / WIDTH_PT,
                room.bottom / height_pt,
                1 - (room.left + room.right) / WIDTH_PT,
                1 - (room.bottom + room.top) / height_pt,
            ),
            facecolor="none",
        )
        _dress(axes)
        paint(axes)
        out = io.StringIO()
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(out, format="svg", metadata=nothing)
    return _inline(out.getvalue(), name, label)


def name_axes(axes: Axes, *, x: str, y: str) -> None:
    """What the axes show, with units; the vertical one's name lies above it, where it can be read."""
    axes.set_xlabel(named(x), color=INK, labelpad=4)
    axes.set_title(named(y), loc="left", color=INK, fontsize=_FONT_PT, pad=8, x=0)


def _dress(axes: Axes) -> None:
    """The house style: two thin lines, quiet ticks."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(MUTED)
    axes.tick_params(colors=MUTED, labelcolor=INK, length=3, width=0.8, which="major")
    axes.tick_params(length=0, which="minor")
    axes.tick_params(axis="x", pad=6)  # clear of the vertical axis' lowest number
    axes.set_axisbelow(True)


def _inline(svg: str, name: str, label: str) -> Markup:
    text = _SPACE.sub("\n", _NOISE.sub("", svg)).strip()
    text = _SIZE.sub(
        lambda found: (
            f'<svg class="plot" viewBox="{found[1]}" role="img" aria-label="{escape(named(label))}">'
        ),
        text,
    )
    text = _FONT.sub(lambda found: f"font-size: {found[1]}px;", text)
    text = _ID.sub(lambda found: f"{found[1]}{name}-", text)
    text = _COLOUR.sub(lambda found: f"var(--{_VARIABLES[found[0]]})", text)
    return Markup(text)  # Matplotlib's own, its texts escaped by it
