# SPDX-License-Identifier: Apache-2.0
"""Numbers as people read them: counts with their noun, times, changes; no exponents, no `1 blocks`."""

from __future__ import annotations

import math
from collections.abc import Iterable

_DIGITS = 3
_PERCENT = 100
_LARGEST_CHANGE = 3
"""From three times as much on, a factor says more than a percentage."""
_SMALLEST_CHANGE = 0.1
_TIMES = ((1.0, "ns"), (1e3, "us"), (1e6, "ms"), (1e9, "s"))
_STEP = 1000
_SIBILANTS = ("s", "x", "z", "ch", "sh")


def count_of(noun: str, count: int) -> str:
    """A count with its noun, in the plural where it has to be: `1 block`, `2 tries`, `0 passes`."""
    return f"{count} {noun_for(noun, count)}"


def noun_for(noun: str, count: int) -> str:
    """The noun alone, in the plural where so many ask for it."""
    return noun if count == 1 else plural(noun)


def plural(noun: str) -> str:
    """The plural of a noun, or of a phrase that ends in one."""
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(_SIBILANTS) else f"{noun}s"


def short(value: float) -> str:
    """A number to three significant digits; all digits before the point of one that has more."""
    if not math.isfinite(value) or value == 0:
        return f"{value:.0f}"
    magnitude = math.floor(math.log10(abs(float(f"{value:.{_DIGITS}g}"))))
    text = f"{value:.{max(0, _DIGITS - 1 - magnitude)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def time_text(ns: float, micro: str = "us") -> str:
    """Nanoseconds in the unit that suits them; `micro` is how microseconds are written."""
    for scale, unit in _TIMES:
        if abs(float(f"{ns / scale:.{_DIGITS}g}")) < _STEP or unit == "s":
            return f"{short(ns / scale)} {micro if unit == 'us' else unit}"
    raise AssertionError(ns)


def is_factor(ratio: float) -> bool:
    """Whether a ratio is so far from 1 that it is told as a factor."""
    return not _SMALLEST_CHANGE <= ratio < _LARGEST_CHANGE


def change_text(ratio: float, digits: int = 1) -> str:
    """A ratio as a change: `+4.2 %`, or as a factor where a percentage would be hard to read: `x 255`."""
    return f"x {short(ratio)}" if is_factor(ratio) else f"{(ratio - 1) * _PERCENT:+.{digits}f} %"


def change_range(ratios: Iterable[float], digits: int = 1) -> str:
    """The least and the largest of ratios as changes; one where they read alike."""
    found = sorted(ratios)
    ends = [change_text(found[0], digits), change_text(found[-1], digits)]
    return " to ".join(dict.fromkeys(ends))


def spread_text(percent: float, digits: int = 1) -> str:
    """A difference of either sign: `4.2 %`, or `a factor of 255`."""
    if percent < (_LARGEST_CHANGE - 1) * _PERCENT:
        return f"{percent:.{digits}f} %"
    return f"a factor of {short(1 + percent / _PERCENT)}"
