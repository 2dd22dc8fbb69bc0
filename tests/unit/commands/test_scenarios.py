# SPDX-License-Identifier: Apache-2.0
"""`oomlab scenarios`: the shipped ones, and one of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator.cli import app
from orchestrator.errors import ExitCode
from orchestrator.scenario.loading.files import shipped_scenarios
from orchestrator.scenario.loading.shipped import shipped_index


def test_the_index_has_every_scenario_once_and_no_other() -> None:
    index = shipped_index()
    assert sorted(each.name for each in index) == sorted(shipped_scenarios())
    assert all(each.group and each.purpose and len(each.purpose) <= 100 for each in index)


def test_a_scenario_without_an_entry_is_listed_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "new.yaml").touch()
    monkeypatch.setattr(
        "orchestrator.scenario.loading.shipped.shipped_scenarios", lambda: {"new": tmp_path / "new.yaml"}
    )
    assert [(each.name, each.group) for each in shipped_index()] == [("new", "")]


def test_one_is_shown_and_its_file_can_be_taken_and_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = CliRunner().invoke(app, ["scenarios", "costly-order"]).stdout
    assert "mmap with it" in " ".join(shown.split())
    assert "first_oom order 3" in " ".join(shown.split())
    assert "oomlab run costly-order" in shown
    Path("mine.yaml").write_text(CliRunner().invoke(app, ["scenarios", "costly-order", "--file"]).stdout)
    assert Path("mine.yaml").read_text() == shipped_scenarios()["costly-order"].read_text()
    assert CliRunner().invoke(app, ["validate", "mine.yaml"]).exit_code == ExitCode.MET


def test_programs_get_the_same() -> None:
    listed = json.loads(CliRunner().invoke(app, ["scenarios", "--json"]).stdout)
    one = json.loads(CliRunner().invoke(app, ["scenarios", "binder-order3", "--json"]).stdout)
    assert one in listed
    assert one["variants"] == ["kcalloc", "kvcalloc"]
    assert len(listed) == len(shipped_scenarios())


@pytest.mark.parametrize(
    ("words", "said"),
    [(["binder-ordr3"], "'binder-order3'"), (["--file"], "give its name"), (["zzz"], "lists them")],
)
def test_what_is_not_shipped_is_refused(words: list[str], said: str) -> None:
    done = CliRunner().invoke(app, ["scenarios", *words])
    assert done.exit_code == ExitCode.BAD_INPUT
    assert said in done.stderr
