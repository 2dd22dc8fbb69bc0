# SPDX-License-Identifier: Apache-2.0
"""`oomlab mail`: its options and its two forms of output."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.errors import InputError


def mail(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="a mail or thread as saved: text, mbox, HTML")],
    as_json: Annotated[bool, typer.Option("--json", help="print what was found as JSON on stdout")] = False,
) -> None:
    """Show what a mail contains: OOM reports, benchmark tables, patches.

    Example: oomlab mail thread.mbox
    """
    from orchestrator.mail.contents import contents_json, load_mail, read_contents
    from orchestrator.mail.page import page

    contents = read_contents(load_mail(file))
    if contents.empty:
        raise InputError(f"{file} holds no OOM report, no benchmark table and no patch")
    if as_json:
        typer.echo(json.dumps(contents_json(contents), indent=2))
        return
    for line in page(contents):
        typer.echo(line)
