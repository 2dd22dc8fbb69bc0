# SPDX-License-Identifier: Apache-2.0
"""The command that looks at the machine before a run does."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.arch import ARCHS, ArchName
from orchestrator.commands.shared import app, people
from orchestrator.errors import InputError
from orchestrator.report.console.streams import StdoutConsole, write_data

EPILOG = (
    "Exit codes: 0 a run can be made here, 2 bad input, 3 something that a run needs is missing, "
    "130 interrupted."
)


@app.command(epilog=EPILOG)
def doctor(
    arch: Annotated[
        str | None, typer.Option(help="what guests of this architecture need", show_default="of all")
    ] = None,
    probe: Annotated[
        bool,
        typer.Option(
            "--probe",
            help="boot probe guests now, whatever was found before; fetches a kernel if need be",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print the findings as JSON on stdout")] = False,
) -> None:
    """Say whether a run can be made on this machine, and how to mend what is missing.

    Example: oomlab doctor --arch arm64
    """
    from orchestrator.doctor.examine import examine
    from orchestrator.files.atomic import json_text
    from orchestrator.report.console.doctor import print_diagnosis

    found = examine(_archs(arch), lambda text: people.print(text, markup=False, soft_wrap=True), probe=probe)
    if as_json:
        write_data(json_text(found))
    else:
        print_diagnosis(found, StdoutConsole(highlight=False))
    raise typer.Exit(found.exit_code)


def _archs(asked: str | None) -> list[ArchName]:
    known = [arch.name for arch in ARCHS.values() if asked in (None, arch.name)]
    if not known:
        raise InputError(f"unknown architecture '{asked}'", hint=f"known: {', '.join(ARCHS)}")
    return known
