# SPDX-License-Identifier: Apache-2.0
"""The command `oomlab search`; what it needs is imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from orchestrator.commands import completions
from orchestrator.commands.elsewhere import DetachOption, HostOption, carry_out, command_line, require_host
from orchestrator.commands.report_files import ReportFiles, ReportOption, read_reports, refuse_to_leave
from orchestrator.commands.shared import ForceOption, JobsOption, MemoryLimitOption, share_of

if TYPE_CHECKING:
    from orchestrator.search.result import SearchResult
    from orchestrator.search.search import SearchOptions

EPILOG = (
    "Exit codes: 0 every tipping point is known as closely as asked, 2 bad input, 3 could not run, "
    "4 not known that closely, 130 interrupted."
)


def search(
    scenario: Annotated[
        Path,
        typer.Argument(
            metavar="SCENARIO",
            autocompletion=completions.scenarios,
            help="a scenario file, or the name of a shipped one",
        ),
    ],
    vary: Annotated[
        str,
        typer.Option(metavar="FIELD=A..B", help="what to vary: any number or size of the scenario"),
    ],
    override: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="FIELD=VALUE",
            autocompletion=completions.fields,
            help="override a field, e.g. --set trials.forks=2",
        ),
    ] = None,
    patch: Annotated[
        list[Path] | None,
        typer.Option(
            "--patch",
            metavar="FILE",
            help="try your own change: the variants become `base` and `patched` (repeatable)",
        ),
    ] = None,
    blocks: Annotated[int, typer.Option(metavar="NUMBER", min=1, help="blocks at every value")] = 3,
    points: Annotated[
        int, typer.Option(metavar="NUMBER", min=2, help="values to try at most, 2 or more")
    ] = 16,
    step: Annotated[
        int | None,
        typer.Option(
            metavar="NUMBER",
            min=1,
            help="search intervals down to so many units",
            show_default="a hundredth of the range",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="directory, new or empty", show_default="runs/search-SCENARIO-TIME"),
    ] = None,
    jobs: JobsOption = None,
    memory_limit: MemoryLimitOption = None,
    artefacts_from: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN", help="exactly the kernels and modules of an earlier run, made again where need be"
        ),
    ] = None,
    force: ForceOption = False,
    host: HostOption = None,
    detach: DetachOption = False,
    report: ReportOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="print search.json on stdout")] = False,
) -> None:
    """Find where OOM begins, variant by variant, and the margin that a patch buys.

    Example: oomlab search binder-order3 --vary trigger.count=20..600
    """
    from orchestrator.report.console.live import live_observer
    from orchestrator.report.console.streams import StderrConsole
    from orchestrator.report.formats.registry import SEARCH_FORMATS
    from orchestrator.search.observer import SearchObserver
    from orchestrator.search.search import Search, SearchOptions
    from orchestrator.search.varied import parse_varied

    require_host(host, detach=detach)
    reports = read_reports(report, SEARCH_FORMATS, as_json=as_json, run=out)
    refuse_to_leave(report, detach=detach)
    options = SearchOptions(
        command=command_line(),
        out=out,
        overrides=override or (),
        patches=patch or (),
        share=share_of(jobs, memory_limit),
        blocks=blocks,
        points=points,
        step=step,
        force=force,
        artefacts_from=artefacts_from,
    )
    people = StderrConsole(stderr=True, highlight=False)
    work = Search(scenario, parse_varied(vary), options)
    with live_observer(people) as observer:
        if host is None:
            path, _ = work.run(SearchObserver(observer, quiet=not people.is_terminal))
        else:
            from orchestrator.remote.elsewhere import order_search

            words = _words(vary, work.options)
            path = carry_out(
                lambda: order_search(work.prepare(observer), options.share, words),
                host,
                out,
                observer,
                detach=detach,
            ).directory.path
    conclude_search(path, reports, as_json=as_json)


def _words(vary: str, options: SearchOptions) -> list[str]:
    step = [] if options.step is None else ["--step", str(options.step)]
    return ["--vary", vary, "--blocks", str(options.blocks), "--points", str(options.points), *step]


def conclude_search(path: Path, reports: ReportFiles, *, as_json: bool) -> NoReturn:
    """Show a search that has just ended, and write its reports; ends the command."""
    from orchestrator.files.atomic import json_text
    from orchestrator.report.console.search import print_search
    from orchestrator.report.console.streams import StderrConsole, write_data

    result = _result(path)
    people = StderrConsole(stderr=True, highlight=False)
    print_search(result, people)
    people.print(f"Everything is in {path}", soft_wrap=True, markup=False)
    if as_json:
        write_data(json_text(result))
    status = reports.write(lambda name: _rendered(result, name), path, status=result.exit_code)
    reports.say([f"{name}: {variant.text}" for name, variant in result.variants.items()])
    raise typer.Exit(status)


def show_search(directory: Path, name: str, output: Path | None) -> NoReturn:
    """The result that lies in a search's directory, in a format; ends the command with its exit code."""
    from orchestrator.record.directory import RunDirectory
    from orchestrator.report.console.output import STDOUT, put
    from orchestrator.report.console.search import print_search
    from orchestrator.report.console.streams import StdoutConsole

    result = _result(directory)
    if name == "terminal" and output in (None, STDOUT):
        print_search(result, StdoutConsole(highlight=False))
    else:
        put(_rendered(result, name), output, runs=(RunDirectory(directory),))
    raise typer.Exit(result.exit_code)


def _result(directory: Path) -> SearchResult:
    from orchestrator.record.directory import RunDirectory
    from orchestrator.search.result import SEARCH_FILE, SearchResult

    return RunDirectory(directory).load(directory / SEARCH_FILE, SearchResult)


def _rendered(result: SearchResult, name: str) -> str:
    from orchestrator.files.atomic import json_text
    from orchestrator.report.console.search import print_search
    from orchestrator.report.formats.registry import SEARCH_FORMATS, known_format, printed

    if known_format(name, SEARCH_FORMATS) == "json":
        return json_text(result)
    return printed(lambda console: print_search(result, console))


def is_search(directory: Path) -> bool:
    """True for the directory of a search, as opposed to a run's."""
    from orchestrator.files.folder import Folder
    from orchestrator.search.result import SEARCH_FILE

    return Folder(directory).has(SEARCH_FILE)
