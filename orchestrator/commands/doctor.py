# SPDX-License-Identifier: Apache-2.0
"""The command that looks at the machine before a run does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.arch import ARCHS, ArchName
from orchestrator.commands import completions
from orchestrator.commands.shared import app, people
from orchestrator.errors import InputError
from orchestrator.report.console.streams import StdoutConsole, write_data

if TYPE_CHECKING:
    from orchestrator.doctor.condition import Examination

EPILOG = (
    "Exit codes: 0 a run can be made here, 2 bad input, 3 something that a run needs is missing, "
    "130 interrupted."
)


@app.command(epilog=EPILOG)
def doctor(
    arch: Annotated[
        str | None,
        typer.Option(
            metavar="ARCH",
            autocompletion=completions.archs,
            help="what guests of this architecture need, e.g. arm64",
            show_default="of all",
        ),
    ] = None,
    probe: Annotated[
        bool,
        typer.Option(
            "--probe",
            help="boot probe guests now, whatever was found before; fetches a kernel if need be",
        ),
    ] = False,
    without_builds: Annotated[
        bool,
        typer.Option(
            "--without-builds",
            help="leave out what only making kernels needs: for runs with --artefacts-from",
        ),
    ] = False,
    host: Annotated[
        str | None,
        typer.Option(
            metavar="HOST",
            autocompletion=completions.hosts,
            help="examine another machine, by ssh: user@machine, or a name of ssh's",
            show_default="this machine",
        ),
    ] = None,
    backend: Annotated[
        str | None,
        typer.Option(
            metavar="BACKEND",
            autocompletion=completions.backends,
            help="cuttlefish: what its devices lack is a fault; without it a warning, if there is a cvd",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the findings as JSON on stdout")] = False,
) -> None:
    """Say whether a run can be made on this machine, or on another one, and how to mend what is missing.

    Example: oomlab doctor --arch arm64
    """
    from orchestrator.doctor.examine import examine
    from orchestrator.files.atomic import json_text
    from orchestrator.report.console.doctor import print_diagnosis

    archs = _archs(arch)
    _require_known(backend)
    if host is not None:
        if probe:
            raise InputError("--probe is for this machine: the first run on another one probes it")
        found = _examine_there(host, archs, backend)
    else:
        found = examine(archs, _say, probe=probe, builds=not without_builds, backend=backend)
    if as_json:
        write_data(json_text(found))
    else:
        print_diagnosis(found, StdoutConsole(highlight=False), "there" if host is not None else "here")
    raise typer.Exit(found.exit_code)


def _examine_there(host: str, archs: Sequence[ArchName], backend: str | None) -> Examination:
    from orchestrator.remote.connection import Machine
    from orchestrator.remote.examined import examine_there
    from orchestrator.remote.host import parse_host

    with Machine(parse_host(host)) as machine:
        return examine_there(machine, archs, backend)


def _say(text: str) -> None:
    people.print(text, markup=False, soft_wrap=True)


def _require_known(backend: str | None) -> None:
    from orchestrator.guests.registry import BACKENDS

    if backend is not None and backend not in BACKENDS:
        raise InputError(f"unknown backend '{backend}'", hint=f"known: {', '.join(BACKENDS)}")


def _archs(asked: str | None) -> list[ArchName]:
    known = [arch.name for arch in ARCHS.values() if asked in (None, arch.name)]
    if not known:
        raise InputError(f"unknown architecture '{asked}'", hint=f"known: {', '.join(ARCHS)}")
    return known
