# SPDX-License-Identifier: Apache-2.0
"""A free list that is divided serves of every order what that part of the memory would."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.reproduce.memory import divided_blocks
from orchestrator.scenario.picture_demand import units_of


@given(st.lists(st.integers(0, 100_000), min_size=1, max_size=11).map(tuple), st.integers(1, 4096))
def test_of_every_order_a_divisor_th_can_be_served(blocks: tuple[int, ...], divisor: int) -> None:
    assert units_of(divided_blocks(blocks, divisor)) == tuple(units // divisor for units in units_of(blocks))


def test_a_few_large_blocks_are_not_lost() -> None:
    assert divided_blocks((5, 0, 0, 3), 4) == (1, 1, 1, 0)
