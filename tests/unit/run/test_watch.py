# SPDX-License-Identifier: Apache-2.0
"""A hung guest is noticed by what it no longer says, and by nothing that the host's clock does."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.deadline import Deadline
from orchestrator.errors import HostError
from orchestrator.evidence.evidence import Ending, Evidence
from orchestrator.files.folder import Folder
from orchestrator.guests.backend import Ability, Capabilities
from orchestrator.guests.qemu.backend import QemuBackend
from orchestrator.oom.records import CrashBegun, Mark
from orchestrator.protocol.records import ControlRecord
from orchestrator.run.watch import PhaseBudgets, Watch
from tests.unit.evidence.guest_output import hello, record, trigger_end

SILENCE_S = 0.3
BUDGETS = PhaseBudgets(boot_s=30, target_s=30, trigger_s=30, after_s=0.1, silence_s=SILENCE_S)


EVERYTHING = QemuBackend.capabilities


class Guest:
    """Hangs for good: its backend never says that it ended."""

    def await_end(self) -> str:
        raise AssertionError

    def sink_failure(self) -> Exception | None:
        raise AssertionError

    def registers(self) -> str:
        raise HostError("no answer")

    def private_memory_kb(self) -> int:
        return 1


def watched(
    directory: Path, *records: ControlRecord | CrashBegun | Mark | float, can: Capabilities = EVERYTHING
) -> tuple[Evidence, float]:
    """The evidence of a guest that says this (numbers are pauses in seconds), and how long it was watched."""
    first = Deadline.after(30, "hello")
    watch = Watch(Evidence(), Folder(directory), BUDGETS, can, first, _ignore, _ignore)

    def speak() -> None:
        for item in records:
            if isinstance(item, float):
                threading.Event().wait(item)
            else:
                watch.inbox.put(item)

    speaker = threading.Thread(target=speak)
    begun = time.monotonic()
    speaker.start()
    watch.until_the_end(Guest())
    speaker.join()
    return watch.evidence, time.monotonic() - begun


def _ignore(_: object) -> None:
    pass


def started(kind: str) -> list[ControlRecord]:
    return [hello(), record("phase", name="trigger"), record("trigger-start", kind=kind, pids=[9], count=600)]


def progress(ok: int) -> ControlRecord:
    return record("trigger-progress", ok=ok, failed=0)


def test_a_trigger_that_tells_nothing_more_hangs_long_before_its_deadline(tmp_path: Path) -> None:
    evidence, seconds = watched(tmp_path, *started("binder-mmap"), progress(1))
    assert evidence.ending is Ending.OVERDUE
    assert "the trigger gets on" in evidence.ending_detail
    assert seconds < 10
    assert (tmp_path / "registers.txt").read_text() == "no answer\n"


def test_a_backend_is_asked_for_nothing_that_it_does_not_declare(tmp_path: Path) -> None:
    unable = Ability("made up")
    can = replace(EVERYTHING, registers=unable, private_memory=unable)
    evidence, _ = watched(tmp_path, *started("binder-mmap"), trigger_end(), can=can)
    assert evidence.ending is Ending.OVERDUE
    assert evidence.private_memory_kb == 0
    assert not (tmp_path / "registers.txt").exists()


def test_a_slow_trigger_that_gets_on_does_not_hang(tmp_path: Path) -> None:
    steps = [item for number in range(4) for item in (progress(number), SILENCE_S * 0.6)]
    evidence, seconds = watched(tmp_path, *started("binder-mmap"), *steps, trigger_end())
    assert "the guest reports" in evidence.ending_detail, "only the last phase was overdue"
    assert seconds > 2 * SILENCE_S


def test_a_command_tells_nothing_while_it_runs(tmp_path: Path) -> None:
    evidence, _ = watched(tmp_path, *started("command"), 3 * SILENCE_S, trigger_end())
    assert "the guest reports" in evidence.ending_detail


def test_the_console_tells_that_the_trigger_began_where_records_no_longer_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.run.watch._GUEST_REPORTS_FIRST_S", 0.0)
    short = replace(BUDGETS, trigger_s=0.3)
    monkeypatch.setattr("tests.unit.run.test_watch.BUDGETS", short)
    evidence, seconds = watched(tmp_path, hello(), Mark(line=7, text="phase trigger"))
    assert (evidence.ending, evidence.ending_detail) == (Ending.OVERDUE, "not in time: the trigger ends")
    assert seconds < 10


def test_a_guest_cannot_put_its_end_off_by_saying_again_that_it_began(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.run.watch._GUEST_REPORTS_FIRST_S", 0.0)
    monkeypatch.setattr("tests.unit.run.test_watch.BUDGETS", replace(BUDGETS, trigger_s=0.4))
    again = [item for line in range(8) for item in (0.1, Mark(line=line + 1, text="phase trigger"))]
    evidence, _ = watched(tmp_path, *started("command"), *again)
    assert 0 < len(evidence.console) < 7


def test_a_jump_of_the_hosts_clock_moves_no_deadline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jumps = iter(range(0, 10**9, 10**6))
    monkeypatch.setattr(time, "time", lambda: float(next(jumps)))
    evidence, seconds = watched(tmp_path, *started("command"), 2 * SILENCE_S, trigger_end())
    assert "the guest reports" in evidence.ending_detail
    assert SILENCE_S < seconds < 10


def test_a_kernel_that_crashed_under_a_benchmark_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.run.watch._CRASH_GRACE_S", 0.2)
    crash = CrashBegun(line=1, crash="oops", message="Internal error: Oops")
    evidence, seconds = watched(tmp_path, hello(), record("phase", name="benchmark"), crash)
    assert "the end after the kernel's crash" in evidence.ending_detail
    assert seconds < 10


def test_a_kernel_that_crashed_under_the_trigger_is_not_waited_for_as_a_silent_one_is(tmp_path: Path) -> None:
    crash = CrashBegun(line=1, crash="oops", message="Unable to handle kernel NULL pointer dereference")
    for kind in ("binder-mmap", "command"):
        directory = tmp_path / kind
        directory.mkdir()
        evidence, seconds = watched(directory, *started(kind), crash)
        assert "a sign of life after the kernel's crash" in evidence.ending_detail
        assert seconds < SILENCE_S


def test_a_bug_that_the_kernel_goes_on_from_ends_nothing(tmp_path: Path) -> None:
    bug = CrashBegun(line=1, crash="bug", message="BUG: sleeping function called from invalid context")
    evidence, _ = watched(tmp_path, *started("command"), bug, 2 * SILENCE_S, trigger_end())
    assert "the guest reports" in evidence.ending_detail
