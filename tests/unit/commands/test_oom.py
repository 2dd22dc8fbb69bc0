# SPDX-License-Identifier: Apache-2.0
"""`oomlab oom` as it is called: every input, what it prints, and how it ends."""

from __future__ import annotations

import gzip
import json
import random
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from orchestrator.cli import app
from orchestrator.deadline import Deadline
from orchestrator.host.process import run
from orchestrator.logs.streams import ordered_events
from orchestrator.oom.reader import read_events
from orchestrator.oom.records import summary
from tests.unit.oom.test_corpus import count, differences
from tests.unit.oom.texts import CONSOLES, CORPUS, console_paths, corpus_paths, memory_events, truth_of

MAIL = CORPUS.parent / "mission" / "binder-kvcalloc-v3.txt"
ONE_OOM = "6.1-arm64-binder-order3"
KILL = b"[    1.500000] Out of memory: Killed process 5 (victim) total-vm:1kB, anon-rss:1kB, file-rss:0kB\n"
CALM = b"[    1.000000] usb 1-1: new high-speed USB device number 2 using xhci_hcd\n"


def oom(*words: object, data: bytes | None = None) -> Result:
    return CliRunner().invoke(app, ["oom", *map(str, words)], input=data)


def as_json(*words: object, data: bytes | None = None) -> dict[str, Any]:
    result = oom("--json", *words, data=data)
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def console_path(name: str) -> Path:
    return CONSOLES / f"{name}.txt"


def is_visible(text: str) -> bool:
    return text.isascii() and text.replace("\n", "").isprintable()


@pytest.mark.skipif(
    not corpus_paths, reason=f"THE REPORT CORPUS IS ABSENT: the command is not checked against it ({CORPUS})"
)
@pytest.mark.parametrize("path", corpus_paths, ids=lambda path: path.stem)
def test_json_agrees_with_the_ground_truth(path: Path) -> None:
    truth, found = truth_of(path), as_json(path)
    bounds = truth["oom_events"]
    bounds = bounds if isinstance(bounds, dict) else {"min": bounds, "max": bounds}
    assert bounds["min"] <= found["oom_events"] <= bounds["max"]
    assert found["oom_events"] == count(found["events"], "oom", "memcg-oom")
    assert found["alloc_failure_warnings"] == truth["alloc_failure_warnings"]
    assert found["lmk_kills"] == truth["lmk_kills"]
    listed = truth.get("events", [])
    assert len(found["events"]) == len(listed)
    assert [
        text
        for number, (want, got) in enumerate(zip(listed, found["events"], strict=True))
        for text in differences(want, got, f"[{number}]")
    ] == []
    assert {event["file"] for event in found["events"]} <= {str(path)}


@pytest.mark.parametrize("path", [*console_paths, *corpus_paths], ids=lambda path: path.stem)
def test_every_event_has_its_page(path: Path) -> None:
    result = oom(path)
    assert result.exit_code == 0
    assert is_visible(result.stdout)
    assert result.stderr == ""
    for event in memory_events(read_events(path.read_bytes())):
        assert f"{path}:{event.line}: " in result.stdout
        for zone in event.zones.values():
            assert f" {zone.free_kb} kB free" in result.stdout


def test_json_is_the_summary_with_files() -> None:
    paths = [console_path(ONE_OOM), console_path("6.1-arm64-memcg")]
    found = as_json(*paths)
    assert list(found) == ["events", "oom_events", "alloc_failure_warnings", "lmk_kills"]
    parts = [summary(memory_events(read_events(path.read_bytes()))) for path in paths]
    expected = [
        {"file": str(path), **event}
        for path, part in zip(paths, parts, strict=True)
        for event in part["events"]
    ]
    assert found["events"] == expected
    assert found["oom_events"] == sum(part["oom_events"] for part in parts) > 1


def test_stdin_is_a_file_like_any_other() -> None:
    data = console_path(ONE_OOM).read_bytes()
    from_stdin, from_file = as_json("-", data=data), as_json(console_path(ONE_OOM))
    assert {event.pop("file") for event in from_stdin["events"]} == {"-"}
    assert from_stdin["events"] == [
        {name: value for name, value in event.items() if name != "file"} for event in from_file["events"]
    ]


