# SPDX-License-Identifier: Apache-2.0
"""A crash line by line: whose it is, where it was, what belongs to it, and its words."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.oom.crash_words import crash_details, crash_place, crash_sentence
from orchestrator.oom.reader import read_events
from orchestrator.oom.records import CrashBegun, CrashKind, KernelCrash, Process

FAULT = "Unable to handle kernel paging request at virtual address 0010"
DIE = "Internal error: Oops: 96000004 [#{}] SMP"
BUG = "kernel BUG at mm/slub.c:12!"
TRACE = "Call trace:"
END = "---[ end trace 0 ]---"
CPU = "CPU: 0 PID: {} Comm: {} Tainted: G  W  O {} #1"


def crashes(*lines: str, stamp: str = "[    2.500000] ") -> list[KernelCrash]:
    text = "".join(f"{stamp}{line}\n" for line in lines)
    return [event for event in read_events(text.encode()) if isinstance(event, KernelCrash)]


def one(*lines: str) -> KernelCrash:
    (crash,) = crashes(*lines)
    return crash


def frames(*names: str) -> list[str]:
    """Frames such as "f", "? f" and "f [m]"."""
    return [
        name.replace(
            name.split()[0 if name[0] != "?" else 1], f"{name.split()[0 if name[0] != '?' else 1]}+0x1/0x2"
        )
        for name in names
    ]


@pytest.mark.parametrize(
    ("pc", "stack", "caller"),
    [
        ("", [], None),
        ("", ["f", "g"], "f"),
        ("", ["f [m]", "g [m]"], "f"),
        ("", ["f", "g", "h [m]"], "h"),
        ("f", ["f", "g", "h"], "g"),
        ("f", ["f", "g", "h [m]", "i [m]"], "h"),
        ("f [m]", ["f [m]", "g", "h [m]"], "g"),
        ("f", ["g", "h"], "g"),
        ("f [m]", ["g", "h [m]"], "g"),
        ("f", ["e", "f", "g"], "g"),
        ("f", ["f"], None),
        ("f", ["f", "? g", "h"], "h"),
        ("", ["dump_stack", "panic", "f", "schedule", "g"], "f"),
        ("", ["dump_stack", "schedule"], None),
        ("", ["dump_stack", "f", "g"], "f"),
        ("", ["dump_stack", "show_stack", "panic", "f", "g"], "f"),
        ("", ["f", "dump_stack", "g"], "f"),
        ("schedule", ["schedule", "g"], "g"),
        ("schedule", ["dump_stack", "schedule", "g"], "g"),
        ("schedule", ["dump_stack", "mutex_lock", "schedule", "io_schedule", "g"], "io_schedule"),
    ],
)
def test_the_caller_is_the_first_function_that_somebody_would_look_for(
    pc: str, stack: list[str], caller: str | None
) -> None:
    where = [f"pc : {frames(pc)[0]}"] if pc else []
    crash = one(FAULT, *where, TRACE, *frames(*stack), END)
    assert crash.caller == caller
    assert (crash.pc, crash.pc_module) == ((pc.split()[0] if pc else None), "m" if "[m]" in pc else None)
    assert len(crash.stack) == len(stack)


@pytest.mark.parametrize(
    ("lines", "kinds"),
    [
        ([FAULT, DIE.format(1)], [("oops", 1)]),
        ([FAULT, CPU.format(1, "a", "6.1"), DIE.format(1)], [("oops", 1)]),
        ([FAULT, FAULT], [("oops", None)]),
        ([FAULT, CPU.format(1, "a", "6.1"), FAULT, "pc : f+0x1/0x2"], [("oops", None), ("oops", None)]),
        ([FAULT, DIE.format(1), "pc : f+0x1/0x2", DIE.format(2)], [("oops", 1), ("oops", 2)]),
        ([BUG, DIE.format(1)], [("bug", 1)]),
        (["BUG: sleeping function called", DIE.format(1)], [("bug", None), ("oops", 1)]),
        ([FAULT, BUG], [("oops", None), ("bug", None)]),
        ([DIE.format(3)], [("oops", 3)]),
    ],
)
def test_which_heads_are_one_crash(lines: list[str], kinds: list[tuple[str, int | None]]) -> None:
    assert [(crash.kind, crash.die) for crash in crashes(*lines)] == kinds


@pytest.mark.parametrize(
    ("lines", "begun"),
    [
        ([FAULT, DIE.format(1)], ["oops"]),
        ([BUG, DIE.format(1)], ["bug", "oops"]),
        ([FAULT, END, FAULT], ["oops"] * 2),
    ],
)
def test_who_watches_is_told_at_once_and_of_the_fatal_part_too(lines: list[str], begun: list[str]) -> None:
    events = read_events("".join(f"[    2.5] {line}\n" for line in lines).encode())
    told = [event for event in events if isinstance(event, CrashBegun)]
    assert [event.crash for event in told] == begun
    assert [event.fatal for event in told] == [kind == "oops" for kind in begun]
    assert (told[0].line, told[0].message, told[0].time_s) == (1, lines[0], 2.5)


def test_the_end_mark_ends_a_stack_and_stacks_of_others_are_left_out() -> None:
    other = ["Allocated by task 7:", *frames("g")]
    stacks = [
        one(FAULT, TRACE, *frames("f"), END, *frames("g")),
        one(FAULT, TRACE, *frames("f"), *other),
        one(FAULT, TRACE, *frames("f"), TRACE, *frames("g")),
        one(FAULT, *frames("f"), TRACE, "words", *frames("g")),
    ]
    names = [[frame.function for frame in crash.stack] for crash in stacks]
    assert names == [["f"], ["f"], ["f"], ["f", "g"]]


@pytest.mark.parametrize(
    ("lines", "task", "kernel"),
    [
        ([CPU.format(7, "a b", "6.1.0"), CPU.format(8, "c", "6.2.0")], Process(comm="a b", pid=7), "6.1.0"),
        (["Pid: 7, comm: a Not tainted 2.6.32 #1"], Process(comm="a", pid=7), "2.6.32"),
        (["Process a (pid: 7, stack limit = 0x1)"], Process(comm="a", pid=7), None),
        (["Process a (pid: 7, stack)", "Process b (pid: 8, stack)"], Process(comm="a", pid=7), None),
        (["Process a (pid: 7, stack)", CPU.format(8, "b", "6.1.0")], Process(comm="b", pid=8), "6.1.0"),
        (["Write of size 4 at addr ffff by task a/7"], Process(comm="a", pid=7), None),
        (["in_atomic(): 1, irqs_disabled(): 0, pid: 7, name: a"], Process(comm="a", pid=7), None),
        (["words"], None, None),
    ],
)
def test_the_task_that_was_running(lines: list[str], task: Process | None, kernel: str | None) -> None:
    crash = one(FAULT, *lines)
    assert (crash.task, crash.kernel) == (task, kernel)
    assert crash.tainted == (None if kernel is None else "" if kernel == "2.6.32" else "GWO")


def test_the_first_place_counts_and_a_panic_has_none() -> None:
    assert one(FAULT, "pc : f+0x1/0x2", "RIP: 0010:g+0x1/0x2").pc == "f"
    assert one("Kernel panic - not syncing: x", "pc : f+0x1/0x2").pc is None
    assert one("BUG: KASAN: use-after-free in f+0x1/0x2 [m]", "RIP: 0010:g+0x1/0x2").pc == "f"
    lockup = one("watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [a:7]")
    assert (lockup.task, lockup.what) == (Process(comm="a", pid=7), "stuck for 22s")
    assert one(FAULT, "KASAN: null-ptr-deref in range [0x0-0x7]").what == "NULL pointer dereference"


def test_a_look_alike_without_a_stamp_needs_something_behind_it() -> None:
    for head in (FAULT, BUG):
        assert crashes(head, stamp="") == []
        assert len(crashes(head, "pc : f+0x1/0x2", stamp="")) == len(crashes(head)) == 1
    assert len(crashes("Kernel panic - not syncing: x", stamp="")) == 1


def test_a_message_is_kept_up_to_300_characters() -> None:
    crash = one(f"{FAULT}{'x' * 400}")
    assert len(crash.message) == 300
    assert (crash.what, crash.line, crash.time_s) == ("paging request", 1, 2.5)


def record(**fields: Any) -> KernelCrash:
    return KernelCrash.model_validate({"kind": "oops", "line": 1, "message": "m", "what": "w", **fields})


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({}, ""),
        ({"pc": "f"}, "f()"),
        ({"pc": "f", "pc_module": "m"}, "f() [m]"),
        ({"caller": "g", "caller_module": "n"}, "called from g() [n]"),
        ({"pc": "f", "caller": "g"}, "f() called from g()"),
    ],
)
def test_places(fields: dict[str, str], place: str) -> None:
    crash = record(**fields)
    assert crash_place(crash) == place
    assert crash_sentence(crash) == (f"Oops (w): {place}" if place else "Oops (w)")
    assert crash_sentence(record(**fields, what="")) == (f"Oops: {place}" if place else "Oops")


@pytest.mark.parametrize(
    ("fields", "details"),
    [
        ({}, ""),
        ({"task": Process(comm="a", pid=0)}, ", task a (pid 0)"),
        ({"task": Process(comm="a")}, ", task a"),
        ({"tainted": "GO"}, ", tainted GO"),
        ({"tainted": ""}, ", not tainted"),
        ({"times": 1}, ""),
        ({"times": 2}, ", 2 times"),
        ({"die": 1}, ""),
        ({"die": 2}, ", after an earlier Oops"),
        ({"panic": "p"}, ", then panic: p"),
        ({"panic": "p", "die": 2}, ", then panic: p"),
        (
            {"task": Process(comm="a", pid=1), "tainted": "G", "times": 3, "die": 5},
            ", task a (pid 1), tainted G, 3 times, after an earlier Oops",
        ),
    ],
)
def test_details(fields: dict[str, Any], details: str) -> None:
    assert crash_details(record(**fields)) == f"Oops (w){details}"


def test_a_panic_says_itself_once() -> None:
    assert crash_details(record(kind="panic", panic="w")) == "panic (w)"


@pytest.mark.parametrize(
    ("kind", "message", "fatal"),
    [
        ("oops", "", True),
        ("panic", "", True),
        ("bug", BUG, True),
        ("bug", "BUG: x", False),
        ("kasan", BUG, False),
    ],
)
def test_what_ends_the_task_or_the_kernel(kind: CrashKind, message: str, fatal: bool) -> None:
    assert record(kind=kind, message=message).fatal is fatal


def test_equal_crashes_are_of_one_kind_at_one_place() -> None:
    place = {"pc": "f", "caller": "g"}
    assert record(**place).signature == record(**place, what="other", pc_module="m").signature
    assert record().signature != record(what="other").signature
    others = [
        record(**place, kind="bug"),
        record(pc="f"),
        record(caller="g"),
        record(pc="g", caller="f"),
        record(),
    ]
    assert len({crash.signature for crash in [record(**place), *others]}) == 6
