# SPDX-License-Identifier: Apache-2.0
"""What stands around a message is taken off, and broken messages are put together again, no more."""

from __future__ import annotations

import pytest

from orchestrator.oom.joining import Joiner
from orchestrator.oom.lines import LineKind, classify, is_oom_panic, panic_message
from orchestrator.oom.reader import OomReader, read_events
from orchestrator.oom.records import MemoryEvent, Process
from orchestrator.oom.transport import LogLine, read_line
from tests.unit.oom.texts import memory_events, read_in_chunks

TEXT = "Mem-Info: x"


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        ("Mem-Info: x", LogLine(3, TEXT, stamped=False)),
        ("   Mem-Info: x\r", LogLine(3, TEXT, stamped=False)),
        ("[   12.345678] Mem-Info: x", LogLine(3, TEXT, stamped=True, time_s=12.345678)),
        ("[   12.345678][  T77] Mem-Info: x", LogLine(3, TEXT, stamped=True, time_s=12.345678, caller="T77")),
        ("<6>Mem-Info: x", LogLine(3, TEXT, stamped=True)),
        ("<6>[    1.5] Mem-Info: x", LogLine(3, TEXT, stamped=True, time_s=1.5)),
        ("6,1207,2500000,-;Mem-Info: x", LogLine(3, TEXT, stamped=True, time_s=2.5)),
        ("6,1207,2500000,-,caller=C1;Mem-Info: x", LogLine(3, TEXT, stamped=True, time_s=2.5, caller="C1")),
        ("[Mon Nov 30 12:00:00 2026] Mem-Info: x", LogLine(3, TEXT, stamped=True)),
        ("[Nov30 12:00] Mem-Info: x", LogLine(3, TEXT, stamped=True)),
        ("[  +0.000004] Mem-Info: x", LogLine(3, TEXT, stamped=True)),
        ("kern  :warn  : [    1.5] Mem-Info: x", LogLine(3, TEXT, stamped=True, time_s=1.5)),
        ("Nov 30 12:00:00 host kernel: [    1.5] Mem-Info: x", LogLine(3, TEXT, stamped=True, time_s=1.5)),
        ("2026-11-30T12:00:00Z host kernel: Mem-Info: x", LogLine(3, TEXT, stamped=True)),
        ("Nov 30 12:00:00 [kernel] Mem-Info: x", LogLine(3, TEXT, stamped=True)),
        ("host kernel: Mem-Info: x", LogLine(3, TEXT, stamped=True)),
        ("Nov 30 12:00:00 host app[7]: Mem-Info: x", LogLine(3, TEXT, stamped=True, source="app")),
        ("11-30 12:00:00.123   1   2 I lmkd    : Mem-Info: x", LogLine(3, TEXT, stamped=True, source="lmkd")),
        ("I/lmkd (  9): Mem-Info: x", LogLine(3, TEXT, stamped=True, source="lmkd")),
        ("[    1.5] [0: swapper: 0] Mem-Info: x", LogLine(3, TEXT, stamped=True, time_s=1.5)),
        ("> [    1.5] Mem-Info: x", LogLine(3, TEXT, stamped=True, time_s=1.5)),
        (">> | Mem-Info: x", LogLine(3, TEXT, stamped=False)),
        ("&gt; [    1.5] Mem-Info: x", LogLine(3, TEXT, stamped=True, time_s=1.5)),
        ("\x1b[31mMem-Info: x\x1b[0m", LogLine(3, TEXT, stamped=False)),
        ("Mem-Info:\u00a0x", LogLine(3, TEXT, stamped=False)),
        ("~ # echo[    1.500000] Mem-Info: x", LogLine(3, TEXT, stamped=True, time_s=1.5)),
        ("a [    1.500000] b [    2.500000] Mem-Info: x", LogLine(3, TEXT, stamped=True, time_s=2.5)),
        ("[    1.5] Mem-Info: x\\", LogLine(3, TEXT, stamped=True, time_s=1.5, continues=True)),
    ],
)
def test_prefixes(raw: str, line: LogLine) -> None:
    assert read_line(raw.encode(), 3) == [line]


@pytest.mark.parametrize("raw", ["", "  \t ", "> ", "[    1.5] ", "\x1b[0m"])
def test_a_line_without_a_message(raw: str) -> None:
    assert read_line(raw.encode(), 1) == []


@pytest.mark.parametrize("escape", ["\\x0a", "#012"])
def test_escaped_ends_make_lines(escape: str) -> None:
    lines = read_line(f"[    1.5] first{escape} second {escape}{escape}".encode(), 4)
    assert lines == [LogLine(4, text, stamped=True, time_s=1.5) for text in ("first", "second")]


def test_a_line_is_read_up_to_16_kib() -> None:
    (line,) = read_line(b"x" * 20_000, 1)
    assert line.text == "x" * 16_384


@pytest.mark.parametrize(
    ("text", "source", "kind"),
    [
        ("Killing 'a' (7), adj 900", "lmkd", LineKind.LMK),
        ("Killing 'a' (7), adj 900", "lowmemorykiller", LineKind.LMK),
        ("Killing 'a' (7), adj 900", "app", LineKind.OTHER),
        ("nothing", "lmkd", LineKind.OTHER),
        ("Mem-Info:", "app", LineKind.OTHER),
        ("Mem-Info:", "kernel", LineKind.MEM_INFO),
        ("a.c: no frame", "kernel", LineKind.OTHER),
        ("sh cpuset=/ mems_allowed=0", "kernel", LineKind.CPUSET),
        ("kernel BUG at mm/slub.c:1!", "kernel", LineKind.CRASH),
    ],
)
def test_kinds(text: str, source: str, kind: LineKind) -> None:
    assert classify(text, source) is kind


