# SPDX-License-Identifier: Apache-2.0
"""Consoles of real guests: Debian 6.1 and 6.12 on arm64, and variations of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.oom.diagnosis import diagnose
from orchestrator.oom.reader import OomReader, read_events
from orchestrator.oom.records import CrashBegun, KernelCrash, Mark, MemoryEvent, summary
from tests.unit.oom.texts import console, console_paths, each_line, essence, memory_events, read_in_chunks

STAMP = re.compile(rb"^\[ *(\d+)\.(\d+)\] ?(.*)$")


def test_oom_mark_warning_manual_oom_and_memory_dump() -> None:
    events = read_events(console("6.1-arm64-oom"))
    assert [event.type for event in events] == ["oom", "mark", "alloc-failure", "oom", "show-mem"]
    oom, mark, warning, manual, dump = events
    assert isinstance(oom, MemoryEvent)
    assert oom.trigger is not None
    assert (oom.trigger.comm, oom.trigger.pid, oom.order, oom.outcome) == ("tail", 85, 0, "killed")
    assert oom.gfp_flags == "GFP_HIGHUSER_MOVABLE|__GFP_COMP|__GFP_ZERO"
    assert oom.victim == oom.trigger
    assert oom.stack_first_caller == "__handle_mm_fault"
    assert oom.zones["Node 0 DMA"].min_kb == 1880
    assert oom.buddy["Node 0 DMA"].sum_matches
    assert oom.kernel == "6.1.0-56-arm64"
    assert isinstance(mark, Mark)
    assert mark.text == "phase trigger"
    assert isinstance(warning, MemoryEvent)
    assert warning.stack_first_caller == "kernel_read_file"
    assert warning.vmalloc == "501MiB, which is more than the machine has"
    assert warning.order is None
    assert isinstance(manual, MemoryEvent)
    assert (manual.order, manual.outcome) == (-1, "no killable process")
    assert isinstance(dump, MemoryEvent)
    assert dump.outcome is None


@pytest.mark.parametrize(
    ("name", "order", "zone"),
    [
        ("6.1-arm64-binder-order3", 3, "Node 0 DMA"),
        ("6.1-x86_64-binder-order3", 3, "Node 0 DMA32"),
        ("6.1-arm64-binder-order1", 1, "Node 0 DMA"),
        ("6.12-arm64-two-nodes", 3, "Node 0 DMA"),
        ("6.12-arm64-two-nodes", 3, "Node 1 DMA"),
    ],
)
def test_the_binder_oom_between_the_agents_marks(name: str, order: int, zone: str) -> None:
    events = read_events(console(name))
    oom, *later = memory_events(events)
    # The dying trigger's own request goes on and fails: a warning, and no second OOM.
    assert [event.type for event in later] in ([], ["alloc-failure"])
    assert (oom.order, oom.outcome) == (order, "killed")
    assert oom.stack_first_caller == "binder_alloc_mmap_handler"
    finding = diagnose(oom)
    assert finding.cause == "fragmentation"
    assert zone in [entry.name for entry in finding.zones if entry.above_min]
    marks = {event.text: event.line for event in events if isinstance(event, Mark)}
    assert marks["phase trigger"] < oom.line < marks["phase after"]


def test_an_oom_of_two_nodes_has_the_free_list_of_each() -> None:
    oom, *_ = memory_events(read_events(console("6.12-arm64-two-nodes")))
    first, second = diagnose(oom).zones
    assert (first.name, first.blocks[:3], first.min_kb) == ("Node 0 DMA", (6653, 0, 0), 740)
    assert (second.name, second.blocks[:3], second.min_kb) == ("Node 1 DMA", (9396, 3, 2), 1076)
    assert all(oom.buddy[name].sum_matches for name in oom.zones)


def test_counts_for_scripts() -> None:
    found = summary(memory_events(read_events(console("6.1-arm64-oom"))))
    assert (found["oom_events"], found["alloc_failure_warnings"], found["lmk_kills"]) == (2, 1, 0)
    assert [event["type"] for event in found["events"]] == ["oom", "alloc-failure", "oom", "show-mem"]
    assert found["events"][0]["victim"] == {"comm": "tail", "pid": 85}


def test_a_victim_that_fails_to_allocate_is_a_warning_of_its_own() -> None:
    oom, warning, mark = read_events(console("6.12-arm64-oom"))
    assert isinstance(oom, MemoryEvent)
    assert isinstance(warning, MemoryEvent)
    assert (oom.type, warning.type, mark.type) == ("oom", "alloc-failure", "mark")
    assert oom.victim == warning.trigger
    assert warning.stack_first_caller == "do_anonymous_page"


def test_cgroup_kills_and_a_group_kill() -> None:
    single, group = memory_events(read_events(console("6.1-arm64-memcg")))
    assert single.type == "memcg-oom"
    assert single.memcg is not None
    assert (single.memcg.usage_kb, single.memcg.limit_kb, single.memcg.path) == (20480, 20480, "/a")
    assert single.victims is None
    assert group.victims is not None
    assert [process.comm for process in group.victims] == ["tail", "sleep", "sleep"]


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("6.12-arm64-panic", "no killable process; panic"),
        ("6.12-arm64-panic-on-oom", "panic: system-wide panic_on_oom is enabled"),
    ],
)
def test_a_panic_over_memory_belongs_to_its_event(name: str, outcome: str) -> None:
    events = read_events(console(name))
    assert [event.type for event in events] == ["oom"]
    assert memory_events(events)[0].outcome == outcome


def test_another_panic_is_a_record_of_its_own() -> None:
    begun, crash = read_events(console("6.1-arm64-crash"))
    assert isinstance(begun, CrashBegun)
    assert isinstance(crash, KernelCrash)
    assert (crash.kind, crash.panic) == ("panic", "sysrq triggered crash")


def test_kill_lines_without_header_when_the_dump_was_rate_limited() -> None:
    whole = console("6.1-arm64-oom").decode()
    kill = next(line for line in whole.splitlines() if "Killed process" in line)
    text = kill + "\n" + kill.replace("85 (tail)", "86 (Web Content)") + "\n"
    first, second = memory_events(read_events(text.encode()))
    assert (first.header, second.header) == ("missing", "missing")
    assert second.victim is not None
    assert (second.victim.comm, second.victim.pid) == ("Web Content", 86)


def test_a_kernel_bug_is_reported_and_is_no_oom() -> None:
    text = (
        b"[   31.0] BUG: sleeping function called from invalid context at mm/vmalloc.c:2776\n"
        b"[   31.1] in_atomic(): 1, irqs_disabled(): 0, non_block: 0, pid: 9, name: kworker/0:1\n"
        b"[   31.2]  binder_alloc_deferred_release+0x1/0x2 [binder_linux]\n"
        b"[   32.0] Internal error: Oops: 0000000096000004 [#1] SMP\n"
    )
    events = read_events(text)
    crashes = [event for event in events if isinstance(event, KernelCrash)]
    assert [(crash.kind, crash.fatal) for crash in crashes] == [("bug", False), ("oops", True)]
    assert not memory_events(events)


def test_an_event_is_out_before_the_input_ends() -> None:
    reader = OomReader()
    data = console("6.1-arm64-oom")
    cut = data.index(b"oomlab: phase trigger")
    assert [event.type for event in reader.feed(data[:cut])] == ["oom"]


@pytest.mark.parametrize("path", console_paths, ids=lambda path: path.stem)
@pytest.mark.parametrize("size", [1, 3, 64, 1000])
def test_chunks_make_no_difference(path: Path, size: int) -> None:
    data = path.read_bytes()
    assert read_in_chunks(data, size) == read_events(data)


def syslog(line: bytes) -> bytes:
    return b"Jan  3 10:00:00 myhost kernel: " + line


def journal_short(line: bytes) -> bytes:
    return b"2024-01-03T10:00:00.123456+0100 my-host.example kernel: " + re.sub(rb"^\[[^\]]*\] ", b"", line)


def kmsg(line: bytes) -> bytes:
    match = STAMP.match(line)
    if match is None:
        return b" " + line
    return b"4,1207,%d%s,-,caller=T85;%s" % (int(match[1]), match[2], match[3])


def with_caller(line: bytes) -> bytes:
    return re.sub(rb"^(\[ *[0-9.]+\])", rb"\1[   T85]", line)


def with_level(line: bytes) -> bytes:
    return b"<4>" + line


def dated(line: bytes) -> bytes:
    return re.sub(rb"^\[ *[0-9.]+\]", b"[Fri Sep 25 15:29:47 2020]", line)


def bare(line: bytes) -> bytes:
    return re.sub(rb"^\[ *[0-9.]+\] ?", b"", line)


def quoted_html(line: bytes) -> bytes:
    return b"&gt; " + line


PREFIXES = [syslog, journal_short, kmsg, with_caller, with_level, dated, bare, quoted_html]


@pytest.mark.parametrize("path", console_paths, ids=lambda path: path.stem)
@pytest.mark.parametrize("prefix", PREFIXES, ids=lambda prefix: prefix.__name__)
def test_prefixes_make_no_difference(path: Path, prefix: Callable[[bytes], bytes]) -> None:
    data = path.read_bytes()
    assert essence(read_events(each_line(prefix)(data))) == essence(read_events(data))


def test_two_cpus_with_caller_ids_are_kept_apart() -> None:
    """Two warnings printed at once, their lines shuffled like a zip."""
    lines = [line for line in console("6.12-arm64-oom").splitlines() if line.startswith(b"[")]
    start = next(number for number, line in enumerate(lines) if b"page allocation failure" in line)
    report = lines[start : start + 60]
    report = report[: next(n for n, line in enumerate(report) if b"hwpoisoned" in line) + 1]
    left = [re.sub(rb"^(\[ *[0-9.]+\])", rb"\1[  T133]", line) for line in report]
    right = [
        re.sub(rb"^(\[ *[0-9.]+\])", rb"\1[  T777]", line)
        .replace(b"133", b"777")
        .replace(b"tail", b"head")
        .replace(b"do_anonymous_page", b"do_other_page")
        for line in report
    ]
    mixed = b"\n".join(line for pair in zip(left, right, strict=True) for line in pair) + b"\n"
    first, second = memory_events(read_events(mixed))
    assert first.trigger is not None
    assert second.trigger is not None
    assert (first.trigger.pid, second.trigger.pid) == (133, 777)
    assert (first.stack_first_caller, second.stack_first_caller) == ("do_anonymous_page", "do_other_page")
    assert first.zones == second.zones
