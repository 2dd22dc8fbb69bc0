# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import InputError
from orchestrator.remote import program
from orchestrator.remote.places import Places
from orchestrator.remote.program import program_files, source_checksum


def test_the_program_is_its_package_and_what_it_ships() -> None:
    names = set(program_files())
    assert {"orchestrator/cli.py", "images/guest/PROTOCOL.md", "scenarios/binder-order3.yaml"} <= names
    assert not [name for name in names if "__pycache__" in name or not name.partition("/")[2]]


def test_another_source_has_another_checksum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_text("one")
    second.write_text("two")

    def checksum(**files: Path) -> str:
        monkeypatch.setattr(program, "program_files", lambda: files)
        return source_checksum()

    as_it_is = checksum(x=first, y=second)
    assert as_it_is == checksum(y=second, x=first)
    assert len({as_it_is, checksum(x=second, y=first), checksum(x=first), checksum(x=first, z=second)}) == 4


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "-rf", "$(id)", "a b", "x" * 300])
def test_a_run_is_never_named_so_that_it_leads_elsewhere(name: str) -> None:
    with pytest.raises(InputError):
        Places("/home/me").job(name)


def test_everything_on_the_other_machine_is_below_one_directory() -> None:
    places = Places("/home/me")
    assert places.job("binder-order3-1") == "/home/me/.local/share/oomlab/jobs/binder-order3-1"
    assert {places.program, places.launcher, places.stamp, places.jobs} == {
        path
        for path in (places.program, places.launcher, places.stamp, places.jobs)
        if path.startswith(places.root)
    }
