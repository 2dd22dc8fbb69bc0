# SPDX-License-Identifier: Apache-2.0
"""The command about device profiles."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.commands import completions
from orchestrator.commands.shared import app
from orchestrator.report.console.streams import StdoutConsole, write_json


@app.command()
def devices(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            autocompletion=completions.devices,
            help="show each figure and its source: a shipped profile, or a file",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the profiles as JSON on stdout")] = False,
) -> None:
    """List the shipped device profiles, or show where each figure of one comes from.

    A scenario uses one by name, `device: mission-phone`, and may change it,
    `device: {profile: mission-phone, memory: 512MiB}`.

    Example: oomlab devices mission-phone
    """
    from orchestrator.report.console.devices import print_profile, print_profiles
    from orchestrator.scenario.loading.profile import load_profile
    from orchestrator.scenario.loading.profile_files import profile_files

    profiles = [load_profile(each) for each in ([name] if name is not None else profile_files())]
    if as_json:
        dumped = [profile.model_dump(mode="json") for profile in profiles]
        write_json(dumped[0] if name is not None else dumped)
    elif name is not None:
        print_profile(profiles[0], StdoutConsole(highlight=False))
    else:
        print_profiles(profiles, StdoutConsole(highlight=False))
