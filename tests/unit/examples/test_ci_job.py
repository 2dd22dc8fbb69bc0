# SPDX-License-Identifier: Apache-2.0
"""The job for CI services, with a stand-in for runs: what it hands on, what it leaves, how it ends."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from junitparser import JUnitXml

from orchestrator.deadline import Deadline
from orchestrator.errors import ExitCode
from orchestrator.host.process import Completed, run
from orchestrator.outcome import Outcome
from tests.unit.report.factory import Made, run_directory

STAND_IN = """#!{python}
import argparse, os, shutil, subprocess, sys
parser = argparse.ArgumentParser(allow_abbrev=False)
commands = parser.add_subparsers(dest="command", required=True)
one = commands.add_parser("run")
one.add_argument("scenario")
one.add_argument("--set", action="append")
one.add_argument("--out", required=True)
one.add_argument("--lock")
one.add_argument("--report", action="append")
step = commands.add_parser("bisect-step")
step.add_argument("scenario")
step.add_argument("--tree", required=True)
step.add_argument("--out")
step.add_argument("--blocks")
commands.add_parser("doctor")
given = parser.parse_args()
with open("asked.txt", "a") as asked:
    print(*sys.argv[1:], "CI=" + os.environ["CI"], file=asked)
if given.command == "run" and os.path.isdir("made"):
    shutil.copytree("made", given.out)
    for name, _, file in (report.partition("=") for report in given.report):
        words = ["report", given.out, "--format", name, "--output", file]
        subprocess.run([sys.executable, "-P", "-m", "orchestrator", *words])
sys.exit(3 if given.command == "doctor" else int(os.environ["STATUS"]))
"""


@pytest.fixture(autouse=True)
def _place(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "examples").mkdir()
    shutil.copytree(checkout / "examples" / "ci", tmp_path / "examples" / "ci")
    (tmp_path / "oomlab").write_text(STAND_IN.format(python=sys.executable))
    (tmp_path / "oomlab").chmod(0o755)
    monkeypatch.chdir(tmp_path)


def job(checkout: Path, *words: str, status: int = 0, **environment: str) -> Completed:
    settings = {"PYTHONPATH": os.fspath(checkout), "STATUS": str(status), **environment}
    return run(
        ["examples/ci/job", *words], env=settings, deadline=Deadline.after(120, "the job"), check=False
    )


def reports(results: str) -> str:
    """How a run is asked for its reports."""
    names = {"junit": "junit.xml", "markdown": "summary.md", "html": "report.html"}
    return " ".join(f"--report {name}={results}/{file}" for name, file in names.items())


def asked() -> Sequence[str]:
    return Path("asked.txt").read_text().splitlines()


def test_a_verdict_that_is_not_met_fails_with_all_reports_left(checkout: Path, tmp_path: Path) -> None:
    run_directory(tmp_path / "made", Made(blocks=1, benchmarks=False, spoil=Outcome.PANIC))
    done = job(checkout, "a.yaml", "--set", "trials.blocks=1", status=1)
    assert done.returncode == ExitCode.NOT_MET, done.stderr.decode()
    assert asked() == [f"run a.yaml --set trials.blocks=1 --out results/run {reports('results')} CI=true"]
    assert JUnitXml.fromfile("results/junit.xml").failures
    assert "expectations NOT met" in Path("results/summary.md").read_text()
    assert "<html" in Path("results/report.html").read_text()


def test_places_are_chosen_by_the_environment(checkout: Path, tmp_path: Path) -> None:
    run_directory(tmp_path / "made", Made(blocks=1, benchmarks=False))
    assert job(checkout, "a.yaml", RESULTS="here/it is", LOCK="a.lock", CI="1").returncode == ExitCode.MET
    assert asked()[0] == f"run a.yaml --lock a.lock --out here/it is/run {reports('here/it is')} CI=1"
    assert {path.name for path in Path("here/it is").iterdir()} == {
        "run", "junit.xml", "summary.md", "report.html"
    }  # fmt: skip


@pytest.mark.parametrize(("status", "more"), [(2, ()), (3, ("doctor CI=true",)), (130, ())])
def test_what_never_ran_leaves_no_reports_and_says_why(
    checkout: Path, status: int, more: Sequence[str]
) -> None:
    assert job(checkout, "a.yaml", status=status).returncode == status
    assert asked() == [f"run a.yaml --out results/run {reports('results')} CI=true", *more]
    assert list(Path("results").iterdir()) == []


@pytest.mark.parametrize("status", [0, 1, 125, 128, 129, 130])
def test_a_step_of_a_bisection_answers_as_git_asks(checkout: Path, status: int) -> None:
    done = job(checkout, "--bisect", "linux", "a.yaml", "--blocks", "3", status=status)
    assert done.returncode == status
    assert asked() == ["bisect-step a.yaml --tree linux --blocks 3 CI=true"]
    assert not Path("results").exists(), "git would see it in the tree"
    job(checkout, "--bisect", "linux", "a.yaml", RESULTS="there")
    assert asked()[1] == "bisect-step a.yaml --tree linux --out there CI=true"


@pytest.mark.parametrize("words", [("--bisect",), ("--bisect", "linux")])
def test_a_slip_of_the_pen_is_no_answer_about_a_kernel(checkout: Path, words: Sequence[str]) -> None:
    assert job(checkout, *words).returncode == 128
    assert not Path("asked.txt").exists()
