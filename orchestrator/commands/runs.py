# SPDX-License-Identifier: Apache-2.0
"""Commands that make runs and read them again."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.text import Text

from orchestrator.commands import completions
from orchestrator.commands.elsewhere import (
    DetachOption,
    HostOption,
    carry_out,
    command_line,
    require_host,
)
from orchestrator.commands.report_files import ReportFiles, ReportOption, read_reports, refuse_to_leave
from orchestrator.commands.shared import (
    EPILOG,
    BaseTreeOption,
    CommandOption,
    FileOption,
    ForceOption,
    JobsOption,
    JsonOption,
    MemoryLimitOption,
    PatchOption,
    SetOption,
    VariantTreeOption,
    VerboseOption,
    app,
    load,
    people,
    share_of,
)
from orchestrator.commands.step_summary import add_to_step_summary
from orchestrator.errors import InputError
from orchestrator.report.console.streams import StdoutConsole, write_data

if TYPE_CHECKING:
    from orchestrator.host.capacity import Share
    from orchestrator.run.engine import RunOptions
    from orchestrator.scenario.loading.loader import LoadedScenario
    from orchestrator.verdict.judged_run import JudgedRun

ArtefactsFromOption = Annotated[
    Path | None,
    typer.Option(
        "--artefacts-from",
        metavar="RUN",
        help="exactly the kernels and modules of an earlier run, made again where need be",
    ),
]


@app.command(epilog=EPILOG)
def run(
    scenario: Annotated[
        Path | None,
        typer.Argument(
            metavar="SCENARIO",
            autocompletion=completions.scenarios,
            help="a scenario file, or the name of a shipped one",
        ),
    ] = None,
    override: SetOption = None,
    patch: PatchOption = None,
    base_tree: BaseTreeOption = None,
    variant_tree: VariantTreeOption = None,
    file: FileOption = None,
    command: CommandOption = None,
    again: Annotated[
        bool,
        typer.Option("--aa", help="A/A control: run one variant twice under two names, and nothing else"),
    ] = False,
    variant: Annotated[
        str | None, typer.Option(metavar="NAME", help="which variant for --aa", show_default="the first")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="run directory, new or empty", show_default="runs/SCENARIO-TIME"),
    ] = None,
    artefacts_from: ArtefactsFromOption = None,
    lock: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="take the kernels that this file names; written when it is not there"
        ),
    ] = None,
    jobs: JobsOption = None,
    memory_limit: MemoryLimitOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="print every command, one a line, and start nothing")
    ] = False,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN", help="go on with a run that was cut short: only its missing trials are made"
        ),
    ] = None,
    force: ForceOption = False,
    host: HostOption = None,
    detach: DetachOption = False,
    report: ReportOption = None,
    verbose: VerboseOption = False,
    as_json: JsonOption = False,
) -> None:
    """Run a scenario to its verdict, or go on with a run that was cut short.

    Example: oomlab run scenarios/binder-order3.yaml --set trials.blocks=2

    Example: oomlab run binder-order3 --report junit=junit.xml --report html=report.html

    Example: oomlab run binder-order3 --file ./mytest --command '/mytest 100'
    """
    from orchestrator.run.engine import RunOptions
    from orchestrator.scenario.loading.loader import Repeat
    from orchestrator.scenario.loading.patched import expectations_taken
    from orchestrator.scenario.loading.trees import read_trees

    require_host(host, detach=detach)
    if resume is not None:
        given = {"SCENARIO": scenario, "--set": override, "--patch": patch, "--base-tree": base_tree,
                 "--variant-tree": variant_tree, "--file": file, "--command": command, "--aa": again,
                 "--variant": variant, "--out": out, "--artefacts-from": artefacts_from,
                 "--lock": lock, "--dry-run": dry_run, "--force": force, "--host": host}  # fmt: skip
        _refuse_with_resume(name for name, value in given.items() if value)
        reports = read_reports(report, as_json=as_json, run=resume)
        conclude(
            _resumed(resume, share_of(jobs, memory_limit), reports, verbose=verbose),
            reports,
            as_json=as_json,
            verbose=verbose,
        )
    if scenario is None:
        raise InputError(
            "Missing argument 'SCENARIO'", hint="oomlab run SCENARIO, or oomlab run --resume RUN"
        )
    if variant is not None and not again:
        raise InputError("--variant chooses the variant of --aa, which is missing")
    if lock is not None and (dry_run or artefacts_from is not None):
        raise InputError("--lock cannot be given with --dry-run or --artefacts-from")
    reports = read_reports(report, as_json=as_json, run=out)
    refuse_to_leave(report, detach=detach)
    trees = read_trees(base_tree, variant_tree or (), patched=bool(patch))
    loaded = load(
        scenario, override, patch, Repeat(variant) if again else None, trees, files=file, command=command
    )
    for line in expectations_taken(loaded.scenario.expectations, loaded.taken):
        people.print(Text(line), soft_wrap=True)
    if dry_run and host is not None:
        raise InputError("--host cannot be given with --dry-run, which starts nothing anywhere")
    if dry_run:
        _print_dry_run(loaded)
        return
    options = RunOptions(
        command=command_line(),
        out=out,
        overrides=override or (),
        artefacts_from=artefacts_from,
        lock=lock,
        share=share_of(jobs, memory_limit),
        force=force,
        begun=reports.begun,
    )
    with reports.even_if_cut_short():
        judged = run_somewhere(loaded, options, host, detach=detach, verbose=verbose)
    conclude(judged, reports, as_json=as_json, verbose=verbose)


def _resumed(run: Path, share: Share, reports: ReportFiles, *, verbose: bool) -> JudgedRun:
    from orchestrator.report.console.live import live_observer
    from orchestrator.run.engine import resume_run

    reports.begun(run)
    with reports.even_if_cut_short(), live_observer(people, verbose=verbose) as observer:
        return resume_run(run, observer, share)


def run_somewhere(
    loaded: LoadedScenario, options: RunOptions, host: str | None, *, detach: bool, verbose: bool = False
) -> JudgedRun:
    """A run, here or on another machine; in either case its directory is here."""
    from orchestrator.report.console.live import live_observer
    from orchestrator.run.engine import prepare_run, run_scenario

    people.printed_lines = 0
    with live_observer(people, verbose=verbose) as observer:
        if host is None:
            return run_scenario(loaded, observer, options)
        from orchestrator.remote.elsewhere import Order, order_run
        from orchestrator.verdict.judged_run import load_judged_run

        def order() -> Order:
            return order_run(prepare_run(loaded, observer, options), options.share)

        returned = carry_out(order, host, options.out, observer, detach=detach, begun=options.begun)
        return load_judged_run(returned.directory.path)


@app.command()
def clean(
    runs: Annotated[
        list[Path] | None, typer.Argument(metavar="RUN...", help="run directories", show_default="runs/*")
    ] = None,
) -> None:
    """End what crashed runs left (processes, devices, temporary files); a run at work is left alone.

    Example: oomlab clean
    """
    from orchestrator.run.clean import clean_up

    data = StdoutConsole(highlight=False)
    for line in clean_up(runs):
        data.print(Text(line), soft_wrap=True)


def _print_dry_run(loaded: LoadedScenario) -> None:
    from orchestrator.run.dryrun import dry_run

    planned = dry_run(loaded.scenario)
    for remark in planned.remarks:
        people.print(Text(f"warning: {remark}", style="yellow"), soft_wrap=True)
    for command in planned.commands:
        write_data(command)


def _refuse_with_resume(given: Iterable[str]) -> None:
    names = list(given)
    if names:
        raise InputError(
            f"{', '.join(names)} cannot be given with --resume",
            hint="a run is resumed as it began: its manifest says with what",
        )


def show_report(judged: JudgedRun, *, verbose: bool = False) -> None:
    """The report of a run that has just ended, for people."""
    from orchestrator.report.console.terminal import show

    show(judged, people, verbose=verbose)


def conclude(judged: JudgedRun, reports: ReportFiles, *, as_json: bool, verbose: bool = False) -> NoReturn:
    """Show a run that has just ended, and write its reports; ends the command."""
    from orchestrator.files.atomic import json_text

    show_report(judged, verbose=verbose)
    if as_json:
        write_data(json_text(judged.verdict))
    raise typer.Exit(write_reports(judged, reports))


def write_reports(judged: JudgedRun, reports: ReportFiles) -> int:
    """The reports that were asked for, and the verdict as a line for programs; the command's exit code.

    A runner of GitHub's has a page for the job, which gets the report without being asked.
    """
    from orchestrator.report.formats.registry import render
    from orchestrator.report.rows import headline

    status = reports.write(
        lambda name: render(judged, name), judged.directory.path, status=judged.verdict.exit_code
    )
    said = headline(judged.verdict)
    add_to_step_summary(lambda: render(judged, "markdown"), lambda: said, reports.places)
    reports.say([said])
    return status
