# SPDX-License-Identifier: Apache-2.0
"""What a request could have had of each zone, by the rules of the kernel's page allocator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from orchestrator.oom.diagnosis import Cause, Diagnosis, diagnose
from orchestrator.oom.records import Buddy, MemoryEvent, Zone

ZONES_64 = ("DMA", "DMA32", "Normal", "Movable", "Device")
ZONES_32 = ("DMA", "Normal", "HighMem", "Movable")


def found(
    zones: Mapping[str, Zone], *, flags: str = "GFP_KERNEL", order: int | None = 3, **fields: object
) -> Diagnosis:
    event = {"type": "oom", "line": 1, "gfp_flags": flags, "order": order, "zones": zones, **fields}
    return diagnose(MemoryEvent.model_validate(event))


def zone(free_kb: int = 11000, min_kb: int | None = 1000, **fields: object) -> Zone:
    return Zone.model_validate({"free_kb": free_kb, "min_kb": min_kb, **fields})


def free_list(counts: Sequence[int], types: Sequence[str] | None = None, smallest_kb: int = 4) -> Buddy:
    letters = tuple(types or ("U",) * len(counts))
    return Buddy(counts=tuple(counts), smallest_block_kb=smallest_kb, migratetypes=letters)


@pytest.mark.parametrize(
    ("flags", "zones", "highest"),
    [
        ("GFP_KERNEL", ZONES_64, "Normal"),
        ("GFP_HIGHUSER", ZONES_64, "Normal"),
        ("GFP_HIGHUSER_MOVABLE", ZONES_64, "Movable"),
        ("GFP_KERNEL|GFP_DMA", ZONES_64, "DMA"),
        ("GFP_KERNEL|__GFP_DMA", ZONES_64, "DMA"),
        ("GFP_KERNEL|GFP_DMA32", ZONES_64, "DMA32"),
        ("GFP_KERNEL|__GFP_DMA32", ZONES_64, "DMA32"),
        ("GFP_KERNEL", ZONES_32, "Normal"),
        ("GFP_KERNEL|__GFP_HIGH", ZONES_32, "Normal"),
        ("GFP_KERNEL|GFP_DMA32", ZONES_32, "Normal"),
        ("GFP_HIGHUSER", ZONES_32, "HighMem"),
        ("GFP_KERNEL|__GFP_HIGHMEM", ZONES_32, "HighMem"),
        ("GFP_HIGHUSER_MOVABLE", ZONES_32, "Movable"),
    ],
)
def test_a_request_may_use_its_zone_and_those_below(flags: str, zones: tuple[str, ...], highest: str) -> None:
    names = [entry.name for entry in found({name: zone() for name in zones}, flags=flags).zones]
    assert names == list(zones[: zones.index(highest) + 1])


@pytest.mark.parametrize(
    ("reserve", "own", "flags", "held_pages"),
    [
        ((0, 250, 9000, 9500), "DMA", "GFP_KERNEL|GFP_DMA32", 250),
        ((0, 250, 9000, 9500), "DMA", "GFP_KERNEL", 9000),
        ((0, 250, 9000, 9500), "DMA", "GFP_HIGHUSER_MOVABLE", 9500),
        ((0, 0, 700, 750), "DMA32", "GFP_KERNEL", 700),
        ((0, 500), "DMA32", "GFP_KERNEL", 500),  # the kernel has no zone DMA, and numbers from DMA32 on
        ((0, 500), "DMA", "GFP_HIGHUSER_MOVABLE", 500),  # the list is shorter than the zones known here
        ((0, 0, 0, 0, 80), "DMA", "GFP_KERNEL", 80),  # and here longer
        ((5, 250, 9000), "DMA", "GFP_KERNEL", 0),  # no list of a kernel: it begins with its own zone's 0
        ((0, 0, 0), "DMA", "GFP_KERNEL", 0),
        ((), "DMA", "GFP_KERNEL", 0),
        (None, "DMA", "GFP_KERNEL", 0),
    ],
)
def test_the_reserve_against_requests_for_higher_zones(
    reserve: tuple[int, ...] | None, own: str, flags: str, held_pages: int
) -> None:
    zones = {own: zone(lowmem_reserve_pages=reserve)}
    assert found(zones, flags=flags).zones[0].needed_kb == 1000 + 4 * held_pages
    lists = {own: free_list([1], smallest_kb=16)}
    assert found(zones, flags=flags, buddy=lists).zones[0].needed_kb == 1000 + 16 * held_pages


@pytest.mark.parametrize(
    ("free_kb", "fields", "above"),
    [
        (1029, {}, True),
        (1028, {}, False),
        (1529, {"reserved_highatomic_kb": 300, "free_cma_kb": 200}, True),
        (1528, {"reserved_highatomic_kb": 300, "free_cma_kb": 200}, False),
    ],
)
def test_a_request_passes_above_min_what_is_set_aside_and_its_own_further_pages(
    free_kb: int, fields: dict[str, int], above: bool
) -> None:
    (finding,) = found({"Normal": zone(free_kb, **fields)}).zones
    assert finding.above_min is above
    assert finding.set_aside_kb == sum(fields.values())
    assert (finding.needed_kb, finding.own_kb) == (1000, 28), "order 3: seven pages but the first"
    assert (finding.blocks, finding.usable_blocks, finding.reserved_blocks) == ((), None, 0)


def test_a_movable_request_may_use_cma() -> None:
    zones = {"Normal": zone(free_cma_kb=200, reserved_highatomic_kb=30)}
    lists = {"Normal": free_list([0, 5, 6, 7], ["", "C", "H", "U"])}
    assert found(zones, flags="GFP_HIGHUSER_MOVABLE", buddy=lists).zones[0].set_aside_kb == 30
    findings = [
        found(zones, flags=flags, order=1, buddy=lists).zones[0]
        for flags in ("GFP_HIGHUSER_MOVABLE", "GFP_KERNEL", "GFP_ATOMIC")
    ]
    counts = [(finding.usable_blocks, finding.reserved_blocks) for finding in findings]
    assert counts == [(12, 6), (7, 11), (13, 5)]


@pytest.mark.parametrize(
    ("order", "usable", "reserved"),
    [(None, 15, 7), (-1, 15, 7), (0, 15, 7), (1, 14, 7), (2, 9, 7), (5, 0, 0)],
)
def test_blocks_of_the_order_and_more_count_and_lists_without_letters_are_usable(
    order: int | None, usable: int, reserved: int
) -> None:
    lists = {"Normal": free_list([1, 5, 9, 3, 4], ["U", "", "UH", "H", "C"])}
    (finding,) = found({"Normal": zone()}, order=order, buddy=lists).zones
    assert (finding.usable_blocks, finding.reserved_blocks) == (usable, reserved)
    assert finding.blocks == (1, 5, 9, 3, 4)


OPEN, CLOSED, UNKNOWN = zone(), zone(900), zone(min_kb=None)
NONE, SOME = free_list([900, 0, 0, 0]), free_list([900, 0, 0, 1])


@pytest.mark.parametrize(
    ("zones", "lists", "order", "cause"),
    [
        ({"DMA": CLOSED, "Normal": CLOSED}, {}, 3, "shortage"),
        ({"DMA": CLOSED, "Normal": CLOSED}, {"DMA32": SOME}, 3, "unknown"),  # a zone's line was left out
        ({"DMA": CLOSED, "Normal": OPEN}, {"DMA": SOME, "Normal": NONE}, 3, "fragmentation"),
        ({"DMA": OPEN, "Normal": OPEN}, {"DMA": SOME, "Normal": NONE}, 3, "not-visible"),
        ({"DMA": OPEN, "Normal": OPEN}, {"Normal": NONE}, 3, "unknown"),
        ({"DMA": OPEN, "Normal": OPEN}, {"Normal": SOME}, 3, "not-visible"),
        ({"DMA": UNKNOWN, "Normal": OPEN}, {"Normal": NONE}, 3, "fragmentation"),
        ({"DMA": UNKNOWN, "Normal": UNKNOWN}, {"Normal": NONE}, 3, "unknown"),
        ({"Normal": OPEN}, {}, 0, "not-visible"),
        ({"Normal": OPEN}, {}, -1, "not-visible"),
        ({"Normal": OPEN}, {"Normal": free_list([0, 0])}, 1, "fragmentation"),
        ({"Normal": CLOSED}, {}, 0, "shortage"),
        ({"Normal": OPEN}, {"Normal": SOME}, None, "unknown"),
        ({}, {}, 3, "unknown"),
    ],
)
def test_the_cause(zones: dict[str, Zone], lists: dict[str, Buddy], order: int | None, cause: Cause) -> None:
    diagnosis = found(zones, order=order, buddy=lists)
    assert (diagnosis.cause, diagnosis.order) == (cause, order)


def test_the_limit_of_a_cgroup_is_its_own_cause() -> None:
    diagnosis = found({"Normal": OPEN}, type="memcg-oom")
    assert (diagnosis.cause, diagnosis.order, diagnosis.zones) == ("cgroup-limit", 3, ())


@pytest.mark.parametrize(
    ("nodemask", "nodes"),
    [("0", [0]), ("2", [2]), ("1-2", [1, 2]), ("0,3", [0, 3]), ("3,0-1", [0, 1, 3]), (None, [0, 1, 2, 3])],
)
def test_nodes_of_a_mask(nodemask: str | None, nodes: list[int]) -> None:
    zones = {f"Node {node} Normal": OPEN for node in range(4)}
    names = [entry.name for entry in found(zones, nodemask=nodemask).zones]
    assert names == [f"Node {node} Normal" for node in nodes]
    assert len(found({"Normal": OPEN}, nodemask=nodemask).zones) == 1, "which names no node"


def test_the_pages_of_the_request_itself_are_taken_off_before_the_watermark() -> None:
    """As lkp reported it of rtrs_server (5.19-rc2, i386): both zones are closed at order 5."""
    zones = {
        "DMA": zone(2304, 80, lowmem_reserve_pages=(0, 544, 2867, 2867)),
        "Normal": zone(3040, 2940, lowmem_reserve_pages=(0, 0, 18591, 18591)),
    }
    lists = {
        "DMA": free_list([0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0]),
        "Normal": free_list([4, 2, 2, 3, 3, 1, 2, 0, 2, 0, 0]),
    }
    finding = found(zones, order=5, buddy=lists)
    assert finding.cause == "shortage"
    assert [(entry.needed_kb, entry.own_kb, entry.above_min) for entry in finding.zones] == [
        (80 + 4 * 544, 124, False),
        (2940, 124, False),
    ]
    assert found(zones, order=0, buddy=lists).cause == "not-visible"


def test_pages_of_64_kib_are_taken_off_as_such() -> None:
    (finding,) = found(
        {"Normal": zone(2000)}, order=2, buddy={"Normal": free_list([9, 9, 9], smallest_kb=64)}
    ).zones
    assert (finding.own_kb, finding.above_min) == (3 * 64, True)


def test_what_is_free_in_the_highatomic_reserve_counts_where_it_is_printed() -> None:
    zones = {"Normal": zone(60000, 39744, reserved_highatomic_kb=65536, free_highatomic_kb=1024)}
    (finding,) = found(zones, order=0, kernel="6.18.0").zones
    assert (finding.set_aside_kb, finding.above_min) == (1024, True)


@pytest.mark.parametrize(
    ("kernel", "free_kb", "passes"),
    [
        ("6.12.9", 60000, False),  # the whole reserve
        ("6.13.2", 60000, None),  # what is free in it, which is not printed
        ("6.13.2", 200000, True),  # it does not matter
        ("6.13.2", 39744 + 64, False),  # nor here: 64 kB of it are in lists of their own
        (None, 60000, False),
    ],
)
def test_where_it_is_not_printed_nothing_is_claimed(
    kernel: str | None, free_kb: int, passes: bool | None
) -> None:
    zones = {"Normal": zone(free_kb, 39744, reserved_highatomic_kb=65536)}
    lists = {"Normal": free_list([5, 2, 4], ["UH", "U", "H"])}
    (finding,) = found(zones, order=0, kernel=kernel, buddy=lists).zones
    assert finding.above_min is passes
