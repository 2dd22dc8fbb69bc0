# SPDX-License-Identifier: Apache-2.0
"""`oomlab mail`: its options and its two forms of output."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.arch import DEFAULT_ARCH
from orchestrator.commands import completions
from orchestrator.errors import ExitCode, InputError
from orchestrator.text.amounts import count_of


def mail(
    file: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="a mail or thread as saved: text, mbox, HTML; or the files of one, or their directory",
        ),
    ],
    arch: Annotated[
        str,
        typer.Option(
            metavar="ARCH",
            autocompletion=completions.archs,
            help="check patches against the bases of this architecture",
        ),
    ] = DEFAULT_ARCH,
    write_patch: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="write the restored patches there, for `oomlab run --patch`"),
    ] = None,
    checkpatch: Annotated[
        bool,
        typer.Option("--checkpatch/--no-checkpatch", help="run each base's own checkpatch.pl --strict, too"),
    ] = True,
    offline: Annotated[
        bool, typer.Option("--offline", help="fetch nothing: hold patches against what the cache has")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print what was found as JSON on stdout")] = False,
) -> None:
    """Show what a mail contains: OOM reports, benchmark tables, patches.

    Example: oomlab mail thread.mbox
    """
    from orchestrator.files.mails import expanded, load_mail, names_of
    from orchestrator.mail.contents import contents_json, read_files
    from orchestrator.patch_review.review import review, review_json, write_patches
    from orchestrator.report.console.mail_contents import page
    from orchestrator.report.console.streams import StderrConsole, write_data, write_json

    people = StderrConsole(stderr=True)
    files = expanded(file)
    contents = read_files({name: load_mail(path) for name, path in zip(names_of(files), files, strict=True)})
    if contents.empty:
        named = f"{files[0]} holds" if len(files) == 1 else f"these {count_of('file', len(files))} hold"
        raise InputError(f"{named} no OOM report, no benchmark table and no patch")
    result = review(contents, arch, people.print, with_checkpatch=checkpatch, offline=offline)
    if as_json:
        write_json({**contents_json(contents), **review_json(result)})
    else:
        for line in page(contents, result):
            write_data(line)
    if write_patch is not None:
        for path in write_patches(result, write_patch):
            people.print(f"wrote {path}", soft_wrap=True)
    if result.failures:
        raise typer.Exit(ExitCode.COULD_NOT_RUN)
