# SPDX-License-Identifier: Apache-2.0
"""`--help` of every command: grouped, with an example, and with words for values that people use."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.core import TyperArgument, TyperCommand, TyperGroup
from typer.testing import CliRunner

from orchestrator.cli import app
from orchestrator.commands.help_page import GROUPS, PageCommand, PageGroup, value_word
from orchestrator.errors import ExitCode

_ROOT: Any = typer.main.get_command(app)


def all_commands(words: tuple[str, ...] = (), command: Any = _ROOT) -> list[tuple[tuple[str, ...], Any]]:
    """Every command with the words that call it."""
    below = command.commands.items() if isinstance(command, TyperGroup) else ()
    return [(words, command), *(each for name, sub in below for each in all_commands((*words, name), sub))]


COMMANDS = all_commands()
IDS = [" ".join(words) or "oomlab" for words, _ in COMMANDS]


def shown(*words: str, columns: int = 80) -> str:
    done = CliRunner().invoke(app, list(words), prog_name="oomlab", env={"COLUMNS": str(columns)})
    assert done.exit_code == ExitCode.MET, done.stderr
    return done.stdout


def test_every_command_is_in_one_group_and_groups_are_shown_in_their_order() -> None:
    named = [name for names in GROUPS.values() for name in names]
    assert sorted(named) == sorted(_ROOT.commands)
    page = shown("--help")
    places = [page.index(f"\n{group}: ") for group in GROUPS]
    assert places == sorted(places)
    assert [line.split()[0] for line in page.splitlines() if re.match(r"  [a-z]", line)][2:] == named
    assert "\nCommands:" not in page


@pytest.mark.parametrize(("words", "command"), COMMANDS, ids=IDS)
def test_every_help_is_a_page_that_teaches_with_an_example(words: tuple[str, ...], command: Any) -> None:
    assert isinstance(command, PageCommand | PageGroup)
    page = shown(*words, "--help")
    assert page == shown("help", *words)
    if not isinstance(command, TyperGroup) or not words:
        assert re.search(r"^Examples?:\n  \S", page, re.M)


@pytest.mark.parametrize(("words", "command"), COMMANDS, ids=IDS)
def test_values_are_called_what_people_call_them(words: tuple[str, ...], command: Any) -> None:
    page = shown(*words, "--help")
    assert "<" not in page
    assert not re.search(
        r"\b(int|bool|path|str|float|TEXT|INTEGER|BOOLEAN|range)\b[ \]|]", page.split("ptions:")[-1]
    )
    assert "[[" not in page
    for each in command.params:
        if getattr(each, "is_flag", False):
            assert value_word(each) == ""
        else:
            assert each.metavar, f"{each.name} has no word for its value"
            assert isinstance(each, TyperArgument) or not each.metavar.startswith("[")


@pytest.mark.parametrize("columns", [40, 80, 200])
@pytest.mark.parametrize(("words", "command"), COMMANDS, ids=IDS)
def test_a_page_fits_its_terminal(words: tuple[str, ...], command: Any, columns: int) -> None:
    def told(line: str) -> bool:  # commands to be copied are not broken, nor are names
        return not line.startswith("  ") or bool(re.match(r"\s{5,}", line))

    too_long = [line for line in shown(*words, "--help", columns=columns).splitlines() if len(line) > columns]
    assert [line for line in too_long if told(line) and columns >= 80] == []
    assert max(map(len, shown(*words, "--help", columns=200).splitlines())) <= 110


@pytest.mark.parametrize(("words", "command"), COMMANDS, ids=IDS)
def test_examples_name_options_that_there_are(words: tuple[str, ...], command: Any) -> None:
    page = shown(*words, "--help")
    examples = re.findall(r"^  ((?:[\w ]+\| )?oomlab .*)$", page, re.M)
    for example in examples:
        _, *called = shlex.split(example[example.index("oomlab ") :].split(" > ")[0])
        subject: Any = _ROOT
        while called and isinstance(subject, TyperGroup):
            subject = subject.commands[called.pop(0)]
        known = {name for each in subject.params for name in each.opts}
        assert {word for word in called if word.startswith("--")} <= known, example


def test_help_of_what_there_is_not_names_what_is_near() -> None:
    for words, said in (
        (["reprot"], "'report'"),
        (["images", "shwo"], "'show'"),
        (["run", "x"], "oomlab run"),
    ):
        done = CliRunner().invoke(app, ["help", *words], prog_name="oomlab")
        assert done.exit_code == ExitCode.BAD_INPUT
        assert said in done.stderr


def test_an_option_that_has_to_be_given_says_so() -> None:
    assert re.search(r"--vary FIELD=A..B.*\(required\)", " ".join(shown("search", "--help").split()))


def test_no_command_has_lost_its_own_class() -> None:
    """A command that was registered on another application would have typer's own page."""
    assert all(not type(command).__module__.startswith("typer") for _, command in COMMANDS)
    assert all(isinstance(command, TyperCommand | TyperGroup) for _, command in COMMANDS)


def test_shipped_scenarios_are_listed_by_group_with_what_they_need() -> None:
    listed = shown("scenarios", columns=200)
    for name in (path.stem for path in (Path(__file__).parents[3] / "scenarios").glob("*.yaml")):
        assert re.search(rf"^  {re.escape(name)} +\S", listed, re.M), name
    assert "\nOthers\n" not in listed, "it is not in scenarios/shipped.toml"
    assert re.search(r"cuttlefish-binder[^\n]*\n[^\n]*a Cuttlefish host", listed)
    assert re.search(r"costly-order[^\n]*\n[^\n]*3 kernels built whole", listed)
    assert re.search(r"binder-order3-x86_64[^\n]*\n[^\n]*debian-6\.1 x86_64", listed)


def test_the_readme_has_every_command_in_its_group(checkout: Path) -> None:
    table = (checkout / "README.md").read_text().partition("## Commands")[2].partition("## ")[0]
    parts = re.split(r"^\| \*\*(.+)\*\* \| \|$", table, flags=re.MULTILINE)[1:]
    named = [
        (title, re.findall(r"^\| `oomlab ([\w-]+)", rows, re.M))
        for title, rows in zip(parts[::2], parts[1::2], strict=True)
    ]
    assert [(title, sorted(set(names))) for title, names in named] == [
        (group, sorted(names)) for group, names in GROUPS.items()
    ]
