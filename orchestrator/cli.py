# SPDX-License-Identifier: Apache-2.0
"""The command line: commands and exit codes, nothing else.

What a command needs is imported when it runs, so that `--help` and `validate` stay quick.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import shlex
import sys
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.text import Text
from typer.core import TyperGroup

from orchestrator import __version__
from orchestrator.errors import ExitCode, HostError, InputError, OomlabError
from orchestrator.interrupts import end_in_order, ignore_more
from orchestrator.mail.command import mail
from orchestrator.oom_command import oom
from orchestrator.report.streams import Data, People, drop
from orchestrator.search.command import EPILOG as SEARCH_EPILOG
from orchestrator.search.command import is_search, search, show_search

if TYPE_CHECKING:
    from orchestrator.scenario import LoadedScenario, Repeat
    from orchestrator.verdict import Verdict

_GARBAGE_THRESHOLD = 50_000
"""New objects until the collector looks for cycles; Python's own 700 suit a program that is small."""

_EPILOG = (
    "Exit codes: 0 expectations met, 1 not met, 2 bad input, 3 could not run, 4 verdict missing "
    "(evidence short), 130 interrupted."
)


class _Commands(TyperGroup):
    """Turns the end of a command into its exit code; usage errors are Typer's (2)."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except OomlabError as error:
            _print_error(error)
            sys.exit(error.exit_code)
        except KeyboardInterrupt:
            ignore_more()
            _people.print("interrupted")
            sys.exit(ExitCode.INTERRUPTED)
        except BrokenPipeError:
            drop(sys.stdout)  # its reader has seen enough: nobody is left to tell
            sys.exit(ExitCode.COULD_NOT_RUN)
        except OSError as error:
            drop(sys.stdout)  # which may be what is full
            _print_error(HostError(_os_words(error)))
            sys.exit(ExitCode.COULD_NOT_RUN)


app = typer.Typer(
    name="oomlab",
    cls=_Commands,
    help="Answers whether a kernel change survives memory fragmentation, and what it costs: boots "
    "virtual devices from scenario files, fragments their memory to a verified state, fires "
    "binder mmaps at them, and compares kernel variants.",
    epilog=_EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
images_app = typer.Typer(help="The cache of kernels, modules and guest images.", no_args_is_help=True)
app.add_typer(images_app, name="images")

_people = People(stderr=True, highlight=False)

ScenarioArgument = Annotated[
    Path, typer.Argument(metavar="SCENARIO", help="a scenario file, or the name of a shipped one")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="override a field, e.g. --set trials.blocks=3"),
]
PatchOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--patch",
        metavar="FILE",
        help="try your own change: the variants become `base` and `patched` (repeatable)",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="print the verdict as JSON on stdout")]


class SchemaName(StrEnum):
    """Formats that have a JSON Schema."""

    SCENARIO = "scenario"
    MANIFEST = "manifest"
    JOURNAL = "journal"
    VERDICT = "verdict"
    SEARCH = "search"


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="print the version and exit")] = False,
) -> None:
    if version:
        typer.echo(f"oomlab {__version__}")
        raise typer.Exit


@app.command(epilog=_EPILOG)
def run(
    scenario: Annotated[
        Path | None,
        typer.Argument(metavar="[SCENARIO]", help="a scenario file, or the name of a shipped one"),
    ] = None,
    override: SetOption = None,
    patch: PatchOption = None,
    again: Annotated[
        bool,
        typer.Option("--aa", help="A/A control: run one variant twice under two names, and nothing else"),
    ] = False,
    variant: Annotated[
        str | None, typer.Option(metavar="NAME", help="which variant for --aa  [default: the first]")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="run directory, new or empty  [default: runs/SCENARIO-TIME]")
    ] = None,
    artefacts_from: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="use exactly the kernels and modules of an earlier run"),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="guests to run at once at most  [default: the cores]")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="print every command, one a line, and start nothing")
    ] = False,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN", help="go on with a run that was cut short: only its missing trials are made"
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run a scenario to its verdict, or go on with a run that was cut short.

    Example: oomlab run scenarios/binder-order3.yaml --set trials.blocks=2
    """
    from orchestrator.dryrun import dry_run_commands
    from orchestrator.report.live import live_observer
    from orchestrator.run import RunOptions, resume_run, run_scenario
    from orchestrator.scenario import Repeat

    if resume is not None:
        given = {"SCENARIO": scenario, "--set": override, "--patch": patch, "--aa": again,
                 "--variant": variant, "--out": out, "--artefacts-from": artefacts_from,
                 "--dry-run": dry_run}  # fmt: skip
        _refuse_with_resume(name for name, value in given.items() if value)
        with live_observer(_people) as observer:
            directory, verdict = resume_run(resume, observer, jobs=jobs)
        _conclude(directory.path, verdict, as_json=as_json)
    if scenario is None:
        raise InputError(
            "Missing argument 'SCENARIO'", hint="oomlab run SCENARIO, or oomlab run --resume RUN"
        )
    if variant is not None and not again:
        raise InputError("--variant chooses the variant of --aa, which is missing")
    loaded = _load(scenario, override, patch, Repeat(variant) if again else None)
    if dry_run:
        for command in dry_run_commands(loaded.scenario):
            typer.echo(command)
        return
    options = RunOptions(
        command=shlex.join(["oomlab", *sys.argv[1:]]),
        out=out,
        overrides=override or (),
        artefacts_from=artefacts_from,
        jobs=jobs,
    )
    with live_observer(_people) as observer:
        directory, verdict = run_scenario(loaded, observer, options)
    _conclude(directory.path, verdict, as_json=as_json)


