# SPDX-License-Identifier: Apache-2.0
"""`oomlab reproduce`: its options, and what it does in which order."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from orchestrator.commands import completions
from orchestrator.commands.elsewhere import DetachOption, HostOption, command_line, require_host
from orchestrator.commands.report_files import ReportFiles, ReportOption, read_reports, refuse_to_leave
from orchestrator.commands.shared import (
    ForceOption,
    JobsOption,
    MemoryLimitOption,
    SetOption,
    load,
    people,
    share_of,
)
from orchestrator.errors import InputError
from orchestrator.report.console.streams import write_json

if TYPE_CHECKING:
    from orchestrator.run.engine import RunOptions


def reproduce(
    file: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="mails, console logs, OOM reports or patches that belong together, or a directory of them",
        ),
    ],
    event: Annotated[
        int | None, typer.Option(metavar="N", help="which report, from 1 (default: the likeliest)")
    ] = None,
    patch: Annotated[
        list[str] | None,
        typer.Option(
            metavar="N",
            help="which patches, such as 2, 1-2 or 1,3 (repeatable; default: the newest series as a whole)",
        ),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            metavar="BASE",
            autocompletion=completions.bases,
            help="base kernel (default: the one the patch goes on)",
        ),
    ] = None,
    arch: Annotated[
        str | None,
        typer.Option(
            metavar="ARCH", autocompletion=completions.archs, help="architecture (default: the report's)"
        ),
    ] = None,
    scale: Annotated[
        str | None,
        typer.Option(metavar="1/N", help="divide the device's size by N (default: ready in 30 s)"),
    ] = None,
    picture: Annotated[
        bool | None,
        typer.Option(
            "--picture/--free-list",
            help="rebuild the report's whole Mem-Info or its free list alone (default: what it has)",
        ),
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="fetch nothing: hold patches against what the cache has")
    ] = False,
    write: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="where to write the scenario (default: reproduce-NAME)"),
    ] = None,
    write_only: Annotated[
        bool, typer.Option("--write-only", help="stop when the scenario is written")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="write over a scenario that was edited since it was written")
    ] = False,
    force: ForceOption = False,
    blocks: Annotated[
        int, typer.Option(metavar="NUMBER", min=1, max=10_000, help="blocks (independent boots) to run")
    ] = 3,
    override: SetOption = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="run directory, new or empty (default: runs/SCENARIO-TIME)"),
    ] = None,
    jobs: JobsOption = None,
    memory_limit: MemoryLimitOption = None,
    host: HostOption = None,
    detach: DetachOption = False,
    report: ReportOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="print what was read and the verdict as JSON on stdout")
    ] = False,
) -> None:
    """Make a scenario of an OOM report, a log, a mail or a patch, and run it.

    It shows what was read in the text, what was inferred from it and what is unknown, writes
    DIR/NAME.yaml with the patches beside it, and runs that like `oomlab run`: `base` is the kernel
    without the mail's patch, `patched` the one with it.

    A series is applied as a whole, in the order of its numbers ([PATCH v2 1/3]), whether it is one file or
    several; of several versions the newest. A part that is missing is named, and so is one that
    touches no part of a kernel.

    A patch to binder's driver is built as a module of a base kernel. One to other parts of the kernel is
    compiled into a kernel that is built whole, from the source of a base's series: the time is said first.

    A report without a patch runs the base alone: `oomlab run DIR/NAME.yaml --patch MY.patch` then tries a
    change in the same memory. A patch without a report is tried in the memory of `binder-order3`.
    What no guest can repeat is refused with the reason, and nothing is written.

    Example: oomlab reproduce thread.mbox

    Example: oomlab reproduce series.mbox --patch 1-2

    Example: oomlab reproduce console.log --event 2 --write-only

    Example: oomlab reproduce thread.mbox --scale 1/4 --blocks 10 --set trials.timing=false
    """
    from orchestrator.record.directory import require_unused
    from orchestrator.report.console.reproduce import print_facts
    from orchestrator.reproduce.draft import Wishes
    from orchestrator.reproduce.planning import Selection, check_wishes, plan_draft, scale_divisor
    from orchestrator.reproduce.source import load_source
    from orchestrator.reproduce.writing import write_draft
    from orchestrator.run.engine import RunOptions

    if write_only and (override or out or jobs or memory_limit or force or host or report):
        raise InputError(
            "--set, --out, --jobs, --memory-limit, --host, --report and --force are for the run,"
            " which --write-only leaves out"
        )
    reports = read_reports(report, as_json=as_json, run=out)
    refuse_to_leave(report, detach=detach)
    require_host(host, detach=detach)
    require_unused(out)
    source = load_source(file)
    wishes = Wishes(None if scale is None else scale_divisor(scale), blocks, picture, arch, base)
    check_wishes(wishes)
    selection = Selection(event, patch or ())
    draft = plan_draft(
        source,
        selection,
        wishes,
        lambda text: people.print(text, markup=False),
        to_run=not write_only,
        here=host is None,
        offline=offline,
    )
    print_facts(draft.facts, people)
    path = write_draft(draft, source.name, source.title, write or Path(source.name), overwrite=overwrite)
    people.print(f"wrote {path}", soft_wrap=True, markup=False)
    result: dict[str, Any] = {"scenario": str(path), "facts": [fact.as_json() for fact in draft.facts]}
    if write_only:
        if as_json:
            write_json(result)
        return
    options = RunOptions(
        command_line(),
        out=out,
        overrides=override or (),
        share=share_of(jobs, memory_limit),
        force=force,
        begun=reports.begun,
    )
    _run(path, options, host, result if as_json else None, reports, detach=detach)


def _run(
    path: Path,
    options: RunOptions,
    host: str | None,
    result: dict[str, Any] | None,
    reports: ReportFiles,
    *,
    detach: bool,
) -> NoReturn:
    from orchestrator.commands.runs import run_somewhere, show_report, write_reports

    loaded = load(path, list(options.overrides), None)
    with reports.even_if_cut_short():
        judged = run_somewhere(loaded, options, host, detach=detach)
    show_report(judged)
    if result is not None:
        result |= {"run": str(judged.directory.path), "verdict": judged.verdict.model_dump(mode="json")}
        write_json(result)
    raise typer.Exit(write_reports(judged, reports))
