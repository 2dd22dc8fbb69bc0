# SPDX-License-Identifier: Apache-2.0
"""The workflow for hosted runners: it runs the jobs that the tests run, and the document shows it as it is.

What can be seen without GitHub: `zizmor` parses it (tests/linters.py); the rest is here.
"""

from __future__ import annotations

import re
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from orchestrator.deadline import Deadline
from orchestrator.host.process import run

_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}")
_NAME = re.compile(r"(?<![\w'./-])([a-zA-Z][\w-]*(?:\.[\w-]+)*)(\()?")
_FUNCTIONS = {"always", "hashFiles"}
_OF_GITHUB = {"github.run_id"}
_SHELL = {"CI", "PWD", "RESULTS"}
_INPUTS = {
    "actions/checkout": {"fetch-depth", "path", "persist-credentials", "repository"},
    "actions/cache": {"key", "path", "restore-keys"},
    "actions/upload-artifact": {"name", "path"},
}
"""Those of the actions' own inputs that are used, looked up in their action.yml."""


@pytest.fixture(name="file")
def _file(checkout: Path) -> Path:
    return checkout / ".github" / "workflows" / "scenarios.yml"


@pytest.fixture(name="workflow")
def _workflow(file: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe").load(file.read_text())
    return loaded


def steps(workflow: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Every step with its job."""
    for job in workflow["jobs"].values():
        for step in job["steps"]:
            yield job, step


def test_the_scenarios_are_run_by_the_job_that_is_tested(workflow: dict[str, Any], checkout: Path) -> None:
    job = workflow["jobs"]["scenario"]
    assert [step["run"] for step in job["steps"] if "run" in step] == [
        "examples/ci/prepare",
        'examples/ci/job "$SCENARIO"',
    ]
    names = job["strategy"]["matrix"]["scenario"]
    files = [checkout / job["env"]["SCENARIO"].replace("${{ matrix.scenario }}", name) for name in names]
    assert len(files) > 1
    assert all(file.is_file() for file in files)
    default = workflow["on"]["workflow_dispatch"]["inputs"]["scenario"]["default"]
    assert (checkout / default).is_file()


def test_caches_hang_on_the_locks_and_reports_are_kept_when_a_job_fails(workflow: dict[str, Any]) -> None:
    for job in workflow["jobs"].values():
        uses = {step["uses"].partition("@")[0]: step for step in job["steps"] if "uses" in step}
        assert "hashFiles('requirements.lock'" in uses["actions/cache"]["with"]["key"]
        assert uses["actions/upload-artifact"]["if"] == "always()"
        kept = uses["actions/cache"]["with"]["path"]
        assert all(workflow["env"][name].startswith(kept) for name in ("OOMLAB_CACHE", "OOMLAB_VENV"))
        assert job["timeout-minutes"] <= 360, "a hosted runner's most"


def test_actions_are_pinned_and_are_given_what_they_know(workflow: dict[str, Any]) -> None:
    for _, step in steps(workflow):
        if "uses" in step:
            action, _, revision = step["uses"].partition("@")
            assert re.fullmatch(r"[0-9a-f]{40}", revision), step
            assert set(step["with"]) <= _INPUTS[action]


def test_no_step_pastes_what_others_wrote_into_a_shell(workflow: dict[str, Any]) -> None:
    for job, step in steps(workflow):
        script = step.get("run", "")
        assert "${{" not in script
        known = {*workflow["env"], *job["env"], *_SHELL}
        assert set(re.findall(r"\$\{?(\w+)", script)) <= known
        if script:
            done = run(
                [Path(sysconfig.get_path("scripts")) / "shellcheck", "--shell=sh", "-"],
                input_bytes=f"set -e\n{script}\n".encode(),
                deadline=Deadline.after(60, "shellcheck"),
                check=False,
            )
            assert done.returncode == 0, done.stdout.decode()


def test_every_name_in_an_expression_is_there(workflow: dict[str, Any], file: Path) -> None:
    """What no schema sees: a misspelled name is empty text to GitHub."""
    known = {f"inputs.{name}" for name in workflow["on"]["workflow_dispatch"]["inputs"]} | _OF_GITHUB
    for job in workflow["jobs"].values():
        known |= {f"matrix.{name}" for name in job.get("strategy", {}).get("matrix", {})}
        known |= {f"env.{name}" for name in job["env"]}
    conditions = [each["if"] for pair in steps(workflow) for each in pair if "if" in each]
    expressions = [*_EXPRESSION.findall(file.read_text()), *conditions]
    assert len(expressions) > 5
    for expression in expressions:
        for name, called in _NAME.findall(re.sub(r"'[^']*'", "''", expression)):
            assert name in (_FUNCTIONS if called else known), expression


def test_the_document_shows_it_as_it_is(checkout: Path, file: Path) -> None:
    shown = (checkout / "docs" / "ci.md").read_text()
    for path in (file, checkout / "examples" / "ci" / "job", checkout / "examples" / "ci" / "prepare"):
        assert f"\n{path.read_text()}```\n" in shown, path
