# SPDX-License-Identifier: Apache-2.0
"""Run directories: never over somebody's files, never half-written."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import InputError
from orchestrator.files.atomic import write_atomic
from orchestrator.record.directory import create_run_directory, open_run_directory


def test_the_default_directory_is_named_and_latest_points_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first = create_run_directory(None, "binder-order3")
    second = create_run_directory(None, "binder-order3")
    assert first.path != second.path
    assert first.path.name.startswith("binder-order3-")
    assert Path("runs/latest").resolve() == second.path.resolve()


def test_a_directory_called_latest_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mine = tmp_path / "runs" / "latest"
    mine.mkdir(parents=True)
    create_run_directory(None, "x")
    assert not mine.is_symlink()


def test_out_may_be_new_or_empty(tmp_path: Path) -> None:
    assert create_run_directory(tmp_path / "a" / "b", "x").path.is_dir()
    (tmp_path / "empty").mkdir()
    create_run_directory(tmp_path / "empty", "x")


def test_out_with_something_in_it_is_refused_and_untouched(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    with pytest.raises(InputError, match="not empty"):
        create_run_directory(tmp_path, "x")
    with pytest.raises(InputError, match="not empty"):
        create_run_directory(tmp_path / "mine", "x")
    assert (tmp_path / "mine").read_text() == "precious"


def test_every_attempt_has_a_directory_of_its_own(tmp_path: Path) -> None:
    run = create_run_directory(tmp_path / "run", "x")
    block = run.make("blocks", 1)
    (block.path / "console.log").write_text("what it said")
    assert [run.make("trials", 3).name for _ in range(3)] == ["0003", "0003-2", "0003-3"]
    unforked = run.link_trial(3, block)
    assert unforked.name == "0003-4"
    assert (unforked.path / "console.log").read_text() == "what it said"
    assert run.trial(unforked.name).read("console.log") == b"what it said"


def test_opening_what_is_no_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no manifest\.json"):
        open_run_directory(tmp_path)


@given(st.binary(max_size=2000))
def test_an_atomic_write_replaces_whole_and_leaves_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    directory = tmp_path_factory.mktemp("atomic")
    write_atomic(directory / "f", b"old")
    write_atomic(directory / "f", data)
    assert (directory / "f").read_bytes() == data
    assert [path.name for path in directory.iterdir()] == ["f"]


def test_a_failed_atomic_write_keeps_the_old_file(tmp_path: Path) -> None:
    write_atomic(tmp_path / "f", b"old")
    with pytest.raises(TypeError):
        write_atomic(tmp_path / "f", "text")  # type: ignore[arg-type]
    assert (tmp_path / "f").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["f"]
