# SPDX-License-Identifier: Apache-2.0
"""Messages that came in pieces: two CPUs that print at once, terminals that break lines inside words."""

from __future__ import annotations

import pytest

from orchestrator.oom.reader import read_events
from orchestrator.oom.records import MemoryEvent
from tests.unit.oom.texts import console, memory_events


def only(text: str) -> MemoryEvent:
    (event,) = memory_events(read_events(text.encode()))
    return event


def stamped(*messages: str) -> str:
    return "".join(f"[ 1303.{number:06d}] {text}\n" for number, text in enumerate(messages))


NOISE = "eth0: link up"
STACK = "Stack : 00000000 00000000 01080020"


@pytest.mark.parametrize("between", [(), (NOISE,), (STACK, NOISE, "80071de8"), (NOISE,) * 20])
@pytest.mark.parametrize(
    "pieces",
    [
        ("sh: page allocation failure: order:2", ", mode:0x40dc0(GFP_KERNEL|__GFP_ZERO), nodemask=(null)"),
        (
            "sh: page allocation failure: order:2",
            ", mode:0x40dc0(GFP_KERNEL|__GFP_ZERO), nodemask=",
            "(null)",
        ),
        ("sh: page allocation failure: order:2,", "mode:0x40dc0(GFP_KERNEL|__GFP_ZERO)"),
        (
            "sh: page allocation failure: order:2, mode:0x40dc0(GFP_KERNEL|__GFP_ZERO)",
            ",cpuset=/,mems_allowed=0",
        ),
    ],
)
def test_an_allocation_failure_in_pieces(pieces: tuple[str, ...], between: tuple[str, ...]) -> None:
    messages = [text for piece in pieces for text in (piece, *between)]
    event = only(stamped(*messages, "CPU: 0 PID: 7 Comm: sh Not tainted 4.14.158 #0"))
    assert event.trigger is not None
    assert (event.type, event.trigger.comm, event.trigger.pid) == ("alloc-failure", "sh", 7)
    assert (event.order, event.gfp_mask, event.gfp_flags) == (2, "0x40dc0", "GFP_KERNEL|__GFP_ZERO")


@pytest.mark.parametrize("between", [(), (NOISE,), (STACK, NOISE, "80071de8")])
@pytest.mark.parametrize(
    "pieces",
    [
        (
            "a b invoked oom-killer: gfp_mask=0xd0(GFP_USER), nodemask=",
            "(null)",
            ",  order=1, oom_score_adj=-5",
        ),
        ("a b invoked oom-killer: gfp_mask=0xd0(GFP_USER), nodemask=", "0-1,  order=1, oom_score_adj=-5"),
        ("a b invoked oom-killer: gfp_mask=0xd0(GFP_USER), nodemask=(null)", ", order=1, oom_score_adj=-5"),
        ("a b invoked oom-killer: gfp_mask=0xd0(GFP_USER), order=1", ", oom_score_adj=-5"),
    ],
)
def test_the_head_of_an_oom_in_pieces(pieces: tuple[str, ...], between: tuple[str, ...]) -> None:
    event = only(stamped(*(text for piece in pieces for text in (piece, *between))))
    assert event.trigger is not None
    assert (event.trigger.comm, event.order, event.oom_score_adj) == ("a b", 1, -5)
    assert (event.gfp_mask, event.gfp_flags) == ("0xd0", "GFP_USER")


def test_the_name_may_stand_alone() -> None:
    event = only(
        stamped(
            "sh: ",
            NOISE,
            "page allocation failure: order:1, mode:0x20(GFP_ATOMIC)",
            "CPU: 1 PID: 8 Comm: sh Not tainted 4.14.1 #1",
        )
    )
    assert event.trigger is not None
    assert (event.trigger.comm, event.trigger.pid, event.order) == ("sh", 8, 1)


@pytest.mark.parametrize(
    "text",
    [
        "We saw sh: page allocation failure: order:2 in March.\n",
        "sh: page allocation failure: order:2\n",
        "page allocation failure: order:1, mode:0x20(GFP_ATOMIC)\n",
        "[    1.0] Testing page allocation failure: order:4 next\n",
    ],
)
def test_prose_is_no_head_that_was_cut(text: str) -> None:
    assert read_events(text.encode()) == []


def test_the_rest_of_another_cpu_s_head_is_not_taken() -> None:
    event = only(
        "[    1.0][    T7] sh: page allocation failure: order:2\n[    1.0][    T8] , mode:0x20(GFP_ATOMIC)\n"
    )
    assert (event.order, event.gfp_mask) == (2, None)


def broken_at(data: bytes, width: int, quote: str) -> bytes:
    """As a terminal of that width shows it, and a mail quotes that."""
    lines = (line for line in data.decode().splitlines())
    pieces = (line[start : start + width] for line in lines for start in range(0, max(len(line), 1), width))
    return "".join(f"{quote}{piece}".rstrip() + "\n" for piece in pieces).encode()


@pytest.mark.parametrize("quote", ["", "> ", ">> "])
@pytest.mark.parametrize("width", [80, 98, 100, 118, 132])
@pytest.mark.parametrize("name", ["6.1-arm64-oom", "6.12-arm64-two-nodes", "6.1-x86_64-binder-order3"])
def test_a_terminal_that_breaks_inside_words(name: str, width: int, quote: str) -> None:
    data = console(name)
    found = memory_events(read_events(broken_at(data, width, quote)))
    true = memory_events(read_events(data))
    assert len(found) == len(true)
    for event, expected in zip(found, true, strict=True):
        assert (event.trigger, event.gfp_flags, event.order) == (
            expected.trigger,
            expected.gfp_flags,
            expected.order,
        )
        assert (event.stack_first_caller, event.victim) == (expected.stack_first_caller, expected.victim)
