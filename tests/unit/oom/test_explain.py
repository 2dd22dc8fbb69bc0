# SPDX-License-Identifier: Apache-2.0
"""The three lines for people, and the finding behind them."""

from __future__ import annotations

import pytest

from orchestrator.oom.diagnosis import Cause, diagnose
from orchestrator.oom.explain import explain
from orchestrator.oom.reader import read_events
from orchestrator.oom.records import MemoryEvent
from tests.unit.oom.texts import console, memory_events

HEADER = (
    "[ 1.0] mapper invoked oom-killer: gfp_mask=0x40dc0(GFP_KERNEL|__GFP_COMP|__GFP_ZERO), order=3, "
    "oom_score_adj=-950\n[ 1.0] CPU: 0 PID: 77 Comm: mapper Not tainted 6.1.0 #1\n[ 1.0] Call trace:\n"
    "[ 1.0]  out_of_memory+0x1/0x2\n[ 1.0]  __alloc_pages+0x1/0x2\n[ 1.0]  __kmalloc_large_node+0x1/0x2\n"
    "[ 1.0]  __kmalloc+0x1/0x2\n[ 1.0]  binder_alloc_mmap_handler+0x1/0x2 [binder_linux]\n"
)


def event(zones: str, header: str = HEADER) -> MemoryEvent:
    (found,) = memory_events(read_events((header + zones).encode()))
    return found


def zone(name: str, free_kb: int, *, min_kb: int = 1000, extra: str = "", reserve: str = "0 0 0 0") -> str:
    return (
        f"[ 1.0] {name} free:{free_kb}kB min:{min_kb}kB low:{min_kb + 250}kB high:{min_kb + 500}kB {extra}"
        f"present:262144kB managed:229508kB\n[ 1.0] lowmem_reserve[]: {reserve}\n"
    )


def blocks(name: str, text: str) -> str:
    return f"[ 1.0] {name}: {text}\n"


FRAGMENTED = "900*4kB (UME) 900*8kB (UM) 9*16kB (U) 0*32kB 0*64kB = 10944kB"
HIGHATOMIC = "900*4kB (UMEH) 900*8kB (UM) 9*16kB (U) 4*32kB (H) 0*64kB = 11072kB"
CMA_ONLY = "900*4kB (UME) 900*8kB (UM) 9*16kB (U) 4*32kB (C) 0*64kB = 11072kB"
MIXED = "900*4kB (UME) 900*8kB (UM) 9*16kB (U) 4*32kB (UH) 0*64kB = 11072kB"


@pytest.mark.parametrize(
    ("zones", "cause"),
    [
        (zone("Normal", 11000) + blocks("Normal", FRAGMENTED), "fragmentation"),
        (zone("Normal", 11000) + blocks("Normal", HIGHATOMIC), "fragmentation"),
        (zone("Normal", 11000) + blocks("Normal", CMA_ONLY), "fragmentation"),
        (zone("Normal", 900) + blocks("Normal", MIXED), "shortage"),
        (zone("Normal", 11000, extra="free_cma:10500kB ") + blocks("Normal", CMA_ONLY), "shortage"),
        (zone("Normal", 5000, extra="reserved_highatomic:4096KB ") + blocks("Normal", MIXED), "shortage"),
        (zone("Normal", 11000) + blocks("Normal", MIXED), "not-visible"),
        (zone("Normal", 11000), "unknown"),
        ("", "unknown"),
    ],
)
def test_cause(zones: str, cause: Cause) -> None:
    assert diagnose(event(zones)).cause == cause


def test_zones_that_a_kernel_request_cannot_use_do_not_count() -> None:
    finding = diagnose(event(zone("Node 0 Movable", 99000) + zone("Node 0 Normal", 500)))
    assert [entry.name for entry in finding.zones] == ["Node 0 Normal"]


def test_the_lowmem_reserve_closes_a_lower_zone() -> None:
    zones = zone("Node 0 DMA32", 60000, reserve="0 0 14975 14975") + zone("Node 0 Normal", 500)
    finding = diagnose(event(zones))
    assert [entry.above_min for entry in finding.zones] == [False, False]


def test_the_reserve_of_a_zone_does_not_hold_against_requests_for_that_zone() -> None:
    header = HEADER.replace("GFP_KERNEL|__GFP_COMP|__GFP_ZERO", "GFP_KERNEL|GFP_DMA")
    (finding,) = diagnose(event(zone("Node 0 DMA", 5000, reserve="0 250 9000 9000"), header)).zones
    assert (finding.needed_kb, finding.above_min) == (1000, True)


@pytest.mark.parametrize(
    ("flags", "needed_kb", "set_aside_kb", "usable_blocks"),
    [
        ("GFP_KERNEL", 1000, 4096, 0),
        ("GFP_KERNEL|__GFP_HIGH", 500, 4096, 0),
        ("GFP_ATOMIC", 375, 0, 4),
        ("GFP_ATOMIC|__GFP_NOMEMALLOC", 500, 4096, 0),
    ],
)
def test_urgent_requests_may_go_below_min_and_use_the_highatomic_reserve(
    flags: str, needed_kb: int, set_aside_kb: int, usable_blocks: int
) -> None:
    header = HEADER.replace("GFP_KERNEL|__GFP_COMP|__GFP_ZERO", flags)
    zones = zone("Normal", 5000, extra="reserved_highatomic:4096KB ") + blocks("Normal", HIGHATOMIC)
    (finding,) = diagnose(event(zones, header)).zones
    assert finding.needed_kb == needed_kb
    assert finding.set_aside_kb == set_aside_kb
    assert finding.usable_blocks == usable_blocks


