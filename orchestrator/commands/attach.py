# SPDX-License-Identifier: Apache-2.0
"""`oomlab attach`: follows a run on another machine, and brings it here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.commands import completions
from orchestrator.commands.elsewhere import bring_back
from orchestrator.commands.report_files import ReportFiles, ReportOption, read_reports
from orchestrator.commands.shared import EPILOG, JsonOption, app, people


@app.command(epilog=EPILOG)
def attach(
    host: Annotated[
        str,
        typer.Option(
            metavar="HOST",
            autocompletion=completions.hosts,
            help="the other machine, as `--host` of `run` has it",
        ),
    ],
    run: Annotated[
        str | None,
        typer.Argument(metavar="RUN", help="its name", show_default="the only one that is there"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="run directory, new or empty", show_default="runs/RUN")
    ] = None,
    end: Annotated[bool, typer.Option("--end", help="end it there first, cleanly")] = False,
    report: ReportOption = None,
    as_json: JsonOption = False,
) -> None:
    """Follow a run or a search on another machine, and bring it here once it is over.

    Example: oomlab attach --host me@machine binder-order3-20260107-101500-1f3a5c
    """
    from orchestrator.record.directory import require_unused
    from orchestrator.remote.connection import Machine
    from orchestrator.remote.host import parse_host
    from orchestrator.remote.session import find
    from orchestrator.report.console.live import live_observer

    require_unused(out)
    reports = read_reports(report, as_json=as_json, run=out)
    with (
        reports.even_if_cut_short(),
        live_observer(people) as observer,
        Machine(parse_host(host)) as machine,
    ):
        session = find(machine, run, observer.progress)
        if end:
            session.end()
        returned = bring_back(session, out, observer, reports.begun)
    show(returned.facts.kind, returned.directory.path, reports, as_json=as_json)


def show(kind: str, directory: Path, reports: ReportFiles, *, as_json: bool) -> None:
    """What came back, as the command that made it would have shown it; ends the command."""
    from orchestrator.commands.runs import conclude
    from orchestrator.commands.search import conclude_search
    from orchestrator.verdict.judged_run import load_judged_run

    if kind == "search":
        conclude_search(directory, reports, as_json=as_json)
    conclude(load_judged_run(directory), reports, as_json=as_json)
