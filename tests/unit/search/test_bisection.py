# SPDX-License-Identifier: Apache-2.0
"""The planner against simulated guests: steady ones, noisy ones, and such that say nothing."""

from __future__ import annotations

import math
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.search.bisection import Direction, Seen, Tipping, next_value, tipping

TRIALS = 3
Guests = Callable[[int], int | None]
"""How many of the trials at a value end in OOM; None where none of them reaches its target."""

RANGES = st.tuples(st.integers(0, 10_000), st.integers(1, 10_000)).map(lambda pair: (pair[0], sum(pair)))


def searched(low: int, high: int, step: int, *variants: Guests) -> list[dict[int, Seen]]:
    """Everything tried until the planner is content."""
    tried: list[dict[int, Seen]] = [{} for _ in variants]
    while (value := next_value(low, high, step, tried)) is not None:
        assert low <= value <= high
        for points, guests in zip(tried, variants, strict=True):
            assert value not in points, "nothing is tried twice"
            ooms = guests(value)
            points[value] = Seen(0, 0) if ooms is None else Seen(TRIALS, ooms)
    return tried


def from_value(threshold: int) -> Guests:
    return lambda value: TRIALS if value >= threshold else 0


def up_to(threshold: int) -> Guests:
    return lambda value: TRIALS if value <= threshold else 0


def halvings(low: int, high: int, step: int) -> int:
    return math.ceil(math.log2(max(1.0, (high - low) / step))) + 1


@given(RANGES, st.integers(1, 50), st.data())
def test_a_threshold_is_found_to_within_the_step(
    span: tuple[int, int], step: int, data: st.DataObject
) -> None:
    low, high = span
    threshold = data.draw(st.integers(low + 1, high))
    for guests, direction in ((from_value(threshold), Direction.HIGH), (up_to(threshold - 1), Direction.LOW)):
        (points,) = searched(low, high, step, guests)
        found = tipping(points)
        assert found.direction is direction
        assert found.clear is not None
        assert found.certain is not None
        edges = sorted((found.clear, found.certain))
        assert edges[0] < threshold <= edges[1]
        assert edges[1] - edges[0] <= step
        assert found.violations == ()
        assert len(points) <= 2 + halvings(low, high, step)


@given(RANGES, st.integers(1, 50), st.data())
def test_a_mixed_zone_has_both_its_edges_found(span: tuple[int, int], step: int, data: st.DataObject) -> None:
    low, high = span
    first = data.draw(st.integers(low + 1, high))
    last = data.draw(st.integers(first, high))
    (points,) = searched(low, high, step, lambda value: 0 if value < first else 1 if value < last else TRIALS)
    found = tipping(points)
    assert found.clear is not None
    assert found.certain is not None
    assert found.clear < first
    assert found.certain >= last
    assert any(first <= value <= found.clear + step for value in points) or first > high - step
    assert found.violations == ()


@given(RANGES, st.integers(1, 50), st.lists(st.integers(0, TRIALS), min_size=1, max_size=40))
def test_guests_that_answer_by_chance_end_the_search_all_the_same(
    span: tuple[int, int], step: int, chance: list[int]
) -> None:
    low, high = span
    answers = iter(chance * 2000)
    (points,) = searched(low, high, step, lambda _: next(answers))
    found = tipping(points)
    order = sorted(points, reverse=found.direction is Direction.LOW)
    if found.direction in (Direction.HIGH, Direction.LOW):
        if found.clear is not None:
            assert all(points[value].is_clear for value in order[: order.index(found.clear) + 1])
        if found.certain is not None:
            assert all(points[value].is_certain for value in order[order.index(found.certain) :])
        for a, b in found.violations:
            assert points[a].ooms > points[b].ooms
            assert order.index(a) < order.index(b)


@given(RANGES, st.integers(1, 50))
def test_no_tipping_point_costs_two_values(span: tuple[int, int], step: int) -> None:
    (never,) = searched(*span, step, lambda _: 0)
    (always,) = searched(*span, step, lambda _: TRIALS)
    assert (tipping(never), tipping(always)) == (Tipping(Direction.NEVER), Tipping(Direction.ALWAYS))
    assert len(never) == len(always) == 2


@given(RANGES, st.integers(1, 50), st.data())
def test_values_without_evidence_are_searched_around(
    span: tuple[int, int], step: int, data: st.DataObject
) -> None:
    low, high = span
    reachable = data.draw(st.integers(low, high))
    (points,) = searched(low, high, step, lambda value: 0 if value >= reachable else None)
    known = [value for value, seen in points.items() if seen.trials]
    assert tipping(points) == Tipping(Direction.NEVER)
    assert min(known) - step < reachable or min(known) == low


@given(RANGES, st.integers(1, 50), st.data())
def test_variants_share_what_is_tried(span: tuple[int, int], step: int, data: st.DataObject) -> None:
    low, high = span
    thresholds = data.draw(st.tuples(*[st.integers(low + 1, high)] * 2))
    tried = searched(low, high, step, *map(from_value, thresholds))
    assert set(tried[0]) == set(tried[1])
    for points, threshold in zip(tried, thresholds, strict=True):
        found = tipping(points)
        assert found.clear is not None
        assert found.certain is not None
        assert found.clear < threshold <= found.certain
        assert found.certain - found.clear <= step


def test_a_lucky_value_does_not_narrow_the_interval() -> None:
    points = {20: Seen(3, 0), 100: Seen(3, 2), 120: Seen(3, 0), 200: Seen(3, 3), 600: Seen(3, 3)}
    assert tipping(points) == Tipping(Direction.HIGH, clear=20, certain=200, violations=((100, 120),))


def test_nothing_tried_yet() -> None:
    assert next_value(20, 600, 1, [{}]) == 20
    assert next_value(20, 600, 1, [{20: Seen(3, 0)}]) == 600
    assert tipping({}) == Tipping(Direction.UNCLEAR)
