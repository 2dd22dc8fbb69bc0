# SPDX-License-Identifier: Apache-2.0
"""Whole sessions of the real git, whose steps are real programs with simulated guests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from orchestrator.errors import CommandFailed
from tests.unit.bisect.conftest import Git
from tests.unit.bisect.simulated_step import BROKEN, FAULT, FILE, SILENT

HARMLESS = "a remark"


@pytest.fixture
def step(checkout: Path, scenario: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The command that git runs at each revision."""
    program = "import sys; sys.path.insert(0, sys.argv.pop(1)); import runpy;"
    program += "runpy.run_module('tests.unit.bisect.simulated_step', run_name='__main__')"
    return [sys.executable, "-P", "-c", program, str(checkout), str(scenario)]


def commits(git: Git, tree: Path, texts: list[str]) -> list[str]:
    """A commit for each text, which its file then holds."""
    made = []
    for number, text in enumerate(texts):
        (tree / FILE).write_text(f"{number}: {text}\n")
        git("add", FILE)
        git("commit", "-qm", f"mm: {number}, {text}")
        made.append(git("rev-parse", "HEAD").strip())
    return made


def test_the_first_bad_commit_is_found_past_one_that_does_not_build(
    git: Git, tree: Path, step: list[str]
) -> None:
    texts = [HARMLESS] * 5 + [BROKEN, HARMLESS, HARMLESS, FAULT, FAULT, FAULT, FAULT]
    made = commits(git, tree, texts)
    git("bisect", "start", made[-1], made[0])
    assert f"{made[8]} is the first bad commit" in git("bisect", "run", *step)
    log = git("bisect", "log")
    assert f"git bisect skip {made[5]}" in log
    assert f"git bisect good {made[7]}" in log
    assert git("status", "--porcelain") == ""


def test_commits_that_cannot_be_told_apart_are_all_named(git: Git, tree: Path, step: list[str]) -> None:
    made = commits(git, tree, [HARMLESS, SILENT, FAULT])
    git("bisect", "start", made[-1], made[0])
    with pytest.raises(CommandFailed) as caught:
        git("bisect", "run", *step)
    assert "only 'skip'ped commits left" in caught.value.output_tail
    assert made[1] in caught.value.output_tail


def test_bad_input_ends_the_bisection_and_no_commit_is_named(git: Git, tree: Path, step: list[str]) -> None:
    made = commits(git, tree, [HARMLESS, HARMLESS, HARMLESS, FAULT])
    for mistake in (["--variant", "nobody"], ["--no-such-option"], ["--shows", "2"]):
        git("bisect", "start", made[-1], made[0])
        with pytest.raises(CommandFailed) as caught:
            git("bisect", "run", *step, *mistake)
        assert "first bad commit" not in caught.value.output_tail
        assert "exit code 128" in caught.value.output_tail
        git("bisect", "reset")
