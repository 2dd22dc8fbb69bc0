# SPDX-License-Identifier: Apache-2.0
"""Commands about scenario files and formats, and the project's own tests."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from orchestrator.commands import completions
from orchestrator.commands.shared import SetOption, app, load, people, print_error
from orchestrator.errors import ExitCode, InputError
from orchestrator.report.console.streams import StdoutConsole, write_data, write_json
from orchestrator.text.nearest import nearest
from orchestrator.text.plain import named


class SchemaName(StrEnum):
    """Formats that have a JSON Schema."""

    SCENARIO = "scenario"
    MANIFEST = "manifest"
    JOURNAL = "journal"
    VERDICT = "verdict"
    COMPARISON = "comparison"
    SEARCH = "search"


@app.command("scenarios")
def shipped(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            autocompletion=completions.shipped_scenarios,
            help="show this one: what it does, needs and expects",
        ),
    ] = None,
    file: Annotated[
        bool, typer.Option("--file", help="with NAME: print the file itself, to be copied and changed")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print them as JSON on stdout")] = False,
) -> None:
    """List the shipped scenarios: what each shows, how long it takes and what it needs; or show one.

    Example: oomlab scenarios binder-order3

    Example: oomlab scenarios binder-order3 --file > mine.yaml
    """
    from orchestrator.report.console import scenarios as console
    from orchestrator.scenario.loading.files import read_scenario_text
    from orchestrator.scenario.loading.loader import load_scenario
    from orchestrator.scenario.loading.shipped import shipped_index

    found = [each for each in shipped_index() if name in (None, each.name)]
    if not found:
        raise _unknown(name or "")
    if file:
        if name is None or as_json:
            raise InputError("--file prints one scenario's file as it is: give its name, and no --json")
        write_data(read_scenario_text(found[0].path))
        return
    loaded = [(each, load_scenario(each.path).scenario) for each in found]
    if as_json:
        dumped = [console.as_json(*pair) for pair in loaded]
        write_json(dumped if name is None else dumped[0])
    elif name is None:
        console.print_shipped(loaded, StdoutConsole(highlight=False))
    else:
        console.print_scenario(*loaded[0], StdoutConsole(highlight=False))


def _unknown(name: str) -> InputError:
    from orchestrator.scenario.loading.files import shipped_scenarios

    near = nearest(name, shipped_scenarios())
    return InputError(
        f"no scenario of this name is shipped: '{named(name)}'",
        hint=f"did you mean '{near}'?" if near else "`oomlab scenarios` lists them",
    )


@app.command()
def validate(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="scenario files", autocompletion=completions.scenarios),
    ],
    override: SetOption = None,
) -> None:
    """Check scenario files; every error with file, line, column and the nearest valid thing.

    Example: oomlab validate my-scenario.yaml
    """
    failures = 0
    for file in files:
        try:
            load(file, override, None)
        except InputError as error:
            failures += 1
            print_error(error)
        else:
            people.print(Text(f"{file}: valid"))
    if failures:
        raise typer.Exit(ExitCode.BAD_INPUT)


@app.command()
def schema(
    name: Annotated[
        SchemaName,
        typer.Argument(metavar="NAME", help="scenario, manifest, journal, verdict, comparison or search"),
    ] = SchemaName.SCENARIO,
) -> None:
    """Print a JSON Schema: of scenario files, or of the files in a run directory.

    Example: oomlab schema scenario > scenario.schema.json
    """
    from orchestrator.commands.schemas import json_schema

    write_json(json_schema(name.value))


@app.command("test")
def self_test(
    selection: Annotated[
        str,
        typer.Argument(
            metavar="SELECTION",
            autocompletion=completions.selections,
            help="unit, browser, build, guest, all; or kernels, mutation",
        ),
    ] = "all",
    extra: Annotated[
        list[str] | None,
        typer.Argument(metavar="-- PYTEST ARGUMENTS", help="passed to pytest, or to the mutation tests"),
    ] = None,
    coverage: Annotated[
        bool, typer.Option("--coverage", help="show what share of every room the tests ran; slower")
    ] = False,
) -> None:
    """Run the project's own tests (linters, units, browser, builds, real guests); needs a checkout.

    `mutation` is not among `all`: it changes operators and constants in what decides verdicts and figures,
    a seeded sample of them, and shows every change that no unit test notices. Nor is `kernels`, which builds
    and boots for hours what CI does not build.

    Example: oomlab test unit
    """
    from orchestrator.commands.testing import run_tests

    raise typer.Exit(run_tests(selection, extra or (), coverage=coverage))
