# SPDX-License-Identifier: Apache-2.0
"""Each sentence about an event, for every state of what its text shows."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.oom.explain import explain, outcome, process_name, request
from orchestrator.oom.gfp_words import in_words
from orchestrator.oom.records import MemoryEvent, Process

ZONES = {
    "Node 0 DMA32": {"free_kb": 700, "min_kb": 600},
    "Node 0 Normal": {"free_kb": 9000, "min_kb": 100, "low_kb": 200, "high_kb": 300},
    "Node 1 Normal": {"free_kb": 40, "low_kb": 50},
}
LISTS = {
    "Node 0 Normal": {"counts": [5, 0, 3, 2], "smallest_block_kb": 4, "migratetypes": ["U", "", "H", "C"]}
}


def event(**fields: Any) -> MemoryEvent:
    return MemoryEvent.model_validate(
        {"type": "oom", "line": 1, "trigger": {"comm": "sh", "pid": 7}, **fields}
    )


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"type": "show-mem"}, "A memory dump without a failed request."),
        (
            {"type": "lmk-kill"},
            "The low memory killer of user space or of an old Android kernel acted.",
        ),
        ({"trigger": None}, "The head of the report is missing: it does not say who requested memory."),
        ({"order": -1}, "sh (pid 7): an OOM kill by hand (sysrq)."),
        ({}, "sh (pid 7) requested memory."),
        ({"gfp_flags": "GFP_NOFS"}, "sh (pid 7) requested memory (GFP_NOFS)."),
        ({"order": 0}, "sh (pid 7) requested one page (order 0)."),
        ({"order": 0, "gfp_mask": "0x1"}, "sh (pid 7) requested one page (order 0, gfp_mask 0x1)."),
        ({"order": 1}, "sh (pid 7) requested 8 KiB of physically contiguous memory (order 1)."),
        ({"order": 40}, f"sh (pid 7) requested {4 << 20} GiB of physically contiguous memory (order 40)."),
        ({"order": 99}, f"sh (pid 7) requested {4 << 20} GiB of physically contiguous memory (order 99)."),
        (
            {"order": 0, "gfp_mask": "0x0"},
            "sh (pid 7) requested a page whose allocation had failed during a page fault (gfp_mask 0x0).",
        ),
        (
            {
                "order": 2,
                "gfp_mask": "0xcc0",
                "kernel": "6.1.0",
                "stack_first_caller": "f",
                "oom_score_adj": 5,
            },
            (
                "sh (pid 7) requested 16 KiB of physically contiguous memory (order 2, GFP_KERNEL), called"
                " from f, oom_score_adj 5."
            ),
        ),
        ({"order": 0, "oom_score_adj": 0}, "sh (pid 7) requested one page (order 0)."),
    ],
)
def test_who_asked_for_what(fields: dict[str, Any], sentence: str) -> None:
    assert request(event(**fields), 4096) == sentence


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"type": "lmk-kill"}, "It acts on pressure; the text says nothing of what was free."),
        ({}, "The text does not show what was free."),
        (
            {"type": "memcg-oom"},
            "The limit of the cgroup was reached; the text does not show its size.",
        ),
        (
            {"type": "memcg-oom", "memcg": {"path": "/a"}},
            "The limit of the cgroup /a was reached; the text does not show its size.",
        ),
        (
            {"type": "memcg-oom", "memcg": {"usage_kb": 8, "limit_kb": 9}},
            "The cgroup (name not shown) used 8 of 9 kB.",
        ),
        (
            {"type": "show-mem", "zones": {"Normal": {"free_kb": 9, "min_kb": 1}}, "buddy": {}},
            "Normal: 9 kB free, watermarks min 1.",
        ),
        (
            {"zones": ZONES, "buddy": LISTS, "order": 0, "gfp_flags": "GFP_KERNEL"},
            (
                "Node 0 Normal: 9000 kB free (and 740 kB in 2 more), watermarks min 100, low 200, high 300, "
                "blocks per order 5 0 3 2; as printed this would have satisfied it: memory came free since, "
                "or was bound elsewhere."
            ),
        ),
        (
            {"zones": ZONES, "buddy": LISTS, "order": 1, "kernel": "6.8"},
            (
                "Node 0 Normal: 9000 kB free (and 740 kB in 2 more), watermarks min 100, low 200, high 300, "
                "blocks per order 5 0 3 2, usable at order 1 and up: none (5 are CMA or highatomic); the text"
                " does not show enough to say why."
            ),
        ),
        (
            {"zones": {"Normal": {"free_kb": 9, "min_kb": 9}}, "order": 0},
            (
                "Normal: 9 kB free, watermarks min 9; plain shortage: what the request may use of the"
                " free memory is not above the min watermark."
            ),
        ),
    ],
)
def test_what_was_free(fields: dict[str, Any], sentence: str) -> None:
    assert explain(event(**fields))[1] == sentence


@pytest.mark.parametrize(("order", "usable"), [(-1, ""), (None, ""), (1, ", usable at order 1 and up: 4")])
def test_usable_blocks_are_told_of_orders_above_0(order: int | None, usable: str) -> None:
    lists = {"Normal": {"counts": [2, 4], "smallest_block_kb": 4, "migratetypes": ["U", "U"]}}
    zones = {"Normal": {"free_kb": 40, "min_kb": 1}}
    line = explain(event(zones=zones, buddy=lists, order=order))[1]
    assert f"watermarks min 1, blocks per order 2 4{usable}; " in line


@pytest.mark.parametrize(
    ("kernel", "order", "types", "blocks"),
    [
        (None, 3, "H", 9),
        ("6.7.12", 3, "H", 9),
        ("5.99", 3, "H", 9),
        ("6.8", 3, "H", None),
        ("7.0", 3, "H", None),
        ("6.7", 2, "H", 14),
        ("6.7", 3, "UH", None),
        ("6.7", 3, "C", None),
        ("6.7", 5, "H", None),
    ],
)
def test_the_reserve_that_newer_kernels_give_up(
    kernel: str | None, order: int, types: str, blocks: int | None
) -> None:
    lists = {
        "Normal": {
            "counts": [7, 6, 5, 4, 5],
            "smallest_block_kb": 4,
            "migratetypes": ["U", "U", *[types] * 3],
        }
    }
    zones = {"Normal": {"free_kb": 900, "min_kb": 1, "reserved_highatomic_kb": 500}}
    told = explain(event(zones=zones, buddy=lists, order=order, kernel=kernel, gfp_flags="GFP_KERNEL"))[1]
    assert ("highatomic blocks would have done" in told) is (blocks is not None)
    assert blocks is None or f"The {blocks} highatomic blocks" in told


def killed(*names: str) -> tuple[Process, ...]:
    return tuple(Process(comm=name) for name in names)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"type": "show-mem"}, "Nobody died."),
        ({"type": "alloc-failure"}, "Nobody was killed: the request failed and the caller got the error."),
        ({"victims": killed(*"abcdef")}, "Killed as a group: a, b, c, d, e, f."),
        ({"victims": killed(*"abcdefg")}, "Killed as a group: a, b, c, d, e, f and 1 more."),
        ({"victims": killed(*"abcdefgh")}, "Killed as a group: a, b, c, d, e, f and 2 more."),
        ({"victim": Process(comm="v", pid=0)}, "Killed: v (pid 0)."),
        (
            {"victim": Process(comm="v"), "chosen": Process(comm="c", pid=3)},
            "Killed: v in place of c (pid 3).",
        ),
        ({"outcome": "no killable process"}, "Nobody could be killed (no killable process)."),
        ({"outcome": "panic: x"}, "Nobody could be killed (panic: x)."),
        ({"outcome": "truncated"}, "Who was killed is not in the text."),
        ({}, "Who was killed is not in the text."),
    ],
)
def test_who_died(fields: dict[str, Any], sentence: str) -> None:
    assert outcome(event(**fields)) == sentence


def test_names_with_and_without_pid() -> None:
    assert [process_name(Process(comm="a", pid=pid)) for pid in (None, 0, 5)] == [
        "a",
        "a (pid 0)",
        "a (pid 5)",
    ]


def test_flags_in_words_and_those_not_known() -> None:
    assert in_words("__GFP_ZERO||__GFP_NEW") == [
        ("__GFP_ZERO", "filled with zeros"),
        ("__GFP_NEW", "(not known here)"),
    ]
    assert in_words("") == []
