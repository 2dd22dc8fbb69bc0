# SPDX-License-Identifier: Apache-2.0
"""The arithmetic of memory pictures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.scenario.models import Picture
from orchestrator.scenario.picture_demand import lines, scaled, unit_bounds, units_of
from orchestrator.units import KIB

PICTURE = Picture.model_validate(
    {
        "active_anon": "188384KiB",
        "kernel_stack": "84960KiB",
        "shmem": "17100KiB",
        "free_blocks": [3313, 165, 35, 15],
        "watermarks": {"min": "8MiB", "low": "42616KiB"},
    }
)


def test_a_scale_divides_the_composition_and_nothing_else() -> None:
    eighth = scaled(PICTURE, 8)
    assert eighth.active_anon == 23548 * KIB
    assert eighth.kernel_stack == 10620 * KIB
    assert eighth.shmem == 2138 * KIB  # in whole KiB
    assert eighth.inactive_anon is None
    assert eighth.free_blocks == PICTURE.free_blocks
    assert eighth.watermarks == PICTURE.watermarks
    assert scaled(PICTURE, 1) == PICTURE


def test_a_scale_is_at_least_one() -> None:
    with pytest.raises(ValueError, match="not 0"):
        scaled(PICTURE, 0)


def test_the_free_list_of_the_report_in_units() -> None:
    assert units_of([3313, 165, 35, 15]) == (3903, 295, 65, 15)


def test_bounds_leave_a_tenth_or_a_few_blocks() -> None:
    bounds = [(units.order, units.min, units.max) for units in unit_bounds([3313, 165, 35, 15, 0])]
    assert bounds == [(0, 3513, 4293), (1, 266, 324), (2, 59, 71), (3, 11, 19), (4, None, 0)]


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=11))
def test_every_list_is_within_its_own_bounds(blocks: list[int]) -> None:
    units = units_of([*blocks, 0])
    for bound in unit_bounds(blocks):
        assert (bound.min or 0) <= units[bound.order] <= (bound.max or 0)


def test_a_bound_is_never_below_nothing() -> None:
    assert [(bound.min, bound.max) for bound in unit_bounds([3])] == [(0, 7), (None, 0)]


def test_shadow_call_stacks_alone_are_ordinary_ones() -> None:
    shadow = Picture.model_validate({"shadow_call_stack": "3KiB"})
    assert lines(shadow) == {"kernel_stack": 3 * KIB}
    both = Picture.model_validate({"shadow_call_stack": "3KiB", "kernel_stack": "4KiB", "free_cma": "1KiB"})
    assert lines(both) == {"kernel_stack": 7 * KIB, "free_cma": KIB}


@pytest.mark.parametrize(("orders", "above"), [(9, [9]), (10, [10]), (11, [])])
def test_nothing_is_said_above_the_largest_order(orders: int, above: list[int]) -> None:
    bounds = unit_bounds([1] * orders)
    assert [bound.order for bound in bounds if bound.min is None] == above
    assert len(bounds) == orders + len(above)
