# SPDX-License-Identifier: Apache-2.0
"""Commands about the cache of kernels, modules and guest images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.commands.shared import PatchOption, SetOption, app, load, people
from orchestrator.errors import InputError
from orchestrator.report.console.streams import StdoutConsole

images_app = typer.Typer(help="The cache of kernels, modules and guest images.", no_args_is_help=True)
app.add_typer(images_app, name="images")


@images_app.command("list")
def images_list() -> None:
    """List what the cache holds."""
    from orchestrator.kernels.images import list_images
    from orchestrator.report.console.images import print_images

    print_images(list_images(), StdoutConsole(highlight=False))


@images_app.command("prune")
def images_prune(
    unused_for: Annotated[
        str | None, typer.Option(metavar="TIME", help="remove what was not used for so long, e.g. 72h")
    ] = None,
    keep: Annotated[
        str | None, typer.Option(metavar="SIZE", help="remove the oldest beyond this total, e.g. 2GiB")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="remove everything")] = False,
) -> None:
    """Remove cached images; what a run is using stays."""
    from orchestrator.kernels.images import prune_images
    from orchestrator.report.console.images import print_pruned
    from orchestrator.units import parse_duration, parse_size

    if unused_for is None and keep is None and not everything:
        raise InputError("nothing to do", hint="say what to remove: --unused-for, --keep or --all")
    try:
        unused_for_s = None if unused_for is None else parse_duration(unused_for)
        keep_bytes = None if keep is None else parse_size(keep)
    except ValueError as error:
        raise InputError(str(error)) from None
    pruned = prune_images(unused_for_s=unused_for_s, keep_bytes=keep_bytes, everything=everything)
    print_pruned(pruned, StdoutConsole(highlight=False))


@images_app.command("build")
def images_build(
    scenarios: Annotated[list[Path], typer.Argument(metavar="SCENARIO...", help="scenario files")],
    override: SetOption = None,
    patch: PatchOption = None,
) -> None:
    """Fetch and build everything that scenarios need, and boot nothing."""
    from orchestrator.kernels.identical import same_binaries
    from orchestrator.kernels.images import prepare_images
    from orchestrator.report.console.live import live_observer
    from orchestrator.run.environment import variant_recipes

    loaded = [load(scenario, override, patch) for scenario in scenarios]
    with live_observer(people) as observer:
        for item in loaded:
            made = prepare_images(
                item.scenario.device.arch, variant_recipes(item.scenario), progress=observer.progress
            )
            observer.progress(f"{item.scenario.name}: ready")
            for same in same_binaries({name: each.manifest for name, each in made.items()}):
                observer.progress(f"{item.scenario.name}: {same.words}")
