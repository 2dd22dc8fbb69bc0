# SPDX-License-Identifier: Apache-2.0
"""The commands about other machines: setting one up."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.text import Text

from orchestrator.commands import completions
from orchestrator.commands.help_page import Commands
from orchestrator.commands.shared import app, people
from orchestrator.errors import HostError
from orchestrator.report.console.streams import write_data

host_app = Commands(help="Set up other machines, so that runs can be made there (--host).")
app.add_typer(host_app, name="host")

_EPILOG = "Exit codes: 0 set up, 2 bad input, 3 it could not be, or was not wanted, 130 interrupted."


@host_app.command(epilog=_EPILOG)
def setup(
    host: Annotated[
        str,
        typer.Argument(
            metavar="HOST",
            autocompletion=completions.hosts,
            help="user@machine, user@machine:port, or a name of ~/.ssh/config",
        ),
    ],
    yes: Annotated[bool, typer.Option("--yes", help="do it without a question")] = False,
) -> None:
    """Install what runs need on another machine, after saying what that is and asking.

    Packages come by apt, as root; this oomlab and its libraries go below ~/.local/share/oomlab there. What
    is there already stays: done twice, it does nothing.

    Example: oomlab host setup me@machine
    """
    from orchestrator.remote.connection import Machine
    from orchestrator.remote.host import parse_host
    from orchestrator.remote.places import Places
    from orchestrator.remote.setup import plan_setup, plan_words, this_program
    from orchestrator.remote.setup_steps import carry_out, with_size
    from orchestrator.remote.survey import survey

    program = this_program()
    with Machine(parse_host(host)) as machine:
        places = Places(machine.home)
        found = survey(machine, places)
        _say(f"the other machine: {found.title}")
        plan = with_size(machine, plan_setup(found, program))
        if plan.nothing:
            write_data("nothing to do: this oomlab is set up there")
            return
        agree(list(plan_words(found, plan, program, places.root)), assume_yes=yes)
        carry_out(machine, places, found, plan, program, _say)
    write_data("set up: `oomlab run --host` and `oomlab doctor --host` can go there")


def agree(steps: Sequence[str], *, assume_yes: bool) -> None:
    """Say what will be done, and let the user say yes. HostError for a no, and where nobody can be asked."""
    _say("to be done there:")
    for step in steps:
        _say(f"  {step}")
    if assume_yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise HostError(
            "nobody can be asked here, and nothing was done", hint="--yes does it without a question"
        )
    people.print("Do it? [Y/n] ", end="", markup=False)
    try:
        answer = input()
    except EOFError:
        answer = "no"
    if answer.strip().lower() not in ("", "y", "yes"):
        raise HostError("nothing was done there")


def _say(text: str) -> None:
    people.print(Text(text), soft_wrap=True)
