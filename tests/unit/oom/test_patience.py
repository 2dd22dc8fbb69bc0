# SPDX-License-Identifier: Apache-2.0
"""When a report or a crash is over, and which line still belongs to which: to the line."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.oom.reader import OomReader, read_events
from orchestrator.oom.records import Event, KernelCrash, MemoryEvent, Process
from tests.unit.oom.texts import memory_events, read_in_chunks

OOM = "[    1.0] sh invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0\n"
FAILURE = "[    1.0] sh: page allocation failure: order:0, mode:0xcc0(GFP_KERNEL)\n"
DUMP = "[    1.0] Mem-Info:\n[    1.0] Normal free:8kB min:4kB low:5kB high:6kB managed:9kB\n"
FOOTER = "[    1.0] 7 pages RAM\n"
CHOSEN = "[    1.0] Out of memory: Kill process 5 (victim) score 9 or sacrifice child\n"
KILL = "[    1.0] Out of memory: Killed process 5 (victim) total-vm:1kB, anon-rss:1kB, file-rss:0kB\n"
CGROUP_KILL = KILL.replace("Out of", "Memory cgroup out of")
NOT_KILLABLE = "[    1.0] Out of memory and no killable processes...\n"
GROUP = "[    1.0] Tasks in /a are going to be killed due to memory.oom.group set\n"
SKIPPED = "[    1.0] Out of memory: OOM victim 5 (sh) is already exiting. Skip killing\n"
OOM_PANIC = "[    1.0] Kernel panic - not syncing: Out of memory: system-wide panic_on_oom is enabled\n"
PANIC = "[    1.0] Kernel panic - not syncing: Fatal exception\n"
FAULT = "[    1.0] Unable to handle kernel paging request at virtual address 0010\n"
OOPS = "[    1.0] Internal error: Oops: 96000004 [#1] SMP\n"
END = "[    1.0] ---[ end trace 0 ]---\n"
FRAME = "[    1.0]  f{}+0x1/0x2\n"
TRACE = "[    1.0] Call trace:\n"
CALM = "[    1.0] usb 1-1: new device found\n"
MARK = "[    1.0] oomlab: phase after\n"


def told(text: str) -> list[tuple[str, str | None]]:
    return [(event.type, event.outcome) for event in memory_events(read_events(text.encode()))]


def crashes(text: str) -> list[KernelCrash]:
    return [event for event in read_events(text.encode()) if isinstance(event, KernelCrash)]


def of_caller(text: str, number: int) -> str:
    return text.replace("] ", f"][ T{number}] ", 1)


def ended(events: list[Event]) -> list[Event]:
    return [event for event in events if isinstance(event, MemoryEvent | KernelCrash)]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (OOM, 401),
        (OOM + DUMP + FOOTER, 401),
        (FAILURE, 401),
        (FAILURE + DUMP, 401),
        (FAILURE + DUMP + FOOTER, 13),
        (DUMP + FOOTER, 401),
        (CHOSEN, 401),
        (KILL, 1),
        (OOM + KILL, 1),
        (OOM + CGROUP_KILL, 4),
        (OOM + NOT_KILLABLE, 4),
        (OOM + NOT_KILLABLE + OOM_PANIC, 1),
        (OOM + OOM_PANIC, 1),
        (OOM + SKIPPED, 0),
        (OOM + CGROUP_KILL + GROUP, 65),
        (OOPS, 401),
        (OOPS + END, 401),
    ],
)
def test_lines_of_others_after_which_an_event_is_given_out(text: str, lines: int) -> None:
    reader = OomReader()
    found = ended(reader.feed(text.encode()))
    waited = 0
    while not found and waited < 500:
        found = ended(reader.feed(CALM.encode()))
        waited += 1
    assert (waited, len(found)) == (lines, 1)


@pytest.mark.parametrize(
    ("lines", "seconds", "together"),
    [
        (399, 1, True),
        (400, 1, False),
        (11, 301, True),
        (11, 600, True),
        (11, 600.1, False),
        (12, 120, True),
        (12, 120.1, False),
    ],
)
def test_a_kill_belongs_to_a_header_shortly_before(lines: int, seconds: float, together: bool) -> None:
    kill = KILL.replace("1.0", f"{100 + seconds:.1f}")
    outcomes = [outcome for _, outcome in told(OOM.replace("1.0", "100.0") + CALM * lines + kill)]
    assert outcomes == (["killed"] if together else ["truncated", "killed"])


def test_a_line_without_a_time_is_not_late() -> None:
    for header, kill in ((OOM, KILL.replace("1.0", "900.0")), (OOM.replace("1.0", "900.0"), KILL)):
        for text in (header[11:] + CALM * 20 + kill, header + CALM * 20 + kill[11:]):
            assert told(text) == [("oom", "killed")]


def test_every_line_of_a_report_begins_the_patience_anew() -> None:
    assert told(OOM + CALM * 399 + DUMP + CALM * 399 + KILL) == [("oom", "killed")]
    for part in (
        TRACE,
        OOPS.replace("[#1]", "[#2]"),
        "[    1.0] pc : f+0x1/0x2\n",
        "[    1.0] CPU: 0 PID: 7 Comm: sh Not tainted 6.1.0 #1\n",
        "[    1.0] Process sh (pid: 7, stack limit = 0x1)\n",
        "[    1.0] KASAN: null-ptr-deref in range\n",
    ):
        crash = crashes(FAULT + CALM * 59 + part + CALM * 60 + FRAME.format(1))[-1]
        assert len(crash.stack) == 1
        crash = crashes(FAULT + CALM * 59 + part + CALM * 61 + FRAME.format(1))[-1]
        assert len(crash.stack) == 0


def test_no_more_than_eight_reports_are_open() -> None:
    reader = OomReader()
    lines = [of_caller(FAILURE, number).encode() for number in range(10)]
    assert [len(reader.feed(line + CALM.encode())) for line in lines] == [0] * 8 + [1, 1]


def test_no_more_than_eight_crashes_are_open() -> None:
    reader = OomReader()
    lines = [of_caller(OOPS, number).encode() for number in range(9)]
    assert [len(ended(reader.feed(line))) for line in lines][:8] == [0] * 8
    reader = OomReader()
    apart = [f"{OOPS}[    1.0] pc : f{number}+0x1/0x2\n{END}".encode() for number in range(12)]
    assert [len(ended(reader.feed(text))) for text in apart] == [0] * 9 + [10, 0, 0]


@pytest.mark.parametrize(
    ("text", "events"),
    [
        (OOM + OOM, [("oom", "truncated")] * 2),
        (FAILURE + OOM + KILL, [("alloc-failure", "allocation failed"), ("oom", "killed")]),
        (OOM + FAILURE + KILL, [("oom", "killed"), ("alloc-failure", "allocation failed")]),
        (OOM + KILL + KILL.replace("5", "6"), [("oom", "killed")] * 2),
        (OOM + CGROUP_KILL + KILL.replace("5", "6"), [("memcg-oom", "killed"), ("oom", "killed")]),
        (OOM + CGROUP_KILL + GROUP + CGROUP_KILL, [("memcg-oom", "killed")]),
        (OOM + CGROUP_KILL + GROUP + DUMP, [("memcg-oom", "killed"), ("show-mem", None)]),
        (OOM + OOM + KILL + KILL, [("oom", "truncated"), ("oom", "killed"), ("oom", "killed")]),
        (OOM + NOT_KILLABLE + OOM_PANIC, [("oom", "no killable process; panic")]),
        (OOM + KILL + OOM_PANIC, [("oom", "killed"), ("oom", "panic: system-wide panic_on_oom is enabled")]),
        (OOM_PANIC, [("oom", "panic: system-wide panic_on_oom is enabled")]),
        (OOM + NOT_KILLABLE + NOT_KILLABLE, [("oom", "no killable process")] * 2),
        (OOM + NOT_KILLABLE + DUMP, [("oom", "no killable process"), ("show-mem", None)]),
        (DUMP + DUMP, [("show-mem", None)]),
        (DUMP + FOOTER + DUMP, [("show-mem", None)] * 2),
        (FAILURE + DUMP + FOOTER + DUMP, [("alloc-failure", "allocation failed"), ("show-mem", None)]),
        (FAILURE + DUMP + FOOTER + FAILURE, [("alloc-failure", "allocation failed")] * 2),
        (CHOSEN + CHOSEN, [("oom", "truncated")]),
        (FAILURE + KILL, [("alloc-failure", "allocation failed"), ("oom", "killed")]),
        (FAILURE + OOM_PANIC, [("alloc-failure", "allocation failed"), ("oom", told(OOM_PANIC)[0][1])]),
        (OOM + DUMP + FOOTER, [("oom", "not shown")]),
        (OOM + DUMP, [("oom", "truncated")]),
        (OOM + DUMP + "[...]\n" + FOOTER, [("oom", "truncated")]),
        (FOOTER, []),
        ("sh invoked oom-killer\n", []),
        ("[    1.0] sh invoked oom-killer\n", [("oom", "truncated")]),
        ("[    1.0] sh invoked oom-killer:\n", [("oom", "truncated")]),
        ("[    1.0] sh invoked oom-killer: because\n", []),
    ],
)
def test_what_is_one_event_and_what_are_two(text: str, events: list[tuple[str, str | None]]) -> None:
    assert told(text) == events


def test_a_footer_ends_a_failure_before_the_next_report_of_its_caller_only() -> None:
    whole, more = FAILURE + DUMP + FOOTER, OOM.replace("sh", "ls")
    reader = OomReader()
    assert [event.type for event in reader.feed((whole + more + CALM).encode())] == ["alloc-failure"]
    first = "".join(of_caller(line + "\n", 1) for line in whole.splitlines())
    reader = OomReader()
    assert reader.feed((first + of_caller(more, 2) + CALM).encode()) == []


def test_a_second_constraint_is_another_report_s() -> None:
    line = "[    1.0] oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),task={},pid={},uid=0\n"
    found = memory_events(read_events((OOM + line.format("a", 1) + line.format("b", 2)).encode()))
    assert [(event.header, event.victim.comm if event.victim else None) for event in found] == [
        (None, "a"),
        ("missing", "b"),
    ]


def stack_of(text: str) -> tuple[list[str], str | None, tuple[str, ...]]:
    (event,) = memory_events(read_events(text.encode()))
    return [frame.function for frame in event.stack], event.stack_first_caller, event.notes


MIXED = ("frames of another CPU are mixed into the stack",)


@pytest.mark.parametrize(
    ("text", "frames", "notes"),
    [
        (OOM + TRACE + FRAME.format(1) + FRAME.format(2), ["f1", "f2"], ()),
        (OOM + FRAME.format(1), ["f1"], ()),
        (OOM + FRAME.format(1) + TRACE + FRAME.format(2), ["f2"], MIXED),
        (OOM + TRACE + FRAME.format(1) + TRACE + FRAME.format(2), ["f1", "f2"], ()),
        (OOM + TRACE + FRAME.format(1) + DUMP + TRACE + FRAME.format(2), ["f1"], ()),
        (OOM + TRACE + FRAME.format(1) + KILL + FRAME.format(2), ["f1"], ()),
        (OOPS + END + OOM + FRAME.format(1), [], ()),
        (OOPS + END + OOM + FRAME.format(1) + TRACE + FRAME.format(2), ["f2"], MIXED),
    ],
)
def test_frames_of_a_report_and_of_another_cpu(text: str, frames: list[str], notes: tuple[str, ...]) -> None:
    assert stack_of(text) == (frames, None if notes or not frames else frames[0], notes)


def test_a_stack_is_cut_where_no_kernel_s_is_as_long() -> None:
    frames = "".join(FRAME.format(number) for number in range(300))
    assert len(stack_of(OOM + TRACE + frames)[0]) == 256
    assert len(crashes(OOPS + TRACE + frames)[0].stack) == 256


@pytest.mark.parametrize(("lines", "frames"), [(60, 1), (61, 0)])
def test_a_stack_belongs_to_a_crash_shortly_before(lines: int, frames: int) -> None:
    (crash,) = crashes(OOPS + CALM * lines + FRAME.format(1))
    assert len(crash.stack) == frames


@pytest.mark.parametrize(("lines", "times"), [(400, [2]), (401, [1, 1])])
def test_a_crash_is_told_again_for_some_time(lines: int, times: list[int]) -> None:
    assert [crash.times for crash in crashes(OOPS + END + CALM * lines + OOPS + END)] == times


@pytest.mark.parametrize(
    ("lines", "panics"),
    [(60, [("oops", "Fatal exception")]), (61, [("oops", None), ("panic", "Fatal exception")])],
)
def test_a_panic_shortly_after_a_crash_is_its_end(lines: int, panics: list[tuple[str, str | None]]) -> None:
    found = crashes(OOPS + END + CALM * lines + PANIC)
    assert [(crash.kind, crash.panic) for crash in found] == panics
    two = crashes(OOPS + END + FAULT + "[    1.0] pc : f+0x1/0x2\n" + END + PANIC)
    assert [crash.panic for crash in two] == [None, "Fatal exception"], "of the one before it"


@pytest.mark.parametrize(
    "between", [OOM, FAILURE, "[    1.0] WARNING: CPU: 0 PID: 1 at mm/a.c:1 f+0x1/0x2\n"]
)
def test_what_begins_behind_a_crash_has_its_own_stack(between: str) -> None:
    (crash,) = crashes(OOPS + TRACE + FRAME.format(1) + between + TRACE + FRAME.format(2))
    assert [frame.function for frame in crash.stack] == ["f1"]
    for event in memory_events(
        read_events((OOPS + TRACE + FRAME.format(1) + between + TRACE + FRAME.format(2)).encode())
    ):
        assert [frame.function for frame in event.stack] == ["f2"]


def test_a_mark_of_the_agent_closes_what_came_before_it() -> None:
    reader = OomReader()
    types = [event.type for event in reader.feed((OOPS + MARK).encode())]
    assert types == ["crash-begun", "kernel-crash", "mark"]
    assert [crash.times for crash in crashes(OOPS + END + MARK + OOPS + END)] == [1, 1]


def test_crashes_of_two_callers_are_kept_apart() -> None:
    lines = [of_caller(text, number) for text in (OOPS, TRACE, FRAME, END) for number in (1, 2)]
    text = "".join(line.format(line.split("T")[1][0]) for line in lines)
    assert [[frame.function for frame in crash.stack] for crash in crashes(text)] == [["f1"], ["f2"]]


def test_how_a_number_of_seconds_is_read() -> None:
    events: list[Any] = read_events((KILL + "4,1207,2500000,-,caller=T85;" + KILL[10:]).encode())
    assert [(event.time_s, event.line) for event in events] == [(1.0, 1), (2.5, 2)]


@pytest.mark.parametrize(
    ("adj", "believed"),
    [("900", 900), ("-1", -1), ("1234567", 1234567), ("-123456", -123456), ("12345678", None)],
)
def test_what_a_low_memory_killer_says_of_its_victim(adj: str, believed: int | None) -> None:
    for text in (
        f"lowmemorykiller: Killing 'a b' (7), adj {adj}\n",
        f"lowmemorykiller: send sigkill to 7 (a b), oom_adj 1, score_adj {adj}, size 1\n",
    ):
        (event,) = memory_events(read_events(text.encode()))
        assert (event.type, event.victim, event.oom_score_adj_victim, event.outcome) == (
            "lmk-kill",
            Process(comm="a b", pid=7),
            believed,
            "killed",
        )


def test_a_low_memory_kill_without_a_score() -> None:
    (event,) = memory_events(read_events(b"lowmemorykiller: Killing 'a' (7)\n"))
    assert (event.victim, event.oom_score_adj_victim) == (Process(comm="a", pid=7), None)


def test_reports_of_other_callers_are_not_ended() -> None:
    """A header ends the OOM report before it of its own caller, and no allocation failure."""
    second = of_caller(OOM.replace("sh", "ls"), 2)
    assert told(of_caller(OOM, 1) + second + of_caller(KILL, 1)) == [("oom", "killed"), ("oom", "truncated")]
    failure, oom = of_caller(FAILURE, 1), of_caller(OOM, 1)
    (found, _) = memory_events(
        read_events((failure + oom + of_caller(DUMP.splitlines()[1] + "\n", 1)).encode())
    )
    assert (found.type, found.zones) == ("alloc-failure", {})
    assert told(of_caller(CHOSEN, 1) + of_caller(DUMP, 2) + of_caller(KILL, 1)) == [
        ("oom", "killed"),
        ("show-mem", None),
    ]


def test_a_kill_without_a_header_ends_no_report_before_it() -> None:
    failure, kill = memory_events(read_events((FAILURE + KILL + DUMP).encode()))
    assert (failure.type, list(failure.zones), kill.type) == ("alloc-failure", ["Normal"], "oom")
    reader = OomReader()
    assert len(reader.feed((DUMP + FOOTER + DUMP + CALM).encode())) == 1


@pytest.mark.parametrize("between", ["", CALM * 3])
def test_frames_before_a_header_mean_that_another_stack_is_being_printed(between: str) -> None:
    """Without caller ids nobody can tell whose the next frame is, until a trace has its own heading."""
    open_report = of_caller(FAILURE, 9)  # so that every line is looked at
    text = open_report + "[    1.0] Out of memory here\n" + FRAME.format(0) + between + OOM + FRAME.format(1)
    oom = memory_events(read_events(text.encode()))[-1]
    assert oom.type == "oom"
    assert [frame.function for frame in oom.stack] == ["f1"]


@pytest.mark.parametrize(("lines", "frames"), [(0, []), (2, []), (3, ["f1"])])
@pytest.mark.parametrize("size", [1, 40, 100_000])
def test_three_lines_before_the_first_that_wakes_are_looked_at(
    lines: int, frames: list[str], size: int
) -> None:
    """A trace that began there may be another CPU's."""
    text = CALM * 9 + TRACE + CALM * lines + OOM + FRAME.format(1)
    (event,) = memory_events(read_in_chunks(text.encode(), size))
    assert [frame.function for frame in event.stack] == frames


def test_what_stood_before_a_sleep_is_forgotten() -> None:
    for before in (KILL, KILL + TRACE + FRAME.format(0), OOPS + TRACE + FRAME.format(0) + END + MARK):
        event = memory_events(read_events((before + CALM * 9 + OOM + FRAME.format(1)).encode()))[-1]
        assert [frame.function for frame in event.stack] == ["f1"]


def test_a_crash_uses_up_the_patience_of_reports() -> None:
    crash = OOPS + TRACE + "".join(FRAME.format(number) for number in range(200)) + END
    assert told(OOM + crash * 2 + KILL) == [("oom", "truncated"), ("oom", "killed")]
    assert told(OOM + crash + KILL) == [("oom", "killed")]