@app.command()
def clean(
    runs: Annotated[
        list[Path] | None, typer.Argument(metavar="[RUN...]", help="run directories  [default: runs/*]")
    ] = None,
) -> None:
    """End processes and remove temporary files that crashed runs left; a run at work is left alone."""
    from orchestrator.clean import clean_up

    data = Data(highlight=False)
    for line in clean_up(runs):
        data.print(Text(line), soft_wrap=True)


@app.command(epilog=_EPILOG)
def report(
    run_directory: Annotated[Path, typer.Argument(metavar="RUN", help="a run directory, e.g. runs/latest")],
    as_json: JsonOption = False,
) -> None:
    """Show a run's verdict (or a search's result) again, from its directory alone."""
    from orchestrator.run import judge_run
    from orchestrator.rundir import open_run_directory

    if is_search(run_directory):
        show_search(run_directory, Data(highlight=False), as_json=as_json)
    verdict = judge_run(open_run_directory(run_directory))
    if as_json:
        typer.echo(verdict.model_dump_json(indent=2))
    else:
        _report(run_directory, Data(highlight=False))
    raise typer.Exit(verdict.exit_code)


app.command(epilog=SEARCH_EPILOG)(search)


@app.command()
def validate(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="scenario files")],
    override: SetOption = None,
) -> None:
    """Check scenario files; every error with file, line, column and the nearest valid thing."""
    failures = 0
    for file in files:
        try:
            _load(file, override, None)
        except InputError as error:
            failures += 1
            _print_error(error)
        else:
            _people.print(Text(f"{file}: valid"))
    if failures:
        raise typer.Exit(ExitCode.BAD_INPUT)


@app.command()
def schema(name: Annotated[SchemaName, typer.Argument(help="which format")] = SchemaName.SCENARIO) -> None:
    """Print a JSON Schema: of scenario files, or of the files in a run directory."""
    from orchestrator.schemas import json_schema

    typer.echo(json.dumps(json_schema(name.value), indent=2))


@app.command()
def shell(
    scenario: ScenarioArgument,
    variant: Annotated[str | None, typer.Option(help="which kernel  [default: the first]")] = None,
    override: SetOption = None,
    patch: PatchOption = None,
) -> None:
    """Open a shell in the scenario's guest, with its memory in the scenario's state."""
    from orchestrator.report.live import live_observer
    from orchestrator.shell import open_shell

    loaded = _load(scenario, override, patch)
    with live_observer(_people) as observer:
        session = open_shell(loaded.scenario, variant, observer)
    raise typer.Exit(session.attach())


@images_app.command("list")
def images_list() -> None:
    """List what the cache holds."""
    from orchestrator.kernels.images import list_images
    from orchestrator.report.images import print_images

    print_images(list_images(), Data(highlight=False))


@images_app.command("prune")
def images_prune(
    unused_for: Annotated[
        str | None, typer.Option(metavar="TIME", help="remove what was not used for so long, e.g. 72h")
    ] = None,
    keep: Annotated[
        str | None, typer.Option(metavar="SIZE", help="remove the oldest beyond this total, e.g. 2GiB")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="remove everything")] = False,
) -> None:
    """Remove cached images; what a run is using stays."""
    from orchestrator.kernels.images import prune_images
    from orchestrator.report.images import print_pruned
    from orchestrator.units import parse_duration, parse_size

    if unused_for is None and keep is None and not everything:
        raise InputError("nothing to do", hint="say what to remove: --unused-for, --keep or --all")
    try:
        unused_for_s = None if unused_for is None else parse_duration(unused_for)
        keep_bytes = None if keep is None else parse_size(keep)
    except ValueError as error:
        raise InputError(str(error)) from None
    pruned = prune_images(unused_for_s=unused_for_s, keep_bytes=keep_bytes, everything=everything)
    print_pruned(pruned, Data(highlight=False))


