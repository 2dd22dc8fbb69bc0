# SPDX-License-Identifier: Apache-2.0
"""Units and indexes; the worked example is the free list of the report that started this project."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.memory.fragmentation import (
    cma_units,
    counts_of,
    fragmentation_index,
    free_list_of,
    highatomic_units,
    order_of,
    unusable_free_index,
    usable_units,
    usable_units_per_order,
)
from orchestrator.memory.pagetypeinfo import PageTypeInfo, parse_pagetypeinfo

SEED = (3313, 165, 35, 15, 0, 0, 0, 0, 0, 0, 0)
SEED_WITHOUT_RESERVE = (3313, 165, 0, 0, 0, 0, 0, 0, 0, 0, 0)

TYPES = """\
Page block order: 9
Pages per block:  512

Free pages count per migrate type at order       0      1      2      3      4
Node    0, zone    DMA32, type    Unmovable      5      1      0      1      0
Node    0, zone    DMA32, type      Movable      0      0      0      0      2
Node    0, zone    DMA32, type  Reclaimable      0      0      0      3      0
Node    0, zone    DMA32, type   HighAtomic      9      0      0      7      0
Node    0, zone    DMA32, type          CMA      0      0      0      0     50
Node    0, zone    DMA32, type      Isolate      0      0      0      0      8
Node    0, zone  Movable, type      Movable      0      0      0      0     99
Node    1, zone   Normal, type    Unmovable      0      0      0      1      0
"""

counts_lists = st.lists(st.integers(0, 200_000), min_size=1, max_size=11)


@pytest.mark.parametrize(
    ("order", "unusable", "extfrag", "without_reserve"),
    [(2, 933, -1000, 738), (3, 969, -1000, 869), (4, 1000, 931, 935)],
)
def test_the_seed(order: int, unusable: int, extfrag: int, without_reserve: int) -> None:
    assert unusable_free_index(SEED, order) == unusable
    assert fragmentation_index(SEED, order) == extfrag
    assert fragmentation_index(SEED_WITHOUT_RESERVE, order) == without_reserve


def test_nothing_free() -> None:
    assert unusable_free_index((0, 0, 0), 1) == 1000
    assert fragmentation_index((0, 0, 0), 1) == 0


def test_only_the_lists_and_zones_that_a_kernel_request_may_use_count() -> None:
    info = parse_pagetypeinfo(TYPES)
    assert counts_of(info) == (5, 1, 0, 5, 2)
    assert usable_units(info, 3) == 5 + 2 * 2
    assert usable_units(info, 4) == 2
    assert usable_units_per_order(info) == (5 + 2 + 40 + 32, 1 + 20 + 16, 10 + 8, 9, 2)
    assert cma_units(info, 3) == 100
    assert highatomic_units(info, 3) == 7


def test_one_list_by_name() -> None:
    info = parse_pagetypeinfo(TYPES)
    found = free_list_of(info, 0, "DMA32", "Reclaimable")
    assert found is not None
    assert found.counts == (0, 0, 0, 3, 0)
    assert free_list_of(info, 7, "DMA32", "Reclaimable") is None


@pytest.mark.parametrize(
    ("size_bytes", "page_size_bytes", "order"),
    [
        (1, 4096, 0),
        (4096, 4096, 0),
        (4097, 4096, 1),
        (16384, 4096, 2),
        (32704, 4096, 3),  # the array of a 4 MiB - 8 KiB binder mapping
        (32769, 4096, 4),
        (8192, 16384, 0),
        (65537, 65536, 1),
    ],
)
def test_order_of_a_size(size_bytes: int, page_size_bytes: int, order: int) -> None:
    assert order_of(size_bytes, page_size_bytes) == order


def test_no_order_for_nothing() -> None:
    for sizes in ((0, 4096), (1, 0)):
        with pytest.raises(ValueError, match="positive"):
            order_of(*sizes)


def test_pages_of_any_size_and_of_4_kib_where_none_is_said() -> None:
    assert order_of(5, 1) == 3
    assert (order_of(4096), order_of(4097)) == (0, 1)


@pytest.mark.parametrize(
    ("counts", "order", "index"), [((1,), 1, -500), ((1, 2), 2, 250), ((0, 5), 2, 300), ((5, 1), 2, 542)]
)
def test_the_fragmentation_index_is_the_kernels_to_the_last_digit(
    counts: tuple[int, ...], order: int, index: int
) -> None:
    assert fragmentation_index(counts, order) == index


@given(counts=counts_lists, order=st.integers(0, 10))
def test_index_bounds(counts: list[int], order: int) -> None:
    unusable = unusable_free_index(counts, order)
    assert 0 <= unusable <= 1000
    index = fragmentation_index(counts, order)
    # -500 is the kernel's own answer to one free block just below the order.
    assert index == -1000 or -500 <= index <= 1000
    assert (index == -1000) == (order < len(counts) and any(counts[order:]))


@given(size_bytes=st.integers(1, 1 << 40))
def test_the_order_is_the_smallest_that_fits(size_bytes: int) -> None:
    order = order_of(size_bytes)
    assert size_bytes <= 4096 << order
    assert order == 0 or size_bytes > 4096 << (order - 1)


def test_no_list_at_all_has_no_orders() -> None:
    assert counts_of(PageTypeInfo(pageblock_order=9, free=(), pageblocks=())) == ()


def test_lists_of_different_lengths_add_up() -> None:
    rows = "Node 0, zone Normal, type Unmovable 1 2 3\nNode 0, zone Normal, type Movable 10\n"
    assert counts_of(parse_pagetypeinfo(rows)) == (11, 2, 3)
