# SPDX-License-Identifier: Apache-2.0
"""The ledger names processes for certain, and `clean` ends exactly those."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.errors import HostError, InputError
from orchestrator.host.ledger import StartedProcess, end_process, kept_ledger, read_ledger, start_ticks
from orchestrator.host.process import start
from orchestrator.kernels.cache import Cache
from orchestrator.paths import cache_dir
from orchestrator.record.journal import open_journal
from orchestrator.run import clean
from tests.unit.report.factory import Made, run_directory


@pytest.fixture(autouse=True)
def _no_shared_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scratch directories there are those of the whole machine."""
    monkeypatch.setattr(clean, "memory_parent", lambda _: None)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of a run, as the working directory's only one."""
    monkeypatch.chdir(tmp_path)
    Path("runs").mkdir()
    return run_directory(Path("runs/mine"), Made(blocks=1)).path


def cleaned(*runs: Path) -> list[str]:
    return list(clean.clean_up(runs or None))


def test_every_child_is_recorded_while_the_ledger_is_kept(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    with start(["sleep", "60"]), kept_ledger(ledger), start(["sleep", "60"]) as child:
        pass
    (process,) = read_ledger(ledger)
    assert (process.pid, process.what) == (child.pid, "sleep")
    with start(["sleep", "60"]):
        assert len(read_ledger(ledger)) == 1


@contextmanager
def full_disk() -> Iterator[None]:
    """No file can grow within the block."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_child_that_cannot_be_recorded_is_not_left_running(tmp_path: Path) -> None:
    with (
        kept_ledger(tmp_path / "ledger.jsonl"),
        full_disk(),
        pytest.raises(HostError, match="File too large"),
        start(["sleep", "60"]),
    ):
        raise AssertionError


def test_only_the_very_process_is_ended(run: Path) -> None:
    with kept_ledger(run / "ledger.jsonl"), start(["sleep", "60"]) as child:
        (process,) = read_ledger(run / "ledger.jsonl")
        for other in (
            process.model_copy(update={"start_ticks": process.start_ticks - 1}),
            process.model_copy(update={"boot_id": "another boot"}),
            process.model_copy(update={"pid": os.getpid()}),
        ):
            assert not end_process(other, run / "ledger.jsonl")
        assert child.poll() is None
        assert cleaned() == [f"runs/mine: ended sleep, pid {child.pid}"]
        assert child.wait(10) == -9
    assert cleaned() == ["nothing to clean"]


def test_names_with_spaces_and_parentheses_do_not_confuse(tmp_path: Path) -> None:
    program = tmp_path / "a) 1 (b"
    program.symlink_to("/bin/sleep")
    with start([str(program), "60"]) as child, start(["sleep", "60"]) as later:
        assert 0 < (start_ticks(child.pid) or 0) <= (start_ticks(later.pid) or 0)


def test_a_run_at_work_is_left_alone(run: Path) -> None:
    with (
        open_journal(run / "journal.jsonl"),
        kept_ledger(run / "ledger.jsonl"),
        start(["sleep", "60"]) as child,
    ):
        (said,) = cleaned(run)
        assert "left alone: another oomlab is at work" in said
        assert child.poll() is None


def test_what_cannot_be_read_is_passed_over(run: Path) -> None:
    process = StartedProcess(pid=1, start_ticks=1, boot_id="x", what="y", marker="0" * 64)
    (run / "ledger.jsonl").write_text(f'nonsense\n{process.model_dump_json()}\n{{"pid": 1, "sta')
    assert read_ledger(run / "ledger.jsonl") == [process]
    assert cleaned(run) == ["nothing to clean"]


def test_temporary_files_of_the_dead_go_and_those_of_the_living_stay(run: Path) -> None:
    (run / f".verdict.json.{os.getpid()}").write_text("being written")
    dead = [run / ".verdict.json.999999999", cache_dir() / "probe/.x.json.999999999"]
    for path in dead:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    cache = Cache(cache_dir())
    with cache.scratch() as alive:
        scratch = alive.parent / "dead"
        scratch.mkdir()
        assert sorted(cleaned()) == sorted(f"removed {path}" for path in [*dead, scratch])
        assert alive.exists()
    assert cleaned() == ["nothing to clean"]


def test_nothing_there_is_no_harm_and_no_run_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cleaned() == ["nothing to clean"]
    with pytest.raises(InputError, match="is no run directory"):
        cleaned(tmp_path)