@pytest.mark.parametrize(
    ("nodemask", "nodes"),
    [("(null)", "012"), ("1", "1"), ("0-1", "01"), ("0,2", "02"), ("0-1,2", "012"), ("1-", "012")],
)
def test_zones_of_nodes_that_the_request_may_not_use_do_not_count(nodemask: str, nodes: str) -> None:
    header = HEADER.replace("order=3, ", f"nodemask={nodemask}, order=3, ")
    zones = "".join(zone(f"Node {node} Normal", 11000) for node in range(3))
    assert "".join(entry.name.split()[1] for entry in diagnose(event(zones, header)).zones) == nodes


def test_flags_are_decoded_before_they_are_judged() -> None:
    header = (
        "[ 1.0] x: page allocation failure: order:0, mode:0x820\n"
        "[ 1.0] CPU: 0 PID: 7 Comm: x Not tainted 6.12.0 #1\n"
    )
    assert diagnose(event(zone("Normal", 900), header)).zones[0].above_min


def test_three_lines_of_a_fragmentation_oom() -> None:
    zones = zone("Normal", 11000) + blocks("Normal", HIGHATOMIC)
    kill = "[ 1.1] Out of memory: Killed process 5 (victim) total-vm:1kB, anon-rss:1kB, file-rss:0kB\n"
    assert explain(event(zones + kill)) == [
        (
            "mapper (pid 77) requested 32 KiB of physically contiguous memory (order 3, "
            "GFP_KERNEL|__GFP_COMP|__GFP_ZERO), called from binder_alloc_mmap_handler, oom_score_adj -950."
        ),
        (
            "Normal: 11000 kB free, watermarks min 1000, low 1250, high 1500, "
            "blocks per order 900 900 9 4 0, usable at order 3 and up: none (4 are CMA or highatomic); "
            "fragmentation: enough memory is free, but no free block of order 3 or higher that this request "
            "may use. The 4 highatomic blocks would have done: kernels from 6.8 on (6.1 and 6.6 stable since "
            "early 2024) give that reserve up before they kill, so in this very state the request probably "
            "succeeds there."
        ),
        "Killed: victim (pid 5).",
    ]


def test_the_page_size_decides_the_size() -> None:
    assert "requested 128 KiB of physically contiguous memory" in explain(event(""), page_size_bytes=16384)[0]


def test_a_mask_without_names_is_decoded_when_the_kernel_is_known() -> None:
    header = (
        "[ 1.0] x: page allocation failure: order:4, mode:0x40dc0\n"
        "[ 1.0] CPU: 0 PID: 7 Comm: x Not tainted 6.1.0-56-arm64 #1\n"
    )
    assert "GFP_KERNEL|__GFP_COMP|__GFP_ZERO" in explain(event("", header))[0]
    assert "gfp_mask 0x40dc0" in explain(event("", header.replace("6.1.0-56-arm64", "2.5.70")))[0]


def test_a_group_kill_and_a_panic() -> None:
    group = memory_events(read_events(console("6.1-arm64-memcg")))[1]
    assert explain(group)[1:] == [
        "The cgroup /a used 20480 of 20480 kB.",
        "Killed as a group: tail (pid 88), sleep (pid 89), sleep (pid 90).",
    ]
    (panic,) = memory_events(read_events(console("6.12-arm64-panic")))
    assert explain(panic)[2] == "Nobody could be killed (no killable process; panic)."


def test_only_ascii_comes_out() -> None:
    text = "[ 1.0] Out of memory: Killed process 5 (m\u00fcll\u0007) total-vm:1kB, anon-rss:1kB\n"
    (found,) = memory_events(read_events(text.encode()))
    assert explain(found)[2] == "Killed: m\\xfcll (pid 5)."


@pytest.mark.parametrize(
    ("kernel", "said"),
    [("5.10.168-android12-9", True), ("6.1.0", True), ("6.8.1", False), ("6.12.43", False)],
)
def test_blocks_that_a_newer_kernel_would_have_given_up_are_told(kernel: str, said: bool) -> None:
    header = HEADER.replace("6.1.0", kernel)
    found = event(zone("Normal", 11000) + blocks("Normal", HIGHATOMIC), header)
    assert ("The 4 highatomic blocks would have done" in explain(found)[1]) is said


@pytest.mark.parametrize("text", [FRAGMENTED, CMA_ONLY])
def test_no_such_thing_is_told_where_there_were_none(text: str) -> None:
    assert "highatomic blocks would" not in explain(event(zone("Normal", 11000) + blocks("Normal", text)))[1]


def test_blocks_that_are_free_but_not_for_this_request_are_not_denied() -> None:
    without, elsewhere = blocks("Normal", HIGHATOMIC.replace("4*32kB (H)", "0*32kB")), HIGHATOMIC
    end = "no free block of order 3 or higher"
    assert f"{end}." in explain(event(zone("Normal", 11000) + without))[1]
    assert (
        f"{end} that this request may use."
        in explain(event(zone("Normal", 11000) + blocks("Normal", elsewhere)))[1]
    )
