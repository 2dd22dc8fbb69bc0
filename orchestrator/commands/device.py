# SPDX-License-Identifier: Apache-2.0
"""The commands about one device: making a profile of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from orchestrator.commands.help_page import Commands
from orchestrator.commands.shared import app, people
from orchestrator.report.console.streams import write_data, write_json

device_app = Commands(help="Make a profile of a device that you have.")
app.add_typer(device_app, name="device")

_EPILOG = (
    "Exit codes: 0 written, 2 bad input, 130 interrupted. docs/device-import.md says how to collect files."
)


@device_app.command("import", epilog=_EPILOG)
def import_(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="copies of files under /proc, of getprop or sysctl -a, several in one text or one each; a"
            " directory of them; a bug report, .txt or .zip",
        ),
    ],
    name: Annotated[
        str, typer.Option(metavar="NAME", help="what the profile is called, and its file NAME.yaml")
    ] = "my-device",
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="where the profile and its replay are written")
    ] = Path(),
    scale: Annotated[
        str | None,
        typer.Option(
            metavar="1/N",
            help="divide the replay's composition and memory; free list and watermarks stay. Without it a"
            " guest of some 512 MiB is made",
        ),
    ] = None,
    profile_only: Annotated[
        bool, typer.Option("--profile-only", help="no replay of the memory, only the device's profile")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="write over files that are there and were edited")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="print profile and facts as JSON on stdout, and write nothing")
    ] = False,
) -> None:
    """Make a device profile, and a scenario that replays its memory, of what the device's files say.

    Every figure is written with the section it was read in. The profile is the device as it is; the scenario
    NAME-replay.yaml beside it has its memory, line by line, in a guest of a size that a laptop has.

    Example: oomlab device import bugreport.zip --name my-phone --scale 1/8
    """
    from orchestrator.dumps.dump import summary
    from orchestrator.dumps.imported import import_device, write
    from orchestrator.report.console.reproduce import print_facts

    made = import_device(files, name, scale, profile_only=profile_only)
    if as_json:
        facts = [fact.as_json() for fact in made.facts]
        write_json({"profile": made.profile.model_dump(mode="json"), "facts": facts})
        return
    people.print(Text(summary(made.dump)), soft_wrap=True)
    if made.facts:
        print_facts(made.facts, people)
    for path in write(made, out, overwrite=overwrite):
        write_data(str(path))
