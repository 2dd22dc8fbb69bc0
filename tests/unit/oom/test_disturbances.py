# SPDX-License-Identifier: Apache-2.0
"""Whatever happens to a text: no crash, no hang, no event that was not there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.oom.explain import explain
from orchestrator.oom.reader import OomReader, read_events
from tests.unit.oom.texts import (
    console_paths,
    corpus_paths,
    essence,
    memory_events,
    read_in_chunks,
)

CONTENTS = {path.stem: path.read_bytes() for path in [*console_paths, *corpus_paths]}
# Names are drawn, not contents: a failure then prints the name.
TEXTS = st.sampled_from(sorted(CONTENTS))
WHOLE_LINES = st.sampled_from([path.stem for path in console_paths])
ALARMING = b"""\
[   12.000001] sound 0:0: oom: allocation of 4 kB failed
[   12.000002] Memory: 200000K/262144K available (100 kB min:)
I think the process invoked oom-killer because Out of memory happened, and Killed process 12 was wrong.
+\tpr_warn("%s invoked oom-killer: gfp_mask=%#x(%pGg), order=%d, oom_score_adj=%hd\\n",
+\tpr_err("%s: Killed process %d (%s) total-vm:%lukB, anon-rss:%lukB, file-rss:%lukB",
systemd[1]: foo.service: A process of this unit has been killed by the OOM killer.
Sep 08 20:02:42 host systemd[1]: foo.service: Failed with result 'oom-kill'.
[   13.5] oom_reaper: reaped process 86 (tail), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB
[  441.7] OOM killer disabled.
[  404.7] ODEBUG: Out of memory. ODEBUG disabled
[   11.6] cma: cma_alloc: alloc failed, req-size: 256 pages, ret: -12
[  500.1] oom-killer 12 has mm pinned by 13
lowmemorykiller: lowmem_shrink: convert oom_adj to oom_score_adj:
MCE: Killing madvise07:539405 due to hardware memory corruption fault at 7fbe67bfb000
earlyoom[123]: sending SIGTERM to process 12 uid 1000 "foo": badness 800, VmRSS 12 MiB
warn_alloc: 3 callbacks suppressed
[    0.1] Policy zone: DMA
""".splitlines()

PIECES = [
    b" invoked oom-killer: ",
    b"gfp_mask=0x",
    b"cc0(GFP_",
    b"order=",
    b"\n",
    b"> ",
    b"[ 1.5] ",
    b"kB ",
    b"Out of memory: Killed process ",
    b"12",
    b" (a) ",
    b"Node 0 ",
    b"Normal",
    b" free:",
    b": 1*4kB",
    b"page allocation failure: order:",
    b"mode:0x",
    b"Mem-Info:",
    b"Call Trace:",
    b"f+0x1/0x2",
    b"CPU: 1 PID: ",
    b" Comm: ",
    b"\\x0a",
    b"#012",
    b"\x1b[0m",
    b"\\",
    b"oom-kill:constraint=",
    b"=",
    b"Kernel panic - not syncing: ",
    b"Memory cgroup ",
    b"lowmemorykiller: Killing 'a' (",
    b")",
    b"9" * 99,
]


def counts(data: bytes) -> dict[str, int]:
    """Events by type; a group kill counts its victims, since without its heading each kill is one."""
    found: dict[str, int] = {}
    for event in memory_events(read_events(data)):
        kind = "oom" if "oom" in event.type else event.type
        found[kind] = found.get(kind, 0) + len(event.victims or [event])
    return found


def no_more_than(part: dict[str, int], whole: dict[str, int]) -> bool:
    return all(part.get(kind, 0) <= whole.get(kind, 0) for kind in ("oom", "alloc-failure", "lmk-kill"))


def wrap(data: bytes, width: int) -> bytes:
    """Breaks lines at spaces as a mail program does."""
    out: list[bytes] = []
    for line in data.splitlines():
        rest = line
        while len(rest) > width:
            cut = rest.rfind(b" ", 1, width + 1)
            if cut <= 0 or not rest[:cut].strip():
                cut = rest.find(b" ", width)
            if cut < 0:
                break
            out.append(rest[:cut])
            rest = rest[cut + 1 :]
        out.append(rest)
    return b"\n".join(out) + b"\n"


def insert(data: bytes, noise: Sequence[tuple[int, bytes]]) -> bytes:
    lines = data.splitlines()
    for place, line in noise:
        lines.insert(place % (len(lines) + 1), line)
    return b"\n".join(lines) + b"\n"


@pytest.mark.parametrize("line", ALARMING, ids=range(len(ALARMING)))
def test_a_look_alike_is_no_event(line: bytes) -> None:
    assert read_events(line + b"\n") == []


def test_all_look_alikes_together_are_no_event() -> None:
    assert read_events(b"\n".join(ALARMING)) == []


@given(data=st.binary(max_size=3000), size=st.integers(1, 500))
def test_random_bytes(data: bytes, size: int) -> None:
    assert read_in_chunks(data, size) == read_events(data)


@given(pieces=st.lists(st.sampled_from(PIECES), max_size=60))
def test_pieces_of_reports_in_any_order(pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    events = memory_events(read_events(data))
    assert all(len(explain(event)) == 3 for event in events)
    assert events == memory_events(read_in_chunks(data, 5))


@settings(suppress_health_check=[HealthCheck.large_base_example])
@given(name=TEXTS, sizes=st.lists(st.integers(1, 4000), min_size=1, max_size=20))
def test_any_chunking(name: str, sizes: list[int]) -> None:
    data = CONTENTS[name]
    reader = OomReader()
    events = []
    position = index = 0
    while position < len(data):
        size = sizes[index % len(sizes)]
        events += reader.feed(data[position : position + size])
        position, index = position + size, index + 1
    assert sorted(events + reader.close(), key=lambda event: event.line) == read_events(data)


@given(name=TEXTS, where=st.floats(0, 1))
def test_a_tail_cut_off_invents_nothing(name: str, where: float) -> None:
    data = CONTENTS[name]
    assert no_more_than(counts(data[: int(len(data) * where)]), counts(data))


@given(name=TEXTS, where=st.floats(0, 1))
def test_a_head_cut_off_invents_nothing(name: str, where: float) -> None:
    data = CONTENTS[name]
    assert no_more_than(counts(data[int(len(data) * where) :]), counts(data))


@given(name=WHOLE_LINES, width=st.integers(60, 120), quote=st.sampled_from([b"", b"> ", b">> "]))
def test_mail_wrapping_and_quoting(name: str, width: int, quote: bytes) -> None:
    data = CONTENTS[name]
    wrapped = b"".join(quote + line + b"\n" for line in wrap(data, width).splitlines())
    assert essence(read_events(wrapped)) == essence(read_events(data))


@pytest.mark.parametrize("path", corpus_paths, ids=lambda path: path.stem)
@pytest.mark.parametrize("width", [72, 78])
def test_mail_wrapping_of_real_reports(path: Path, width: int) -> None:
    data = path.read_bytes()
    assert essence(read_events(wrap(data, width))) == essence(read_events(data))


@given(name=WHOLE_LINES, width=st.integers(40, 220))
def test_a_terminal_that_breaks_inside_words_may_hide_values_but_changes_none(name: str, width: int) -> None:
    data = CONTENTS[name]
    broken = b"".join(
        line[start : start + width] + b"\n"
        for line in data.splitlines()
        for start in range(0, max(len(line), 1), width)
    )
    for event, true in zip(
        memory_events(read_events(broken)), memory_events(read_events(data)), strict=False
    ):
        if event.type != true.type:
            break  # a report in between was hidden
        for zone_name, zone in event.zones.items():
            # A list of bare numbers does not show where one of them was broken.
            known = zone.model_dump(exclude_none=True, exclude={"lowmem_reserve_pages"}).items()
            assert known <= true.zones[zone_name].model_dump(exclude_none=True).items()
        for zone_name, buddy in event.buddy.items():
            assert buddy.sum_matches is not True or buddy == true.buddy[zone_name]
        assert event.victim is None or b"Killed process %d " % (event.victim.pid or 0) in data


noise_lines = st.one_of(
    st.sampled_from([line for line in ALARMING if b"mm pinned" not in line]),
    st.text(alphabet=st.characters(codec="ascii", exclude_characters="\n\r"), max_size=60).map(str.encode),
)


@given(
    name=WHOLE_LINES,
    noise=st.lists(st.tuples(st.integers(0, 10_000), noise_lines), max_size=12),
)
def test_lines_of_other_programs_in_between(name: str, noise: list[tuple[int, bytes]]) -> None:
    """Counts stay; a piece of noise may at most hide a field or split a group kill."""
    data = CONTENTS[name]
    stamped = [(place, b"[   99.999999] " + line) for place, line in noise]
    before, after = counts(data), counts(insert(data, stamped))
    assert {name: number for name, number in after.items() if name != "oom"} == {
        name: number for name, number in before.items() if name != "oom"
    }
    assert before["oom"] <= after["oom"] <= before["oom"] + 2 if "oom" in before else "oom" not in after


@given(name=TEXTS, flips=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=30))
def test_damaged_bytes(name: str, flips: list[tuple[float, int]]) -> None:
    data = CONTENTS[name]
    damaged = bytearray(data)
    for where, value in flips:
        damaged[min(int(where * len(damaged)), len(damaged) - 1)] = value
    for event in memory_events(read_events(bytes(damaged))):
        assert len(explain(event)) == 3


def test_a_line_without_end_takes_bounded_memory() -> None:
    reader = OomReader()
    for _ in range(200):
        assert reader.feed(b"kB oom " * 10_000) == []
    assert reader.close() == []


def with_caller(data: bytes, caller: bytes, pid: bytes) -> list[bytes]:
    """One report as another task on another CPU would have printed it, at the same time."""
    lines = [line for line in data.splitlines() if line.startswith(b"[")]
    renamed = [line.replace(b"PID: 133", b"PID: " + pid).replace(b" 133 (", b" %s (" % pid) for line in lines]
    return [line.replace(b"]", b"][%s]" % caller.rjust(7), 1) for line in renamed]


@given(choices=st.lists(st.booleans(), min_size=400, max_size=400))
def test_reports_of_two_cpus_in_any_mixture(choices: list[bool]) -> None:
    """Caller ids keep a warning and an OOM report apart, however their lines are shuffled."""
    lines = CONTENTS["6.12-arm64-oom"].splitlines()
    start = next(number for number, line in enumerate(lines) if b"page allocation failure" in line)
    first = with_caller(b"\n".join(lines[:start]), b"T133", b"133")
    second = with_caller(b"\n".join(lines[start : start + 58]), b"T777", b"777")
    mixed: list[bytes] = []
    for take_first in choices:
        source = first if (take_first and first) or not second else second
        if source:
            mixed.append(source.pop(0))
    separated = [line for line in mixed if b"T777" not in line] + [line for line in mixed if b"T777" in line]
    apart = essence(read_events(b"\n".join(separated)))
    together = essence(read_events(b"\n".join(mixed)))
    assert sorted(together, key=str) == sorted(apart, key=str)
    assert len(together) == 2


@pytest.mark.parametrize("length", [16_383, 16_384, 16_385, 16_390, 50_000])
@pytest.mark.parametrize("size", [1_000, 16_384, 100_000])
def test_a_long_line_hides_only_itself(length: int, size: int) -> None:
    kill = b"[ 1.5] Out of memory: Killed process 7 (x) total-vm:1kB, anon-rss:1kB, file-rss:1kB\n"
    data = b"a" * length + b"\n" + kill + b"oom-kill " + b"b" * length + kill + kill
    events = read_in_chunks(data, size)
    assert events == read_events(data)
    assert [event.line for event in events] == [2, 4]
