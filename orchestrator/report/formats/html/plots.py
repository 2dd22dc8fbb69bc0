# SPDX-License-Identifier: Apache-2.0
"""What a figure of the report is: a drawing, words about it, and its numbers for who cannot see it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from orchestrator.units import spaced_size


@dataclass(frozen=True)
class Key:
    """An entry of a legend: `colour` is a CSS variable of style.css, `dash` an SVG dash array."""

    text: str
    colour: str
    dash: str | None = None


@dataclass(frozen=True)
class Grid:
    """Numbers as a table; the first cell of every row names it."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Plot:
    """A figure."""

    title: str
    caption: str
    svg: Markup
    numbers: Grid
    keys: Sequence[Key] = field(default=())
    ramp: Sequence[tuple[str, str]] = field(default=())
    """Instead of keys: colours and what they stand for, from few to many."""


def order_name(order: int, page_bytes: int) -> str:
    """`3 - 32 KiB`: an order and the size of its blocks."""
    return f"{order} \N{MIDDLE DOT} {spaced_size(page_bytes << order)}"


def brief(value: float) -> str:
    """At most four characters: 0.5, 12, 950, 1.2k, 35k, 2M."""
    if value < 10 and value != int(value):
        return f"{value:.1g}" if value < 1 else f"{value:.1f}".removesuffix(".0")
    for limit, factor, suffix in ((1000, 1, ""), (1e6, 1e3, "k"), (1e9, 1e6, "M"), (math.inf, 1e9, "G")):
        if value < limit:
            scaled = value / factor
            text = f"{scaled:.1f}" if suffix and scaled < 10 else f"{scaled:.0f}"
            return text.removesuffix(".0") + suffix
    raise AssertionError(value)


def decades(low: float, high: float) -> list[float]:
    """Powers of ten that enclose a range of positive numbers."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    return [10.0**power for power in range(first, max(last, first + 1) + 1)]
