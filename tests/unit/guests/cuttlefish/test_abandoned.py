# SPDX-License-Identifier: Apache-2.0
"""Groups that killed runs have left: ended where they are ours, and nobody is asked where there are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import HostError
from orchestrator.guests.cuttlefish import group
from orchestrator.guests.cuttlefish.answer import Fleet

NAME = "oomlab_01234567"


@pytest.fixture
def note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a killed run has noted of its group, whose home is gone."""
    monkeypatch.setenv("OOMLAB_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "cache" / "cuttlefish"
    folder.mkdir(parents=True)
    (folder / f"{NAME}.group").write_text(str(tmp_path / "run" / "cuttlefish-home"))
    return folder / f"{NAME}.group"


def test_cvd_is_not_asked_where_no_run_has_left_a_group(note: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    note.unlink()
    assert list(group.remove_abandoned()) == []


def test_where_cvd_cannot_be_asked_the_group_is_named(note: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    (said,) = group.remove_abandoned()
    assert said == f"left alone: the Cuttlefish groups {NAME}: cvd is not installed"
    assert note.exists()


def test_a_group_of_which_nothing_is_left_is_forgotten(note: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group, "fleet", lambda: Fleet(groups=[]))
    assert list(group.remove_abandoned()) == []
    assert not note.exists()


def test_a_group_that_another_cvd_may_know_stays_noted(note: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group, "fleet", lambda: Fleet(groups=[]))
    Path(note.read_text()).mkdir(parents=True)
    assert list(group.remove_abandoned()) == []
    assert note.exists()


def test_a_group_that_does_not_go_is_named_and_stays_noted(
    note: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Fleet.model_validate(
        {"groups": [{"group_name": NAME, "instances": [{"instance_name": "1", "status": "Running"}]}]}
    )

    def refuse(*_: object) -> None:
        raise HostError(f"the Cuttlefish group {NAME} could not be removed")

    monkeypatch.setattr(group, "fleet", lambda: known)
    monkeypatch.setattr(group, "_end_group", refuse)
    assert list(group.remove_abandoned()) == [f"left alone: the Cuttlefish group {NAME} could not be removed"]
    assert note.exists()
