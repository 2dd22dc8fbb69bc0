# SPDX-License-Identifier: Apache-2.0
"""The command that gets a person, or commands, into a scenario's guest."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from orchestrator.commands.elsewhere import HostOption, command_line, require_host
from orchestrator.commands.runs import ArtefactsFromOption
from orchestrator.commands.shared import PatchOption, ScenarioArgument, SetOption, app, load, people

if TYPE_CHECKING:
    from orchestrator.protocol.records import ControlRecord
    from orchestrator.record.recorder import ConsoleEvent
    from orchestrator.scenario.loading.loader import LoadedScenario

_STDIN, _STDOUT, _STDERR = 0, 1, 2
_EPILOG = (
    "Exit codes: with commands the status that they ended with, 128 + n where signal n ended them; of oomlab"
    " itself, which then says why on stderr: 2 bad input, 3 could not run, 4 target missed, 130 interrupted."
)


@app.command(epilog=_EPILOG)
def shell(
    scenario: ScenarioArgument,
    command: Annotated[
        str | None,
        typer.Option(
            "-c",
            "--command",
            metavar="COMMAND",
            help="run this by the guest's shell and end, without a terminal",
            show_default="commands on standard input, where that is no terminal",
        ),
    ] = None,
    variant: Annotated[
        str | None, typer.Option(metavar="NAME", help="which kernel", show_default="the first")
    ] = None,
    override: SetOption = None,
    patch: PatchOption = None,
    artefacts_from: ArtefactsFromOption = None,
    host: HostOption = None,
) -> None:
    """Open a shell in the scenario's guest, or run commands there, with its memory in the scenario's state.

    Example: oomlab shell binder-order3 --variant kvcalloc

    Example: oomlab shell binder-order3 -c 'cat /proc/buddyinfo'
    """
    require_host(host, detach=False)
    loaded = load(scenario, override, patch)
    commands = _commands(command)
    if host is not None:
        raise typer.Exit(_there(loaded, variant, commands, artefacts_from, host))
    if commands is not None:
        raise typer.Exit(_run_commands(loaded, variant, commands, artefacts_from))
    raise typer.Exit(_attach(loaded, variant, artefacts_from))


def _commands(command: str | None) -> bytes | None:
    """What is to be run without a terminal; None where a person is there to type."""
    from orchestrator.run.script import MOST_BYTES, require_script

    if command is not None:
        return require_script(os.fsencode(command) + b"\n")
    if os.isatty(_STDIN):
        return None
    with os.fdopen(_STDIN, "rb", closefd=False) as file:
        return require_script(file.read(MOST_BYTES + 1))


def _attach(loaded: LoadedScenario, variant: str | None, artefacts_from: Path | None) -> int:
    from orchestrator.report.console.live import live_observer
    from orchestrator.run.shell import open_shell

    with live_observer(people) as observer:
        session = open_shell(loaded.scenario, variant, observer, artefacts_from)
    return session.attach()


def _run_commands(
    loaded: LoadedScenario, variant: str | None, commands: bytes, artefacts_from: Path | None
) -> int:
    from orchestrator.report.console.live import live_observer
    from orchestrator.run.script import Listener
    from orchestrator.run.shell import open_script

    with live_observer(people) as observer:
        session = open_script(loaded.scenario, variant, commands, observer, artefacts_from)
    return session.run(Listener(_write, _tell_record, _tell_event))


def _write(stream: Literal["stdout", "stderr"], content: bytes) -> None:
    """As it came, whatever it is."""
    descriptor = _STDOUT if stream == "stdout" else _STDERR
    try:
        while content:
            content = content[os.write(descriptor, content) :]
    except OSError as error:
        error.filename = stream
        raise


def _tell_record(record: ControlRecord) -> None:
    from orchestrator.run.shell import progress_line

    _tell(progress_line(record))


def _tell_event(event: ConsoleEvent) -> None:
    from orchestrator.report.console.live import event_line

    _tell(event_line(event))


def _tell(text: str | None) -> None:
    if text is not None:
        people.print(f"oomlab: {text}", soft_wrap=True)


def _there(
    loaded: LoadedScenario,
    variant: str | None,
    commands: bytes | None,
    artefacts_from: Path | None,
    host: str,
) -> int:
    from orchestrator.remote.connection import Machine
    from orchestrator.remote.host import parse_host
    from orchestrator.remote.shell import send_shell
    from orchestrator.report.console.live import live_observer
    from orchestrator.run.engine import RunOptions, prepare_run
    from orchestrator.run.shell import shell_variant

    name = shell_variant(loaded.scenario, variant, terminal=commands is None)
    # Alike or not, one of them is looked into.
    options = RunOptions(command=command_line(), artefacts_from=artefacts_from, force=True)
    with Machine(parse_host(host)) as machine:
        with live_observer(people) as observer:
            session = send_shell(machine, prepare_run(loaded, observer, options), name, commands, observer)
        return session.attach()
