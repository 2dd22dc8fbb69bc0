# SPDX-License-Identifier: Apache-2.0
"""Profiles of people's own: found beside the scenario, and every mistake in one told with its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from orchestrator.cli import app
from orchestrator.errors import ExitCode
from orchestrator.scenario.loading.loader import load_scenario
from orchestrator.scenario.loading.problems import ScenarioInvalid
from orchestrator.scenario.loading.profile import read_profile
from orchestrator.units import MIB
from tests.unit.scenario.conftest import GOOD, Load, Refuse

OWN = "device: {arch: arm64, memory: 256MiB}"
PROFILE = """\
description: A board on a desk.
device:
  arch: arm64
  memory: 320MiB
  sysctls: {vm.swappiness: 60}
provenance:
  arch: {kind: text, source: its label}
  memory: {kind: text, source: its label}
  sysctls.vm.swappiness: {kind: assumption, source: the default}
"""


def named(name: str) -> str:
    return GOOD.replace(OWN, f"device: {name}")


def problems_of(file: Path, text: str) -> list[tuple[int | None, str, str | None]]:
    file.write_text(text)
    with pytest.raises(ScenarioInvalid) as caught:
        read_profile(file)
    assert {problem.file for problem in caught.value.problems} == {str(file)}
    return [(problem.line, problem.what, problem.nearest) for problem in caught.value.problems]


def devices(*words: str) -> Result:
    return CliRunner().invoke(app, ["devices", *words])


@pytest.mark.parametrize("said", ["board", "board.yaml", "{profile: board, cpus: 2}"])
def test_a_profile_beside_the_scenario_is_found(said: str, load: Load, tmp_path: Path) -> None:
    (tmp_path / "board.yaml").write_text(PROFILE)
    assert load(named(said)).scenario.device.memory == 320 * MIB


def test_the_one_beside_the_scenario_comes_before_the_shipped_one(load: Load, tmp_path: Path) -> None:
    (tmp_path / "android-tv.yml").write_text(PROFILE)
    assert load(named("android-tv")).scenario.device.memory == 320 * MIB


def test_a_scenario_of_the_same_name_is_no_profile(load: Load, tmp_path: Path) -> None:
    (tmp_path / "android-tv.yaml").write_text(GOOD)
    assert load(named("android-tv")).scenario.device.memory == 2048 * MIB


def test_on_the_command_line_the_current_directory_counts_too(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "board.yaml").write_text(PROFILE)
    monkeypatch.chdir(elsewhere)
    assert load(GOOD, ["device=board"]).scenario.device.memory == 320 * MIB


def test_an_unknown_name_tells_both_places(refuse: Refuse, tmp_path: Path) -> None:
    (tmp_path / "board.yaml").write_text(PROFILE)
    (problem,) = refuse(named("bord"))
    assert (problem.line, problem.nearest) == (2, "board")
    assert f"beside the scenario ({tmp_path}) there is board; shipped are: " in problem.what
    assert "mission-phone" in problem.what


@pytest.mark.parametrize("name", ["a" * 5000, "'../x'", "'a\\0b'"])
def test_names_that_no_file_can_have_are_unknown(name: str, refuse: Refuse) -> None:
    (problem, *_) = refuse(named(name))
    assert "no device profile is called" in problem.what


def test_a_profile_without_provenance_is_an_error_with_its_line(load: Load, tmp_path: Path) -> None:
    file = tmp_path / "board.yaml"
    file.write_text(PROFILE.partition("provenance:")[0])
    with pytest.raises(ScenarioInvalid) as caught:
        load(named("board"))
    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == (str(file), 1)
    assert problem.what.startswith("the key 'provenance' is missing: for each figure of 'device'")


def test_figures_and_provenance_must_be_the_same(tmp_path: Path) -> None:
    text = PROFILE.replace("  memory: {kind", "  memry: {kind").replace("  sysctls.vm", "  sysctl.vm")
    assert problems_of(tmp_path / "board.yaml", text) == [
        (4, "'memory' has no provenance: nothing says where it comes from", None),
        (5, "'sysctls.vm.swappiness' has no provenance: nothing says where it comes from", None),
        (8, "provenance of 'memry', which 'device' does not have", "memory"),
        (9, "provenance of 'sysctl.vm.swappiness', which 'device' does not have", "sysctls.vm.swappiness"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "line", "what", "nearest"),
    [
        ("memory: 320MiB", "memory: 320", 4, "a size needs a unit", "320MiB"),
        ("memory: 320MiB", "memory: 320MiB\n  memmory: 1GiB", 5, "unknown key 'memmory' in device", "memory"),
        ("kind: assumption", "kind: guess", 9, "must be one of text, public, assumption", None),
        ("provenance:", "provenence:", 6, "unknown key 'provenence' in a profile", "provenance"),
        ("{vm.swappiness: 60}", "17", 5, "must be a section with keys", None),
        ("arch: arm64", "profile: android-tv", 3, "builds on no other", None),
        ("description: A board on a desk.", "description: [1]", 1, "must be text", None),
        ("arch: arm64", "arch: arm46", 3, "must be one of", "arm64"),
        ("sysctls: {", "sysctls: {]", 5, "not readable as YAML", None),
    ],
)
def test_every_mistake_has_its_line(
    old: str, new: str, line: int, what: str, nearest: str | None, tmp_path: Path
) -> None:
    found = problems_of(tmp_path / "board.yaml", PROFILE.replace(old, new, 1))
    assert any((at, near) == (line, nearest) and what in words for at, words, near in found), found


@pytest.mark.parametrize(
    "text", ["", "- a\n", "hello\n", "device: 5\n", "device:\nprovenance:\ndescription:\n"]
)
def test_what_is_no_profile_is_refused_with_a_place(text: str, tmp_path: Path) -> None:
    assert all(line for line, _, _ in problems_of(tmp_path / "board.yaml", text))


def test_the_command_shows_a_file_and_tells_mistakes_without_a_traceback(tmp_path: Path) -> None:
    file = tmp_path / "board.yaml"
    file.write_text(PROFILE)
    shown = devices(str(file))
    assert shown.exit_code == 0
    assert "its label" in shown.stdout
    file.write_text(PROFILE.partition("provenance:")[0])
    refused = devices(str(file))
    assert refused.exit_code == ExitCode.BAD_INPUT
    assert "Traceback" not in refused.output
    assert f"{file}:1:1" in refused.stderr.replace("\n", "")


def test_a_shipped_scenario_can_be_loaded_with_a_profile_of_its_own_name() -> None:
    # scenarios/ has a scenario called mission-phone, and a profile of that name below devices/.
    assert isinstance(load_scenario(Path("mission-phone-device")).scenario.device.memory, int)
