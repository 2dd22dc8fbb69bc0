# SPDX-License-Identifier: Apache-2.0
"""Commands about scenario files and formats, and the project's own tests."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from orchestrator.commands.shared import SetOption, app, load, people, print_error
from orchestrator.errors import ExitCode, InputError
from orchestrator.report.console.streams import write_json


class SchemaName(StrEnum):
    """Formats that have a JSON Schema."""

    SCENARIO = "scenario"
    MANIFEST = "manifest"
    JOURNAL = "journal"
    VERDICT = "verdict"
    COMPARISON = "comparison"
    SEARCH = "search"


@app.command()
def validate(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="scenario files")],
    override: SetOption = None,
) -> None:
    """Check scenario files; every error with file, line, column and the nearest valid thing."""
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
def schema(name: Annotated[SchemaName, typer.Argument(help="which format")] = SchemaName.SCENARIO) -> None:
    """Print a JSON Schema: of scenario files, or of the files in a run directory."""
    from orchestrator.commands.schemas import json_schema

    write_json(json_schema(name.value))


@app.command("test")
def self_test(
    selection: Annotated[
        str, typer.Argument(help="unit, browser, build, guest, all; or kernels, mutation")
    ] = "all",
    extra: Annotated[
        list[str] | None,
        typer.Argument(metavar="[-- PYTEST ARGUMENTS]", help="passed to pytest, or to the mutation tests"),
    ] = None,
    coverage: Annotated[
        bool, typer.Option("--coverage", help="show what share of every room the tests ran; slower")
    ] = False,
) -> None:
    """Run the project's own tests (linters, units, browser, builds, real guests); needs a checkout.

    `mutation` is not among `all`: it changes operators and constants in what decides verdicts and figures,
    a seeded sample of them, and shows every change that no unit test notices. Nor is `kernels`, which builds
    and boots for hours what CI does not build.
    """
    from orchestrator.commands.testing import run_tests

    raise typer.Exit(run_tests(selection, extra or (), coverage=coverage))
