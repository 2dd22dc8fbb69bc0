# SPDX-License-Identifier: Apache-2.0
"""`oomlab bisect-step` over simulated runs: what it prints where, and its exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator.bisect import step as module
from orchestrator.bisect.answer import StepCode
from orchestrator.cli import app
from orchestrator.errors import BuildBroken, ExitCode
from orchestrator.outcome import Outcome
from tests.unit.bisect.conftest import Git, git, scenario, tree
from tests.unit.bisect.engine import Engine

__all__ = ["git", "scenario", "tree"]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, git: Git) -> Engine:
    engine = Engine()
    monkeypatch.setattr(module, "run_scenario", engine.run)
    return engine


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ([Outcome.PASSED] * 3, StepCode.GOOD),
        ([Outcome.OOM] * 3, StepCode.BAD),
        ([Outcome.BOOT_FAILED] * 3, StepCode.SKIP),
        ([BuildBroken("mm/slub.c:1: no", evidence=["error: ';'"], hint="the tree")], StepCode.SKIP),
    ],
)
def test_one_line_is_data_and_the_rest_is_for_people(
    engine: Engine, scenario: Path, tree: Path, outcomes: list[Outcome | Exception], code: StepCode,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tree)
    engine.outcomes = outcomes
    done = CliRunner().invoke(app, ["bisect-step", str(scenario)])
    assert done.exit_code == code
    (line,) = done.stdout.splitlines()
    assert line.startswith(f"{code.name.lower()}: [")
    assert "good is what the scenario expects of sound: {outcome: passed}" in done.stderr
    if "slub" in line:
        assert "error: ';'" in done.stderr


@pytest.mark.parametrize(
    "words",
    [["--stray", "0.9", "--shows", "0.1"], ["--error", "0.7"], ["--variant", "nobody"], ["--blocks", "1"]],
)
def test_what_makes_no_sense_is_bad_input(
    engine: Engine, scenario: Path, tree: Path, words: list[str]
) -> None:
    done = CliRunner().invoke(app, ["bisect-step", str(scenario), "--tree", str(tree), *words])
    assert done.exit_code == ExitCode.BAD_INPUT
    assert words[0] in done.stderr
    assert engine.rounds == []


def test_its_help_teaches_the_session() -> None:
    shown = CliRunner().invoke(app, ["bisect-step", "--help"], env={"COLUMNS": "200"}).stdout
    words = " ".join(shown.split())
    for part in (
        "git bisect start BAD GOOD",
        "git bisect run oomlab bisect-step SCENARIO",
        "-- drivers/android",
    ):
        assert part in words
