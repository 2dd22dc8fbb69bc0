# SPDX-License-Identifier: Apache-2.0
"""The command line: which commands there are, and the entry point.

What a command needs is imported when it runs, so that `--help` and `validate` stay quick.
"""

from __future__ import annotations

import os
from typing import Annotated

import typer

from orchestrator import __version__
from orchestrator.bisect.answer import COMMAND

# Imported for the commands that they register, in the order of `--help`.
from orchestrator.commands import (
    attach,
    compare,
    completions,
    device,
    devices,
    doctor,
    host,
    images,
    reports,
    runs,
    scenarios,
    shell,
)
from orchestrator.commands.bisect import EPILOG as BISECT_EPILOG
from orchestrator.commands.bisect import bisect_step
from orchestrator.commands.check_patch import EPILOG as CHECK_EPILOG
from orchestrator.commands.check_patch import check_patch
from orchestrator.commands.mail import mail
from orchestrator.commands.oom import oom
from orchestrator.commands.reproduce import reproduce
from orchestrator.commands.search import EPILOG as SEARCH_EPILOG
from orchestrator.commands.search import search
from orchestrator.commands.shared import EPILOG, app
from orchestrator.commands.standard_streams import hold_standard_streams
from orchestrator.errors import InputError
from orchestrator.host.interrupts import install_signal_handlers
from orchestrator.report.console.streams import write_data
from orchestrator.text.nearest import nearest
from orchestrator.text.plain import named

__all__ = [
    "app",
    "attach",
    "compare",
    "device",
    "devices",
    "doctor",
    "host",
    "images",
    "main",
    "reports",
    "runs",
    "scenarios",
    "shell",
]


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="print the version and exit")] = False,
    mirror: Annotated[
        str | None,
        typer.Option(
            metavar="URI",
            help="take kernels from this Debian archive; 'URI URI' names its security archive, too",
            show_default="OOMLAB_MIRROR, or the host's package sources",
        ),
    ] = None,
) -> None:
    if version:
        write_data(f"oomlab {__version__}")
        raise typer.Exit
    if mirror is not None:
        from orchestrator.kernels.sources import use_mirror

        use_mirror(mirror)  # refused now, not after what needs no archive


@app.command("help")
def help_of(
    context: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="COMMAND", autocompletion=completions.commands, help="a command, e.g. run, or images show"
        ),
    ] = None,
) -> None:
    """Show the help of a command, or of all of them.

    Example: oomlab help images show
    """
    root = context.find_root().command
    below, path = getattr(root, "commands", {}), "oomlab"
    for word in words or ():
        if word not in below:
            near = nearest(word, below)
            raise InputError(
                f"{path} has no command '{named(word)}'",
                hint=f"did you mean '{near}'?" if near else "`oomlab help` lists all commands",
            )
        below, path = getattr(below[word], "commands", {}), f"{path} {word}"
    root.main([*(words or ()), "--help"], prog_name="oomlab", standalone_mode=False)


app.command(epilog=SEARCH_EPILOG)(search)
app.command(COMMAND, epilog=BISECT_EPILOG)(bisect_step)
app.command("check-patch", epilog=CHECK_EPILOG)(check_patch)
app.command()(mail)
app.command(epilog=EPILOG)(reproduce)
app.command(epilog="Exit codes: 0 everything was read, 2 something could not be, 130 interrupted.")(oom)


def main() -> None:
    """The command line; every end is one of the documented exit codes."""
    hold_standard_streams()
    install_signal_handlers()
    with completions.answered(os.environ):
        app(prog_name="oomlab")
