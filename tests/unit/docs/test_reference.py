# SPDX-License-Identifier: Apache-2.0
"""The pages say what the code does: every field, command and option, and examples that work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer.main
from rich.text import Text
from typer.testing import CliRunner

from orchestrator.cli import app
from orchestrator.errors import ExitCode
from orchestrator.outcome import Outcome
from orchestrator.scenario.reference import replaced
from tests.unit.docs import reference
from tests.unit.docs.meanings import MEANINGS


@pytest.mark.parametrize("name", reference.PAGES)
def test_the_part_that_is_made_is_current(checkout: Path, name: str) -> None:
    page = (checkout / "docs" / name).read_text()
    renewed = replaced(page, reference.BEGIN, reference.END, reference.PAGES[name]())
    assert renewed == page, "renew it: python -m tests.unit.docs.reference"


@pytest.mark.parametrize("name", ["outcomes.md", "scenarios.md"])
def test_every_outcome_has_its_line(checkout: Path, name: str) -> None:
    told = set(re.findall(r"^\| `([a-z-]+)` \|", (checkout / "docs" / name).read_text(), re.MULTILINE))
    assert {outcome.value for outcome in Outcome} <= told


def test_every_record_has_its_place_on_the_page() -> None:
    records = {name for name, model in reference.models().items() if "properties" in model}
    assert records == set(reference.SECTIONS)


def test_every_field_has_a_meaning() -> None:
    nameless = [
        f"{name}.{field}"
        for name, model in reference.models().items()
        for field, node in model.get("properties", {}).items()
        if not reference.meaning(name, field, node)
    ]
    assert nameless == []


def test_no_meaning_is_left_over() -> None:
    undescribed = {
        (name, field)
        for name, model in reference.models().items()
        for field, node in model.get("properties", {}).items()
        if "description" not in node
    }
    used = {f"{name}.{field}" for name, field in undescribed}
    used |= {field for name, field in undescribed if f"{name}.{field}" not in MEANINGS}
    assert set(MEANINGS) - used == set()


def test_every_command_has_an_example(checkout: Path) -> None:
    page = (checkout / "docs" / "command-line.md").read_text()
    examples = page.partition(reference.BEGIN)[0]
    for path, command in reference.commands("oomlab", typer.main.get_command(app)):
        if not hasattr(command, "commands"):
            assert re.search(rf"^\$ {path}( |$)", examples, re.MULTILINE), f"no example of {path}"


def test_every_example_is_understood(checkout: Path) -> None:
    page = (checkout / "docs" / "command-line.md").read_text()
    runner = CliRunner()
    lines = re.findall(r"^\$ oomlab (.+)$", page, re.MULTILINE)
    for line in lines:
        # With --help a command reads all that stands before it and does nothing.
        words = line.partition("  #")[0].partition(" >")[0].partition(" |")[0].split()
        before_pytest = words[: words.index("--")] if "--" in words else words
        result = runner.invoke(app, [*before_pytest, "--help"])
        assert result.exit_code == 0, f"oomlab {line}: {result.output}"


def test_every_outcome_and_exit_code_is_explained(checkout: Path) -> None:
    page = (checkout / "docs" / "outcomes.md").read_text()
    assert [outcome for outcome in Outcome if f"`{outcome}`" not in page] == []
    assert [code for code in ExitCode if f"| {int(code)} |" not in page] == []


def test_no_word_of_help_is_taken_for_markup() -> None:
    for path, command in reference.commands("oomlab", typer.main.get_command(app)):
        texts = [command.help, *(getattr(param, "help", None) for param in command.params)]
        for text in filter(None, texts):
            assert Text.from_markup(text).plain == text, f"{path}: {text}"