def test_the_page_says_who_why_and_where() -> None:
    stdout = oom(console_path(ONE_OOM)).stdout
    for part in (
        "(order 3, ",
        "GFP_KERNEL: memory of the kernel",
        "called from binder_alloc_mmap_handler",
        "; min ",
        "blocks of order 3 and up for this request: none",
        "fragmentation: enough memory is free",
        "Killed: ",
        "U = unmovable, E = reclaimable",
        "1 OOM event, 1 allocation-failure warning, 0 low-memory-killer kills, 0 memory dumps in 1 file\n",
    ):
        assert part in stdout


@pytest.mark.skipif(
    not MAIL.is_file(), reason=f"THE MAIL IS ABSENT: the page that quotes it is not checked ({MAIL})"
)
def test_the_document_quotes_what_is_printed(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(MAIL.parent)
    page = (checkout / "docs" / "oom.md").read_text()
    assert f"```console\n$ oomlab oom {MAIL.name}\n{oom(MAIL.name).stdout}```\n" in page


def test_what_is_not_there_is_said() -> None:
    stdout = oom("-", data=CALM + KILL).stdout
    assert "not in the text: the head of the report, the kernel's release, the stack, the zones" in stdout


def test_a_text_without_events_is_no_error() -> None:
    result = oom("-", data=CALM)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("-: no OOM event, allocation failure or memory dump\n0 OOM events, ")
    assert as_json("-", data=CALM) == {
        "events": [],
        "oom_events": 0,
        "alloc_failure_warnings": 0,
        "lmk_kills": 0,
    }


RANDOM_BYTES = random.Random(1).randbytes(100_000)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "-: empty"),
        (b" \n\t\r\n", "-: nothing but white space or NUL bytes"),
        (bytes(5000), "-: nothing but white space or NUL bytes"),
        (RANDOM_BYTES, "-: binary data without any kernel message"),
        (b"\x7fELF\x02\x01\x01" + bytes(99) + b"text", "-: binary data without any kernel message"),
        (b"\xfd7zXZ\x00" + RANDOM_BYTES, "-: compressed, and not by gzip"),
        (b"\x1f\x8b" + RANDOM_BYTES, "-: the compressed data are damaged"),
        (gzip.compress(b"") + b"\x1f\x8b\x08", "-: the compressed data end too early"),
        (gzip.compress(b""), "-: empty"),
    ],
)
def test_what_is_no_text_is_refused(data: bytes, message: str) -> None:
    result = oom("-", data=data)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    result = oom("--json", "-", data=data)
    assert result.exit_code == 2
    assert json.loads(result.stdout)["events"] == []


