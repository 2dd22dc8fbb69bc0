# SPDX-License-Identifier: Apache-2.0
"""Commands that show what runs came to, in any format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.commands import completions
from orchestrator.commands.search import is_search, show_search
from orchestrator.commands.shared import EPILOG, VerboseOption, app
from orchestrator.errors import InputError
from orchestrator.report.console.streams import StdoutConsole

_FORMATS = "terminal, json, html, mail, gbench, junit, ktap, kcidb, csv or markdown"

OutputOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="write to this file", show_default="stdout"),
]


@app.command(epilog=EPILOG)
def report(
    run_directory: Annotated[Path, typer.Argument(metavar="RUN", help="a run directory, e.g. runs/latest")],
    name: Annotated[
        str | None,
        typer.Option(
            "--format",
            "-f",
            metavar="FORMAT",
            autocompletion=completions.formats,
            help=f"{_FORMATS}",
            show_default="terminal",
        ),
    ] = None,
    output: OutputOption = None,
    variant: Annotated[
        str | None, typer.Option(metavar="NAME", help="gbench: this variant alone", show_default="all")
    ] = None,
    origin: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="kcidb: your CI system, as KCIDB calls it", show_default="oomlab"),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="mail: all of it, for who asks for more")] = False,
    verbose: VerboseOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="the same as --format json")] = False,
) -> None:
    """Show a run's verdict (or a search's result) again, from its directory alone, in any format.

    Example: oomlab report runs/latest --format html -o report.html
    """
    from orchestrator.report.console.output import STDOUT, put
    from orchestrator.report.formats.registry import FORMATS, SEARCH_FORMATS, render
    from orchestrator.verdict.judged_run import load_judged_run

    chosen = one_format(name, FORMATS, as_json=as_json)
    if is_search(run_directory):
        if chosen not in SEARCH_FORMATS or full or (variant, origin) != (None, None):
            raise InputError(f"{run_directory} is a search: its formats are {', '.join(SEARCH_FORMATS)}")
        show_search(run_directory, chosen, output)
    loaded = load_judged_run(run_directory)
    alone = (variant, origin) == (None, None) and not full
    if chosen == "terminal" and output in (None, STDOUT) and alone:
        from orchestrator.report.console.terminal import show

        show(loaded, StdoutConsole(highlight=False), verbose=verbose)
    else:
        text = render(loaded, chosen, variant=variant, full=full, verbose=verbose, origin=origin)
        put(text, output, runs=(loaded.directory,))
    raise typer.Exit(loaded.verdict.exit_code)


def one_format(name: str | None, formats: tuple[str, ...], *, as_json: bool) -> str:
    """The format of a command that has `--json`, too; InputError for two of them, or an unknown one."""
    from orchestrator.report.formats.registry import known_format

    chosen = known_format(name or ("json" if as_json else "terminal"), formats)
    if as_json and chosen != "json":
        raise InputError(f"--json and --format {chosen} contradict each other", hint="give one of them")
    return chosen
