# SPDX-License-Identifier: Apache-2.0
"""Another machine, as `run`, `reproduce`, `search` and `attach` have it: options, and what is said of it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from orchestrator.commands import completions
from orchestrator.errors import ExitCode, HostError, InputError
from orchestrator.report.console.streams import write_data

if TYPE_CHECKING:
    from orchestrator.remote.elsewhere import Order, Returned
    from orchestrator.remote.session import Session
    from orchestrator.run.observer import Observer

HostOption = Annotated[
    str | None,
    typer.Option(
        metavar="HOST",
        autocompletion=completions.hosts,
        help="make it on another machine, by ssh: user@machine, or a name of ssh's",
        show_default="this machine",
    ),
]
DetachOption = Annotated[
    bool,
    typer.Option("--detach", help="with --host: start it and leave it there; see `oomlab attach`"),
]


def require_host(host: str | None, *, detach: bool) -> None:
    """InputError for --detach without --host, and for a host that is none: before any work."""
    from orchestrator.remote.host import parse_host

    if host is not None:
        parse_host(host)
    elif detach:
        raise InputError("--detach is for another machine: --host is missing")


def command_line() -> str:
    """The command line as records have it: without the machine that it names."""
    from orchestrator.host.process import paste_ready

    words = ["oomlab"]
    for word in sys.argv[1:]:
        option, equals, _ = word.partition("=")
        if words[-1] == "--host":
            words.append("HOST")
        else:
            words.append("--host=HOST" if option == "--host" and equals else word)
    return paste_ready(words)


def carry_out(
    make_order: Callable[[], Order],
    host: str,
    out: Path | None,
    observer: Observer,
    *,
    detach: bool,
    begun: Callable[[Path], None] = lambda _directory: None,
) -> Returned:
    """What was ordered, made on another machine, and here again.

    The order is made, which may mean to build kernels, once it is known that there is somebody to take it.
    The command ends (typer.Exit) when that has started it, with `detach`, or when it is left there.
    `begun` is called with the directory, also of a run that was ended there before its time.
    """
    from orchestrator.remote.connection import Machine
    from orchestrator.remote.elsewhere import send_order
    from orchestrator.remote.host import parse_host
    from orchestrator.remote.program import require_program

    with Machine(parse_host(host)) as machine:
        require_program(machine)
        session = send_order(machine, make_order(), observer)
        if detach:
            session.start()
            write_data(session.job.run)
            _leave(session, observer, ExitCode.MET)
        return bring_back(session, out, observer, begun)


def bring_back(
    session: Session,
    out: Path | None,
    observer: Observer,
    begun: Callable[[Path], None] = lambda _directory: None,
) -> Returned:
    """A run that is on another machine, here again. The command ends when the user leaves it there."""
    from orchestrator.remote.connection import ConnectionLost
    from orchestrator.remote.elsewhere import fetch_back

    try:
        returned = fetch_back(session, out, observer)
    except ConnectionLost as lost:
        raise HostError(
            lost.message,
            hint=f"what runs there goes on; to have it here: oomlab attach --host HOST {session.job.run}",
        ) from None
    if returned is None:
        _leave(session, observer, ExitCode.INTERRUPTED)
    begun(returned.directory.path)
    if returned.interrupted:
        observer.progress(f"What there is of it is in {returned.directory.path}")
        raise KeyboardInterrupt
    return returned


def _leave(session: Session, observer: Observer, status: ExitCode) -> NoReturn:
    run = session.job.run
    observer.progress(f"{run} is on the other machine. To follow it, and to have it here:")
    observer.progress(f"  oomlab attach --host HOST {run}")
    raise typer.Exit(status)
