# SPDX-License-Identifier: Apache-2.0
"""The command `oomlab compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.commands import completions
from orchestrator.commands.reports import OutputOption, one_format
from orchestrator.commands.shared import app
from orchestrator.report.console.streams import StdoutConsole


@app.command(epilog="Exit codes: 0 compared, whatever came of it; 2 cannot be compared, 130 interrupted.")
def compare(
    first: Annotated[Path, typer.Argument(metavar="RUN", help="run directory: the baseline, called A")],
    second: Annotated[Path, typer.Argument(metavar="RUN", help="run directory: held against it, called B")],
    variant: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[=NAME]",
            help="a variant of both, or one of A against another of B (repeatable)",
            show_default="all of both",
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            "--format",
            "-f",
            metavar="FORMAT",
            autocompletion=completions.comparison_formats,
            help="terminal, mail, json or markdown",
            show_default="terminal",
        ),
    ] = None,
    output: OutputOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="the same as --format json")] = False,
) -> None:
    """Compare two separate runs: what differs between them, and what that cannot show.

    Variants of one run are compared by `oomlab report`, block by block. Two runs share no blocks.

    Example: oomlab compare runs/monday runs/tuesday --variant kvcalloc
    """
    from orchestrator.report.console.output import STDOUT, put
    from orchestrator.report.formats.runs_compared import COMPARISON_FORMATS, print_runs, render_runs
    from orchestrator.runs_compared.compare import compare_runs
    from orchestrator.verdict.judged_run import load_judged_run

    chosen = one_format(name, COMPARISON_FORMATS, as_json=as_json)
    reports = load_judged_run(first), load_judged_run(second)
    compared = compare_runs(*reports, variant or ())
    if chosen == "terminal" and output in (None, STDOUT):
        print_runs(compared, StdoutConsole(highlight=False))
    else:
        put(render_runs(compared, chosen), output, runs=tuple(each.directory for each in reports))
