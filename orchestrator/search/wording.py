# SPDX-License-Identifier: Apache-2.0
"""Tipping points and margins in sentences. Pure."""

from __future__ import annotations

from orchestrator.search.bisection import Direction, Tipping
from orchestrator.search.result import Margin, VariantTipping
from orchestrator.search.varied import Varied

_Interval = tuple[int | None, int | None]
"""Bounds of the tipping point, in units; None: not known."""


def describe(found: Tipping, varied: Varied) -> VariantTipping:
    """The record of one variant's tipping point."""
    return VariantTipping(
        direction=found.direction,
        clear=found.clear,
        certain=found.certain,
        violations=found.violations,
        text=_sentence(found, varied),
    )


def _sentence(found: Tipping, varied: Varied) -> str:
    span = f"{varied.text(varied.low)} to {varied.words(varied.high)}"
    match found.direction:
        case Direction.NEVER:
            return f"no OOM from {span}"
        case Direction.ALWAYS:
            return f"OOM in every trial from {span}"
        case Direction.UNCLEAR:
            return f"no single tipping point from {span}"
    clear = None if found.clear is None else varied.words(found.clear)
    certain = None if found.certain is None else varied.words(found.certain)
    if clear and certain:
        return f"OOM begins between {clear} (in no trial) and {certain} (in all)"
    if clear:
        return f"OOM begins beyond {clear}; there is none up to it, and no value has it in all trials"
    if certain:
        return f"OOM in all trials from {certain} on; there is some at every value"
    return "OOM in some trials at both ends, more often at one of them"


def margin(first: tuple[str, Tipping], other: tuple[str, Tipping], varied: Varied) -> Margin:
    """What `other` bears more, or needs less, than `first`; each is a name and its tipping point."""
    (against, a), (variant, b) = first, other
    directions = {a.direction, b.direction} - {Direction.NEVER, Direction.ALWAYS}
    at_least = at_most = None
    if directions == {Direction.HIGH}:
        at_least, at_most = _gain(_interval(a, varied), _interval(b, varied))
    elif directions == {Direction.LOW}:
        at_least, at_most = _gain(_interval(b, varied, low=True), _interval(a, varied, low=True))
    if a.direction == b.direction and not directions:
        text = "shows no difference to"
    elif directions not in ({Direction.HIGH}, {Direction.LOW}):
        text = "cannot be compared with"
    else:
        text = _gain_in_words((at_least, at_most), varied, high=directions == {Direction.HIGH})
    return Margin(
        variant=variant,
        against=against,
        at_least=at_least,
        at_most=at_most,
        text=f"{variant} {text} {against}",
    )


def _interval(found: Tipping, varied: Varied, *, low: bool = False) -> _Interval:
    """Where OOM begins, lower bound first; `low`: it lies at the low values."""
    match found.direction:
        case Direction.HIGH:
            return found.clear, found.certain
        case Direction.LOW:
            return found.certain, found.clear
        case Direction.NEVER:
            return (None, varied.low) if low else (varied.high, None)
        case _:
            return (varied.high, None) if low else (None, varied.low)


def _gain(smaller: _Interval, larger: _Interval) -> _Interval:
    """Bounds of the difference of two tipping points."""
    at_least = None if larger[0] is None or smaller[1] is None else larger[0] - smaller[1]
    at_most = None if larger[1] is None or smaller[0] is None else larger[1] - smaller[0]
    return at_least, at_most


def _gain_in_words(gain: _Interval, varied: Varied, *, high: bool) -> str:
    """The verb of a margin's sentence, up to the other's name. `high`: OOM lies at the high values."""
    at_least, at_most = gain
    less = "less" if varied.noun is None else "fewer"
    verb, more, fewer = ("bears", "more", less) if high else ("needs", less, "more")
    if at_least is not None and at_most is not None and at_least <= 0 <= at_most:
        return "shows no difference beyond the intervals to"
    if at_most is not None and at_most < 0:
        bounds, word = (-at_most, None if at_least is None else -at_least), fewer
    elif at_least is not None and at_least > 0:
        bounds, word = (at_least, at_most), more
    else:
        return f"has no known margin in {varied.field} against"
    return f"{verb} {_span(*bounds, varied)} {word} {varied.things} than"


def _span(low: int, high: int | None, varied: Varied) -> str:
    return f"at least {varied.text(low)}" if high is None else f"{varied.text(low)} to {varied.text(high)}"
