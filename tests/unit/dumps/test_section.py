# SPDX-License-Identifier: Apache-2.0
"""Copies of files are found by their shape, however they were collected."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.dumps.dump import Dump, read_dump
from orchestrator.dumps.section import Kind, sections_of
from tests.unit.dumps.devices import COUNTS, PARTS

Collected = Callable[[dict[str, str]], str]


def _dumpstate(parts: dict[str, str]) -> str:
    """As dumpstate writes them, among much else."""
    noise = (
        "------ PROCESSES (ps -A) ------\nUSER PID\nroot 1\n------ 0.01s was the duration of 'PS' ------\n"
    )
    return noise + "\n".join(
        f"------ {name.upper()} ({name}) ------\n{text}------ 0.001s was the duration of '{name}' ------\n"
        for name, text in parts.items()
    )


COLLECTED: dict[str, Collected] = {
    "one after the other": lambda parts: "".join(parts.values()),
    "tail -n +1": lambda parts: "\n".join(f"==> {name} <==\n{text}" for name, text in parts.items()),
    "at a prompt": lambda parts: "".join(f"phone:/ # cat {name}\n{text}" for name, text in parts.items()),
    "dumpstate": _dumpstate,
    "by adb on Windows": lambda parts: "".join(parts.values()).replace("\n", "\r\r\n"),
    "quoted in a mail": lambda parts: "".join(
        f"> > {line}\n" for line in "\n".join(parts.values()).splitlines()
    ),
    "indented in a ticket": lambda parts: "".join(
        f"    {line}\n" for line in "\n".join(parts.values()).splitlines()
    ),
    "with a logger's stamps": lambda parts: "\n".join(
        f"[2026-01-02T10:00:{at:03d}] {line}".rstrip()
        for at, line in enumerate("\n".join(parts.values()).splitlines())
    ),
    "through logcat": lambda parts: "\n".join(
        f"01-02 10:00:{at % 60:02d}.123  1234 {at + 1:5d} I dump    : {line}"
        for at, line in enumerate("\n".join(parts.values()).splitlines())
    ),
    "by grep": lambda parts: "\n".join(
        f"{name}:{line}" for name, text in parts.items() for line in text.splitlines()
    ),
    "in colours": lambda parts: "\x1b[0m" + "".join(parts.values()).replace("\n", "\x1b[K\n"),
    "in between words": lambda parts: "Hello,\n\n" + "\nand this:\n\n".join(parts.values()) + "\nthanks\n",
}


def dump_of(text: str, file: str = "dump.txt") -> Dump:
    return read_dump(sections_of(text.split("\n"), file))


@pytest.mark.parametrize("how", COLLECTED)
def test_however_it_was_collected_the_device_is_the_same(how: str) -> None:
    dump = dump_of(COLLECTED[how](PARTS))
    assert dump.notes == []
    assert dump.meminfo["SUnreclaim"] == 127_084
    assert [(zone.zone, zone.managed, zone.low) for zone in dump.zones] == [("Normal", 483_840, 10_654)]
    assert dump.free_lists[0].counts == COUNTS
    assert dump.page_types is not None
    assert (dump.page_types.pageblock_order, len(dump.page_types.free)) == (10, 4)
    assert dump.vmstat["pgscan_kswapd"] == 6_000_000
    assert [(swap.size_kb, swap.used_kb) for swap in dump.swaps] == [(1_048_572, 786_428)]
    assert dump.properties["ro.product.model"] == "Phone Go"
    assert dump.sysctls["vm.watermark_scale_factor"] == "97"
    assert (dump.processors, dump.page_kb) == (8, 4)
    assert dump.version.startswith("Linux version 5.10.168")


@given(st.permutations(list(PARTS)), st.sampled_from(list(COLLECTED)))
def test_no_order_of_them_matters(order: list[str], how: str) -> None:
    dump = dump_of(COLLECTED[how]({name: PARTS[name] for name in order}))
    assert (dump.processors, dump.meminfo["MemTotal"], dump.free_lists[0].counts) == (8, 1_935_360, COUNTS)
    assert dump.notes == []


@pytest.mark.parametrize(
    "text",
    [
        "==> /proc/sys/vm/swappiness <==\n60\n\n==> /proc/sys/vm/min_free_kbytes <==\n8192\n",
        "/proc/sys/vm/swappiness:60\n/proc/sys/vm/min_free_kbytes:8192\n",
        "# cat /proc/sys/vm/swappiness\n60\n# cat /proc/sys/vm/min_free_kbytes\n8192\n",
        "vm.swappiness = 60\nvm.min_free_kbytes = 8192\n",
    ],
)
def test_settings_are_read_as_files_of_a_value_each_too(text: str) -> None:
    assert dump_of(PARTS["/proc/meminfo"] + text).sysctls == {
        "vm.swappiness": "60", "vm.min_free_kbytes": "8192",
    }  # fmt: skip


def test_rows_that_a_mail_wrapped_are_whole() -> None:
    row = PARTS["/proc/buddyinfo"]
    wrapped = row.replace("    15 ", "\n    15 ")
    assert wrapped != row
    dump = dump_of(PARTS["/proc/meminfo"] + wrapped + "Node 1, zone Normal" + " 1" * 11 + "\n")
    assert [each.counts for each in dump.free_lists] == [COUNTS, (1,) * 11]


def test_counters_in_zoneinfo_do_not_end_it() -> None:
    dump = dump_of("".join(f"> {line}\n" for line in PARTS["/proc/zoneinfo"].splitlines()))
    assert (len(dump.zones), dump.notes, dump.zones[0].per_cpu) == (1, [], (42,))


def test_meminfo_of_a_node_is_not_that_of_the_machine() -> None:
    text = PARTS["/proc/meminfo"]
    node = "".join(f"Node 0 {line}\n" for line in text.replace("1935360", "1000000").splitlines())
    assert dump_of(node + text).meminfo["MemTotal"] == 1_935_360


def test_a_terminals_log_is_read(checkout: Path) -> None:
    text = (checkout / "tests/data/dumps/phone-terminal.txt").read_text()
    dump = dump_of(text)
    assert dump.notes == []
    assert (dump.meminfo["MemTotal"], dump.page_kb, dump.cmdline != "") == (425_336, 4, True)
    assert {Kind.PAGETYPEINFO, Kind.BUDDYINFO, Kind.ZONEINFO, Kind.VMSTAT} <= set(dump.sections)
    assert dump.sysctls == {"vm.swappiness": "60"}


def test_where_each_was_found_is_kept() -> None:
    dump = dump_of("\n\n" + PARTS["/proc/meminfo"], "a.txt")
    assert dump.where(Kind.MEMINFO) == "/proc/meminfo in a.txt, line 3"


def test_of_two_devices_the_first_counts_and_the_other_is_told() -> None:
    text = PARTS["/proc/meminfo"]
    dump = dump_of(text + "\n" + text.replace("15612", "99999") + "\n" + text)
    assert dump.meminfo["MemFree"] == 15_612
    (note,) = dump.notes
    assert note.startswith("/proc/meminfo in dump.txt, line ")
    assert "something else than what was taken" in note


def test_what_is_damaged_is_told_and_left_out() -> None:
    damaged = PARTS["/proc/pagetypeinfo"].replace("type    Unmovable   3313", "type    Unmovable   33x3")
    dump = dump_of(PARTS["/proc/meminfo"] + damaged)
    assert dump.page_types is None
    assert "damaged and was left out" in dump.notes[0]


@given(
    st.lists(st.sampled_from([line for text in PARTS.values() for line in text.splitlines()]), max_size=60)
)
def test_no_mixture_of_lines_makes_a_traceback(lines: list[str]) -> None:
    read_dump(sections_of([*PARTS["/proc/meminfo"].splitlines(), "", *lines], "x"))


@given(st.text(max_size=2000))
def test_any_text_has_sections_or_none(text: str) -> None:
    for section in sections_of(text.splitlines(), "x"):
        assert section.line >= 1
