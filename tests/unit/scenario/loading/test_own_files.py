# SPDX-License-Identifier: Apache-2.0
"""Files of the user's in a scenario and by --file, and a command by --command."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.scenario.loading.loader import LoadedScenario, load_text
from orchestrator.scenario.loading.own_files import OwnProgram
from orchestrator.scenario.loading.problems import Problem, ScenarioInvalid
from orchestrator.scenario.triggers.command import Command
from tests.unit.scenario.conftest import GOOD


def _load(folder: Path, files: str, own: OwnProgram | None = None, *sets: str) -> LoadedScenario:
    (folder / "mine.patch").write_text("--- a\n+++ b\n")
    return load_text(GOOD + files, folder / "example.yaml", sets, own=own)


def _refused(folder: Path, files: str, own: OwnProgram | None = None) -> list[Problem]:
    with pytest.raises(ScenarioInvalid) as caught:
        _load(folder, files, own)
    return list(caught.value.problems)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the command line is, which is not where the scenario lies."""
    folder = tmp_path / "here"
    folder.mkdir()
    for name in ("mytest", "other", "a:b"):
        (folder / name).write_bytes(b"x")
        (tmp_path / name).write_bytes(b"y")
    monkeypatch.chdir(folder)
    return folder


def test_they_lie_beside_the_scenario_and_go_where_it_says_or_into_the_root(
    tmp_path: Path, here: Path
) -> None:
    files = _load(tmp_path, "files: {./mytest: /opt/t, other: null}\n").scenario.files
    assert files == {str(tmp_path / "mytest"): "/opt/t", str(tmp_path / "other"): "/other"}


def test_options_add_files_from_the_directory_they_are_given_in(tmp_path: Path, here: Path) -> None:
    own = OwnProgram(["./mytest", "other:/x/y", "a:b"])
    files = _load(tmp_path, "files: {./other: /x/y}\n", own).scenario.files
    assert files == {str(here / "mytest"): "/mytest", str(here / "other"): "/x/y", str(here / "a:b"): "/a:b"}


def test_a_file_that_is_not_there_is_told_of_with_its_line_and_the_nearest(
    tmp_path: Path, here: Path
) -> None:
    (problem,) = _refused(tmp_path, "files:\n  ./mytets: /opt/t\n")
    assert (problem.line, problem.nearest) == (GOOD.count("\n") + 2, "mytest")
    (problem,) = _refused(tmp_path, "", OwnProgram(["./gone"]))
    assert problem.file == "--file ./gone"


@pytest.mark.parametrize(
    ("files", "what"),
    [
        ("files: {./mytest: /init}\n", "the guest's agent is there"),
        ("files: {./mytest: /a, ./other: /a}\n", "is /a in the guest already"),
        ("files: {./mytest: /a, mytest: /b}\n", "this is the file './mytest'"),
        ("files: {./mytest: 7}\n", "text"),
        ("files: [./mytest]\n", "section"),
        ("files: {7: /a}\n", "no such file"),
    ],
)
def test_what_cannot_be_is_told_of_at_its_line(tmp_path: Path, here: Path, files: str, what: str) -> None:
    problem = _refused(tmp_path, files)[0]
    assert what in problem.what
    assert problem.line == GOOD.count("\n") + 1


def test_a_name_that_is_not_utf_8_is_refused(tmp_path: Path, here: Path) -> None:
    (problem,) = _refused(tmp_path, "", OwnProgram(["./my\udcfftest"]))
    assert "not UTF-8" in problem.what


def test_a_command_takes_the_trigger_s_place_and_its_expectations_go(tmp_path: Path) -> None:
    loaded = _load(tmp_path, "", OwnProgram(command="/mytest 100"))
    assert isinstance(loaded.scenario.trigger, Command)
    assert loaded.scenario.trigger.command == "/mytest 100"
    assert not loaded.scenario.expectations
    assert "left out" in loaded.remarks[0]


def test_expectations_can_be_said_beside_a_command(tmp_path: Path) -> None:
    own = OwnProgram(command="/mytest")
    loaded = _load(tmp_path, "", own, "expectations.kcalloc.outcome=passed", "trigger.oom_score_adj=500")
    assert set(loaded.scenario.expectations) == {"kcalloc"}
    assert loaded.scenario.trigger.oom_score_adj == 500


def test_a_command_that_is_too_long_is_blamed_on_its_option(tmp_path: Path) -> None:
    (problem,) = _refused(tmp_path, "", OwnProgram(command="x" * 501))
    assert problem.file == "--command"
