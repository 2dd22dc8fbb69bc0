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
        (1001, {}, True),
        (1000, {}, False),
        (1501, {"reserved_highatomic_kb": 300, "free_cma_kb": 200}, True),
        (1500, {"reserved_highatomic_kb": 300, "free_cma_kb": 200}, False),
    ],
)
def test_single_pages_are_had_above_min_and_what_is_set_aside(
    free_kb: int, fields: dict[str, int], above: bool
) -> None:
    (finding,) = found({"Normal": zone(free_kb, **fields)}).zones
    assert finding.above_min is above
    assert finding.set_aside_kb == sum(fields.values())
    assert finding.needed_kb == 1000
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