@images_app.command("build")
def images_build(
    scenarios: Annotated[list[Path], typer.Argument(metavar="SCENARIO...", help="scenario files")],
    override: SetOption = None,
    patch: PatchOption = None,
) -> None:
    """Fetch and build everything that scenarios need, and boot nothing."""
    from orchestrator.kernels.images import prepare_images
    from orchestrator.laboratory import variant_recipes
    from orchestrator.report.live import live_observer

    loaded = [_load(scenario, override, patch) for scenario in scenarios]
    with live_observer(_people) as observer:
        for item in loaded:
            prepare_images(item.scenario.device.arch, variant_recipes(item.scenario), progress=observer.say)
            observer.say(f"{item.scenario.name}: ready")


app.command()(mail)
app.command(epilog="Exit codes: 0 everything was read, 2 something could not be, 130 interrupted.")(oom)


@app.command("test")
def self_test(
    selection: Annotated[str, typer.Argument(help="unit, build, guest or all")] = "all",
    extra: Annotated[
        list[str] | None, typer.Argument(metavar="[-- PYTEST ARGUMENTS]", help="passed to pytest")
    ] = None,
) -> None:
    """Run the project's own tests (linters, units, builds, real guests); needs a checkout."""
    from orchestrator.testing import run_tests

    raise typer.Exit(run_tests(selection, extra or ()))


def main() -> None:
    """Entry point; every end is one of the documented exit codes."""
    end_in_order()
    _leave_garbage_alone()
    app(prog_name="oomlab")


def _leave_garbage_alone() -> None:
    """Saves a fifth of the CPU time that start and end of the program take.

    What modules define stays until the end: neither do the collections that thousands of new classes
    and functions set off while importing find any garbage, nor need the last one take all apart.
    """
    gc.set_threshold(_GARBAGE_THRESHOLD)
    atexit.register(gc.freeze)


def _load(
    scenario: Path, overrides: list[str] | None, patches: list[Path] | None, repeat: Repeat | None = None
) -> LoadedScenario:
    from orchestrator.scenario import load_scenario

    loaded = load_scenario(scenario, overrides or (), patches or (), repeat)
    for warning in loaded.warnings:
        _people.print(Text(f"warning: {warning}", style="yellow"), soft_wrap=True)
    return loaded


def _refuse_with_resume(given: Iterable[str]) -> None:
    names = list(given)
    if names:
        raise InputError(
            f"{', '.join(names)} cannot be given with --resume",
            hint="a run is resumed as it began: its manifest says with what",
        )


def _conclude(run_directory: Path, verdict: Verdict, *, as_json: bool) -> NoReturn:
    _report(run_directory, _people)
    _people.print(Text(f"Everything is in {run_directory}"), soft_wrap=True)
    if as_json:
        typer.echo(verdict.model_dump_json(indent=2))
    raise typer.Exit(verdict.exit_code)


def _report(run_directory: Path, console: Console) -> None:
    from orchestrator.manifest import RunManifest
    from orchestrator.report.terminal import print_report
    from orchestrator.run import judge_run
    from orchestrator.rundir import open_run_directory

    directory = open_run_directory(run_directory)
    manifest = directory.load(directory.manifest, RunManifest)
    page_sizes = {
        name: manifest.artefacts[variant.base].page_size_bytes
        for name, variant in manifest.scenario.variants.items()
        if variant.base in manifest.artefacts
    }
    print_report(judge_run(directory), console, page_sizes=page_sizes)


def _print_error(error: OomlabError) -> None:
    _people.print(Text("error: ", style="bold red").append(error.message, style="not bold"), soft_wrap=True)
    for evidence in error.evidence:
        if evidence.strip():
            _people.print(Text(evidence.rstrip(), style="dim"), soft_wrap=True)
    if error.hint:
        _people.print(Text(f"hint: {error.hint}"), soft_wrap=True)


def _os_words(error: OSError) -> str:
    words = error.strerror or str(error)
    return words if error.filename is None else f"{os.fsdecode(error.filename)}: {words}"
