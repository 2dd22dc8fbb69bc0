# SPDX-License-Identifier: Apache-2.0
"""`clean` ends what a run started. What a ledger says is no proof of that: anybody can write one."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from orchestrator.host.ledger import boot_id, kept_ledger, read_ledger, start_ticks
from orchestrator.host.privilege import confinement
from orchestrator.host.process import Child, start
from tests.unit.commands.test_cli import Command
from tests.unit.report.factory import Made, run_directory

_MARKER = "5" * 64


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return run_directory(tmp_path / "run", Made(blocks=1)).path


@contextmanager
def victim(**variables: str) -> Iterator[Child]:
    """A process of the user's that no run has started."""
    with start(["sleep", "300"], env=variables) as child:
        yield child


def line(of: int, **changes: Any) -> str:
    """A ledger's line about a process that exists, as anybody could write it."""
    ticks = start_ticks(of)
    true = {"time": "2026-11-30T00:00:00Z", "pid": of, "start_ticks": ticks, "boot_id": boot_id()}
    return json.dumps({**true, "what": "sleep", "marker": _MARKER, **changes}) + "\n"


def test_right_pid_time_and_boot_are_not_enough(command: Command, run: Path) -> None:
    ledger = run / "ledger.jsonl"
    with victim() as child:
        without = json.loads(line(child.pid))
        del without["marker"]
        ledger.write_text(line(child.pid) + json.dumps(without) + "\n" + line(child.pid, marker=""))
        assert command("clean", "run").stdout == b"nothing to clean\n"
        assert child.poll() is None


@pytest.mark.parametrize("place", [True, False])
def test_a_marker_alone_is_not_enough_in_another_place(command: Command, run: Path, place: bool) -> None:
    """Somebody who has seen a marker cannot put it into a ledger elsewhere: the process names its own."""
    ledger = run / "ledger.jsonl"
    ledger.write_text("")
    status = ledger.stat()
    words = f"{_MARKER}-{status.st_dev}-{status.st_ino + (not place)}"
    with victim(OOMLAB_RUN=words) as child:
        ledger.write_text(line(child.pid))
        said = command("clean", "run").stdout.decode()
        if place:
            assert child.wait(10) == -9
        assert (child.poll() is None) == (not place)
        assert said == (f"run: ended sleep, pid {child.pid}\n" if place else "nothing to clean\n")


def test_a_copy_of_a_run_at_work_ends_nothing(command: Command, run: Path) -> None:
    with kept_ledger(run / "ledger.jsonl"), start(["sleep", "300"]) as child:
        shutil.copytree(run, command.directory / "copy")
        assert command("clean", "copy").stdout == b"nothing to clean\n"
        assert child.poll() is None
        assert f"ended sleep, pid {child.pid}" in command("clean", "run").stdout.decode()


def test_the_marker_of_one_run_is_not_that_of_the_next(run: Path) -> None:
    ledger = run / "ledger.jsonl"
    for _ in range(2):
        with kept_ledger(ledger), start(["sleep", "300"]):
            pass
    first, second = (json.loads(each)["marker"] for each in ledger.read_text().splitlines())
    assert first != second
    assert len(first) == 64


def test_children_outside_a_run_carry_no_marker(run: Path) -> None:
    with kept_ledger(run / "ledger.jsonl"):
        pass
    with start(["sleep", "300"]) as child:
        assert b"OOMLAB_RUN" not in Path(f"/proc/{child.pid}/environ").read_bytes()


_NO_PIDS = (0, -1, -os.getpgrp(), 1 << 31, (1 << 31) - 1, 1 << 63, 10**40, 4194305, True, 1.5, "1", None, [1])


@pytest.mark.parametrize("pid", _NO_PIDS)
def test_what_is_no_pid_is_refused(command: Command, run: Path, pid: Any) -> None:
    """0 and negative numbers would be whole groups of processes, this program among them."""
    (run / "ledger.jsonl").write_text(line(1, pid=pid) + line(1))
    assert [process.pid for process in read_ledger(run / "ledger.jsonl")] == [1]
    assert command("clean", "run").stdout == b"nothing to clean\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make processes of others")
def test_a_process_of_another_user_is_not_ended(command: Command, run: Path) -> None:
    ledger = run / "ledger.jsonl"
    ledger.write_text("")
    status = ledger.stat()
    words = f"{_MARKER}-{status.st_dev}-{status.st_ino}"
    with start(["setpriv", "--reuid", "12345", "sleep", "300"], env={"OOMLAB_RUN": words}) as child:
        while Path(f"/proc/{child.pid}/comm").read_text() != "sleep\n":
            pass
        ledger.write_text(line(child.pid))
        assert command("clean", "run").stdout == b"nothing to clean\n"
        assert child.poll() is None


def test_a_child_that_gave_up_its_rights_is_ended_all_the_same(command: Command, run: Path) -> None:
    """As root such a child is another user's, and still this run's."""
    with (
        kept_ledger(run / "ledger.jsonl"),
        start(["sleep", "300"], confined=confinement()) as child,
    ):
        assert f"ended sleep, pid {child.pid}" in command("clean", "run").stdout.decode()
        assert child.wait(10) == -9