@pytest.mark.parametrize(
    ("message", "over_memory"),
    [
        ("Out of memory and no killable processes...", True),
        ("Out of memory: system-wide panic_on_oom is enabled", True),
        ("System is deadlocked on memory", True),
        ("System is deadlocked on memory, or so", False),
        ("Fatal exception", False),
    ],
)
def test_panics_over_memory(message: str, over_memory: bool) -> None:
    text = f"Kernel panic - not syncing: {message} "
    assert panic_message(text) == message
    assert is_oom_panic(text) is over_memory
    assert panic_message("words") == "words"


def joined(*texts: str, stamped: int = 1) -> list[str]:
    """The messages of lines, of which the first `stamped` have a time stamp."""
    joiner = Joiner()
    lines = [LogLine(number, text, stamped=number < stamped) for number, text in enumerate(texts)]
    done = [item for line in lines for item in joiner.feed(line)]
    return [line.text for _, line in [*done, *joiner.flush()]]


HEADER = "sh invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0"


@pytest.mark.parametrize(
    ("pieces", "message"),
    [
        (("sh invoked", "oom-killer: gfp_mask=0xcc0(GFP_KERNEL),", "order=0, oom_score_adj=0"), HEADER),
        (("sh invoked oom-killer: gfp_mask=", "0xcc0(GFP_KERNEL), order=0, oom_score_adj=0"), HEADER),
        (("sh invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL", "), order=0, oom_score_adj=0"), HEADER),
        (("Normal free:5kB min:1", "2kB low:3kB"), "Normal free:5kB min:12kB low:3kB"),
        (("Normal free:5kB min:1kB", "low:3kB"), "Normal free:5kB min:1kB low:3kB"),
        (("Normal: 1*4kB 2*8", "kB = 20kB"), "Normal: 1*4kB 2*8kB = 20kB"),
        (("Normal: 1*4kB (U", "M) 2*8kB = 20kB"), "Normal: 1*4kB (UM) 2*8kB = 20kB"),
        (("f+0x1/0x2", "[binder_linux]"), "f+0x1/0x2 [binder_linux]"),
        (("lowmem_reserve[]: 0 1", "2 3"), "lowmem_reserve[]: 0 1 2 3"),
        (
            ("Killed process 5 (a) total-vm:1kB,", "anon-rss:1kB"),
            "Killed process 5 (a) total-vm:1kB, anon-rss:1kB",
        ),
        (("Kernel panic", "- not syncing: Out", "of memory"), "Kernel panic - not syncing: Out of memory"),
        (
            ("Out of memory: Killed process 5 (a)$", " total-vm:1kB"),
            "Out of memory: Killed process 5 (a) total-vm:1kB",
        ),
    ],
)
def test_a_broken_message_is_whole_again(pieces: tuple[str, ...], message: str) -> None:
    assert joined(*pieces) == [message]


@pytest.mark.parametrize(
    "pieces",
    [
        (HEADER + " x", "order=0"),  # the header is complete
        (HEADER, "my own words"),
        ("Normal: 1*4kB = 4kB", "= 4kB"),
        ("usb 1-1: new device", "order=0"),
        ("Normal free:5kB min:1kB", "Mem-Info:"),
        ("Kernel panic - not syncing: System is deadlocked on memory", "memory"),
    ],
)
def test_what_does_not_belong_together_stays_apart(pieces: tuple[str, ...]) -> None:
    assert joined(*pieces) == list(pieces)
    broken = ("sh invoked", "oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0")
    assert joined(*broken, stamped=2) == list(broken), "a piece has no stamp of its own"


def test_a_message_has_24_pieces_at_most() -> None:
    pieces = [f"min:{number}kB" for number in range(30)]
    assert [len(text.split()) for text in joined("Normal free:5kB", *pieces)][:2] == [25, 1]


def test_a_message_has_4096_characters_at_most() -> None:
    head = "Normal free:5kB "
    for length, whole in ((4096, 1), (4097, 2)):
        piece = f"min:1kB {'x' * (length - len(head) - 8)}"
        assert len(joined(head, piece)) == whole


@pytest.mark.parametrize("lines", [1, 2])
def test_the_head_of_a_broken_message_is_found_before_the_word_that_wakes(lines: int) -> None:
    pieces = [
        "[    1.000000] sh",
        "invoked",
        "oom-killer:",
        "gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0",
    ]
    calm = "[    0.500000] usb 1-1: new device\n" * 5
    kept = [" ".join(pieces[: 4 - lines]), *pieces[4 - lines :]]
    for size in (1, 10_000):
        data = (calm + "".join(f"{piece}\n" for piece in kept)).encode()
        (event,) = read_in_chunks(data, size)
        assert isinstance(event, MemoryEvent)
        assert (event.line, event.trigger) == (6, Process(comm="sh"))


def test_open_since_is_the_line_of_the_oldest_report() -> None:
    reader = OomReader()
    calm = "[    1.0] usb 1-1: new device\n"
    seen = []
    for text in (
        calm,
        "[    1.0] Oops [#1]\n",
        f"{calm}[    1.0] {HEADER}\n",
        calm,
        f"[    1.0] oomlab: phase after\n{calm}",
    ):
        reader.feed(text.encode())
        seen.append(reader.open_since)
    assert seen == [None, 2, 2, 2, 4]
    reader.close()
    assert reader.open_since is None


def test_rows_of_the_task_table_end_no_report() -> None:
    rows = "[    1.0] [    123]     0   123     1000       10   40960        0             0 sh\n" * 500
    kill = "[    1.0] Out of memory: Killed process 5 (a) total-vm:1kB, anon-rss:1kB, file-rss:0kB\n"
    (event,) = memory_events(read_events(f"[    1.0] {HEADER}\n{rows}{kill}".encode()))
    assert event.outcome == "killed"
