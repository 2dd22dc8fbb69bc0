# SPDX-License-Identifier: Apache-2.0
"""Which value to try next, and what is known of where OOM begins. Pure: a function of what was seen.

Every value that was tried has a few trials of each variant. It is *clear* when none of them ended
in OOM, *certain* when all did, *mixed* otherwise. Between the last clear and the first certain
value lies the tipping point; both edges of that interval are searched for by halving. It is only
as wide as the evidence allows: a clear value beyond a mixed one does not move the edge.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise


@dataclass(frozen=True)
class Seen:
    """Trials of one variant at one value that say something: how many, and how many ended in OOM."""

    trials: int
    ooms: int

    @property
    def is_clear(self) -> bool:
        """No OOM at all."""
        return self.trials > 0 and self.ooms == 0

    @property
    def is_certain(self) -> bool:
        """OOM every time."""
        return self.trials > 0 and self.ooms == self.trials


class Direction(StrEnum):
    """Where OOM lies."""

    HIGH = "high"
    """At the high values: too much is asked for."""
    LOW = "low"
    """At the low values: there is too little."""
    NEVER = "never"
    """No trial ended in OOM."""
    ALWAYS = "always"
    """Every trial ended in OOM."""
    UNCLEAR = "unclear"
    """OOM comes and goes, and no more often at one end than at the other; or there is no evidence."""


@dataclass(frozen=True)
class Tipping:
    """What is known of one variant's tipping point.

    With direction HIGH `clear` < `certain`, with LOW the other way round; None where that edge lies
    outside the values that were tried. `violations` are pairs of values (a, b), a nearer to the
    clear end than b, where OOM was more frequent at a than at b: chance, or no single tipping point.
    """

    direction: Direction
    clear: int | None = None
    certain: int | None = None
    violations: tuple[tuple[int, int], ...] = ()


Points = Mapping[int, Seen]
"""One variant's trials at every value that was tried."""


def tipping(points: Points) -> Tipping:
    """What the trials say."""
    known = {value: seen for value, seen in sorted(points.items()) if seen.trials}
    direction = _direction(known)
    match direction:
        case Direction.HIGH:
            return _edges(list(known), known, direction)
        case Direction.LOW:
            return _edges(list(reversed(known)), known, direction)
        case _:
            return Tipping(direction)


def next_value(low: int, high: int, step: int, variants: Iterable[Points]) -> int | None:
    """The value to try next for the variants; None when everything is known to within `step`.

    First both ends of the range, then the middle of the widest gap in which an edge lies.
    """
    every = list(variants)
    tried = {value for points in every for value in points}
    if not every or low not in tried:
        return low
    if high not in tried:
        return high
    gaps = [gap for points in every for gap in _gaps(points) if gap[1] - gap[0] > max(step, 1)]
    if not gaps:
        return None
    begin, end = max(gaps, key=lambda gap: (gap[1] - gap[0], gap))
    return (begin + end) // 2


def _direction(known: Points) -> Direction:
    if not known:
        return Direction.UNCLEAR
    if all(seen.is_clear for seen in known.values()):
        return Direction.NEVER
    if all(seen.is_certain for seen in known.values()):
        return Direction.ALWAYS
    at_low, at_high = (_share(known[value]) for value in (min(known), max(known)))
    if at_low == at_high:
        return Direction.UNCLEAR
    return Direction.HIGH if at_low < at_high else Direction.LOW


def _edges(order: list[int], known: Points, direction: Direction) -> Tipping:
    """`order` goes from the end with less OOM to the other."""
    clear = certain = None
    for value in order:
        if not known[value].is_clear:
            break
        clear = value
    for value in reversed(order):
        if not known[value].is_certain:
            break
        certain = value
    violations = tuple((a, b) for a, b in pairwise(order) if _share(known[a]) > _share(known[b]))
    return Tipping(direction, clear, certain, violations)


def _gaps(points: Points) -> list[tuple[int, int]]:
    """Neighbouring values between which an edge lies, or evidence begins."""
    known = sorted(value for value, seen in points.items() if seen.trials)
    found = tipping(points)
    if found.direction not in (Direction.HIGH, Direction.LOW):
        return _gaps_in_evidence(points, known)
    gaps = []
    for edge, away in ((found.clear, 1), (found.certain, -1)):
        if edge is not None:
            step = away if found.direction is Direction.HIGH else -away
            neighbour = known[known.index(edge) + step]
            gaps.append((min(edge, neighbour), max(edge, neighbour)))
    return gaps


def _gaps_in_evidence(points: Points, known: list[int]) -> list[tuple[int, int]]:
    """Without a direction OOM may begin where an end of the range has no evidence (target missed)."""
    everything = sorted(points)
    if not known:
        return list(pairwise(everything))
    gaps = []
    if known[0] != everything[0]:
        gaps.append((max(value for value in everything if value < known[0]), known[0]))
    if known[-1] != everything[-1]:
        gaps.append((known[-1], min(value for value in everything if value > known[-1])))
    return gaps


def _share(seen: Seen) -> float:
    return seen.ooms / seen.trials