def test_a_closed_stdin_is_an_empty_one() -> None:
    text = "import os; os.close(0); os.execv({0!r}, [{0!r}, '-m', 'orchestrator', 'oom', '-'])"
    done = run(
        [sys.executable, "-c", text.format(sys.executable)],
        deadline=Deadline.after(60, "it ends"),
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"-: empty" in done.stderr


def test_a_kernel_message_among_binary_data_is_text_enough() -> None:
    assert oom("-", data=bytes(5000) + CALM).exit_code == 0
    assert as_json("-", data=RANDOM_BYTES + b"\n" + KILL)["oom_events"] == 1


def test_a_bad_file_does_not_hide_the_others(tmp_path: Path) -> None:
    missing = tmp_path / "missing\x1b[31m.txt"
    result = oom("--json", missing, console_path(ONE_OOM), tmp_path)
    assert result.exit_code == 2
    assert json.loads(result.stdout)["oom_events"] == 1
    assert "missing<U+001B>[31m.txt: No such file or directory" in result.stderr.replace("\n", "")
    assert f"{tmp_path}: Is a directory" in result.stderr.replace("\n", "")
    assert "\x1b" not in result.stderr


@pytest.mark.parametrize("size", ["3KiB", "4", "much", "0", "9" * 40 + "KiB"])
def test_a_page_size_that_no_kernel_has_is_refused(size: str) -> None:
    result = oom("--page-size", size, "-", data=CALM)
    assert result.exit_code == 2
    assert "--page-size" in result.stderr


def test_the_page_size_counts_where_the_text_does_not_show_it() -> None:
    header = b"[ 1.0] x: page allocation failure: order:2, mode:0xcc0(GFP_KERNEL)\n"
    assert "requested 16 KiB of physically contiguous memory" in oom("-", data=header).stdout
    assert "4KiB assumed, see --page-size" in oom("-", data=header).stdout
    assert (
        "requested 64 KiB of physically contiguous memory"
        in oom("--page-size", "16KiB", "-", data=header).stdout
    )
    shown = header + (
        b"[ 1.0] Mem-Info:\n[ 1.0] Normal free:640kB min:64kB low:64kB high:64kB managed:6400kB\n"
        b"[ 1.0] Normal: 10*64kB (U) 0*128kB 0*256kB = 640kB\n"
    )
    assert (
        "requested 256 KiB of physically contiguous memory"
        in oom("--page-size", "16KiB", "-", data=shown).stdout
    )


def test_packed_and_wide_inputs_are_undone(tmp_path: Path) -> None:
    data = console_path(ONE_OOM).read_bytes()
    expected = as_json("-", data=data)
    half = len(data) // 2
    packed = gzip.compress(data[:half]) + gzip.compress(data[half:]) + bytes(512)
    assert as_json("-", data=packed) == expected
    wide = data.decode().encode("utf-16")
    assert as_json("-", data=wide) == expected
    assert as_json("-", data=gzip.compress(wide)) == expected


def test_a_cut_archive_gives_what_it_held_and_says_that_it_is_cut() -> None:
    result = oom("--json", "-", data=gzip.compress(console_path(ONE_OOM).read_bytes() * 2, 0)[:-5000])
    assert result.exit_code == 2
    assert json.loads(result.stdout)["oom_events"] >= 1
    assert "end too early" in result.stderr


def test_a_small_archive_may_be_huge_inside() -> None:
    inside = gzip.compress(bytes(64 << 20))
    assert "nothing but white space" in oom("-", data=inside).stderr


HOSTILE = (
    b"\x1b]0;owned\x07\x1b[2J",
    b"\xc2\x9b31m",
    b"\x9b31m",
    b"\x7f\x00\x08\x08",
    "\u202egnp.exe\u2066".encode(),
    b"&#27;[31m&#x9b;&#127;",
    b"%s%n{0}[red]",
)


@pytest.mark.parametrize("dirt", HOSTILE)
def test_nothing_hostile_reaches_the_terminal(dirt: bytes) -> None:
    header = b"[ 1.0] a" + dirt + b"b invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL" + dirt + b"), order=0\n"
    data = header + b"[ 1.1]  f" + dirt + b"+0x1/0x2\n" + KILL.replace(b"victim", b"v" + dirt)
    for options in ([], ["--json"]):
        result = oom(*options, "-", data=data)
        assert result.exit_code == 0
        assert is_visible(result.stdout)
    assert as_json("-", data=data)["oom_events"] == 1


def test_a_line_of_ten_megabytes_is_no_problem() -> None:
    line = b"invoked oom-killer: kB (" * 430_000 + b"\n"
    assert as_json("-", data=line + KILL + b"A" * 10_000_000)["oom_events"] == 1


def test_events_come_in_the_order_in_which_they_begin() -> None:
    report = console_path("6.1-arm64-memcg").read_bytes()
    lines = report.splitlines(keepends=True)
    kill = b"[    9.500000] lowmemorykiller: Killing 'app' (77), adj 900\n"
    mixed = b"".join(line + kill if index % 9 == 4 else line for index, line in enumerate(lines))
    chunks = [mixed[start : start + 100] for start in range(0, len(mixed), 100)]
    numbers = [event.line for event in ordered_events(chunks)]
    assert len(numbers) > 3
    assert numbers == sorted(numbers)
    assert numbers == [event.line for event in memory_events(read_events(mixed))]


def test_a_reader_that_leaves_early_gets_no_traceback() -> None:
    text = (
        "import sys, os; from orchestrator.cli import main; "
        "read, write = os.pipe(); os.close(read); os.dup2(write, 1); "
        f"sys.argv = ['oomlab', 'oom', {str(console_path(ONE_OOM))!r}]; main()"
    )
    done = run([sys.executable, "-c", text], deadline=Deadline.after(60, "it ends"), check=False)
    assert done.returncode == 3
    assert done.stderr == b""
