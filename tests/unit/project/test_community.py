# SPDX-License-Identifier: Apache-2.0
"""What meets those who report or change something: forms that are whole, commands and places that exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from orchestrator.cli import app

_FORMS = ("bug-report.yml", "kernel-crash.yml", "new-scenario.yml")
_QUESTIONS = {"textarea", "input", "dropdown", "checkboxes"}
_HOST = re.compile(r"https?://|\b[\w.-]+@[\w-]+\.\w+")


def form(checkout: Path, name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe").load(
        (checkout / ".github" / "ISSUE_TEMPLATE" / name).read_text()
    )
    return loaded


@pytest.mark.parametrize("name", _FORMS)
def test_a_form_has_what_the_host_of_the_repository_wants_of_one(checkout: Path, name: str) -> None:
    loaded = form(checkout, name)
    assert set(loaded) == {"name", "description", "labels", "body"}
    questions = [part for part in loaded["body"] if part["type"] != "markdown"]
    assert {part["type"] for part in questions} <= _QUESTIONS
    assert all(part["attributes"]["label"] for part in questions)
    identifiers = [part["id"] for part in questions]
    assert len(set(identifiers)) == len(identifiers)


def test_no_form_is_without_this_test(checkout: Path) -> None:
    here = {path.name for path in (checkout / ".github" / "ISSUE_TEMPLATE").iterdir()}
    assert here == {*_FORMS, "config.yml"}


def test_a_bug_report_asks_for_the_doctor_and_the_run(checkout: Path) -> None:
    asked = {part["id"]: part for part in form(checkout, "bug-report.yml")["body"] if "id" in part}
    assert "`oomlab doctor --json`" in asked["doctor"]["attributes"]["description"]
    assert asked["doctor"]["validations"]["required"]
    assert "run" in asked


def _pages(checkout: Path) -> list[Path]:
    return [checkout / "SECURITY.md", *sorted((checkout / ".github").rglob("*.*"))]


def test_every_command_in_them_is_understood(checkout: Path) -> None:
    commands = [
        command for page in _pages(checkout) for command in re.findall(r"`oomlab ([^`]+)`", page.read_text())
    ]
    assert commands
    for command in commands:
        result = CliRunner().invoke(app, [*command.split(), "--help"])
        assert result.exit_code == 0, f"oomlab {command}: {result.output}"


def test_they_name_no_host_and_no_address(checkout: Path) -> None:
    owners = checkout / ".github" / "CODEOWNERS"
    assert [str(page) for page in [*_pages(checkout), owners] if _HOST.search(page.read_text())] == []


def test_every_place_that_may_get_an_owner_exists(checkout: Path) -> None:
    lines = (checkout / ".github" / "CODEOWNERS").read_text().splitlines()
    places = [match[1] for line in lines if (match := re.match(r"#?/(\S+)", line))]
    assert places
    assert [place for place in places if not (checkout / place).exists()] == []
