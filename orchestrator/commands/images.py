# SPDX-License-Identifier: Apache-2.0
"""Commands about the cache of kernels, modules and guest images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.arch import DEFAULT_ARCH
from orchestrator.bases import BASES
from orchestrator.commands import completions
from orchestrator.commands.help_page import Commands
from orchestrator.commands.shared import PatchOption, SetOption, app, load, people
from orchestrator.errors import InputError
from orchestrator.report.console.streams import StdoutConsole, write_data

if TYPE_CHECKING:
    from orchestrator.run.shown_kernels import ShownKernels


images_app = Commands(help="The cache of kernels, modules and guest images.")
app.add_typer(images_app, name="images")


@images_app.command("list")
def images_list() -> None:
    """List what the cache holds.

    Example: oomlab images list
    """
    from orchestrator.kernels.images import list_images
    from orchestrator.report.console.images import print_images

    print_images(list_images(), StdoutConsole(highlight=False))


_SHOW_EPILOG = (
    "Exit codes: 0 shown, 2 no such base, scenario or kernel image, 3 it could not be fetched or built, "
    "130 interrupted."
)


@images_app.command("show", epilog=_SHOW_EPILOG)
def images_show(
    subject: Annotated[
        str,
        typer.Argument(
            metavar="KERNEL",
            autocompletion=completions.kernels,
            help="the name of a base, a scenario (its kernels, on its device), or a kernel image's file",
        ),
    ],
    arch: Annotated[
        str | None,
        typer.Option(
            metavar="ARCH",
            autocompletion=completions.archs,
            help="of a base: the architecture",
            show_default=DEFAULT_ARCH,
        ),
    ] = None,
    override: SetOption = None,
    patch: PatchOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="print it as JSON on stdout")] = False,
) -> None:
    """Show what a kernel is made of, how it differs from a phone's, and what of a scenario it cannot do.

    What is not in the cache is fetched, or built. Of a phone's kernel the shipped configuration gki-like says
    what is known; it is no kernel of any phone.

    Example: oomlab images show debian-6.12

    Example: oomlab images show binder-order3 --set device.cma=32MiB

    Example: oomlab images show ../linux/arch/arm64/boot/Image --json
    """
    from orchestrator.files.atomic import json_text
    from orchestrator.report.console.kernels import print_kernels
    from orchestrator.report.console.live import live_observer

    with live_observer(people) as observer:
        shown = _shown(subject, arch, override, patch, observer.progress)
    if as_json:
        write_data(json_text(shown))
    else:
        print_kernels(shown, StdoutConsole(highlight=False))


def _shown(
    subject: str,
    arch: str | None,
    override: list[str] | None,
    patch: list[Path] | None,
    progress: Callable[[str], None],
) -> ShownKernels:
    from orchestrator.run import shown_kernels
    from orchestrator.scenario.loading.files import may_be_scenario

    if subject in BASES:
        _refuse_for("a base", **{"--set": override, "--patch": patch})
        return shown_kernels.show_base(subject, arch or DEFAULT_ARCH, progress)
    file = Path(subject)
    if not may_be_scenario(file, also=BASES):
        _refuse_for("an image", **{"--arch": arch, "--set": override, "--patch": patch})
        return shown_kernels.show_file(file)
    _refuse_for("a scenario", **{"--arch": arch})
    return shown_kernels.show_scenario(load(file, override, patch).scenario, progress)


def _refuse_for(what: str, **options: object) -> None:
    given = [name for name, value in options.items() if value]
    if given:
        raise InputError(f"{', '.join(given)} cannot be given with {what}")


@images_app.command("prune")
def images_prune(
    unused_for: Annotated[
        str | None, typer.Option(metavar="DURATION", help="remove what was not used for so long, like 72h")
    ] = None,
    keep: Annotated[
        str | None, typer.Option(metavar="SIZE", help="remove the oldest beyond this total, like 2GiB")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="remove everything")] = False,
) -> None:
    """Remove cached images; what a run is using stays.

    Example: oomlab images prune --unused-for 72h

    Example: oomlab images prune --keep 2GiB
    """
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
    scenarios: Annotated[
        list[Path],
        typer.Argument(metavar="SCENARIO...", help="scenario files", autocompletion=completions.scenarios),
    ],
    override: SetOption = None,
    patch: PatchOption = None,
) -> None:
    """Fetch and build everything that scenarios need, and boot nothing.

    Example: oomlab images build binder-order3 binder-order3-6.12
    """
    from orchestrator.kernels.identical import same_binaries
    from orchestrator.kernels.images import prepare_images
    from orchestrator.kernels.variants import settings_by_name
    from orchestrator.report.console.live import live_observer
    from orchestrator.run.environment import variant_recipes

    loaded = [load(scenario, override, patch) for scenario in scenarios]
    with live_observer(people) as observer:
        for item in loaded:
            recipes = variant_recipes(item.scenario)
            made = prepare_images(item.scenario.device.arch, recipes, progress=observer.progress)
            observer.progress(f"{item.scenario.name}: ready")
            manifests = {name: each.manifest for name, each in made.items()}
            for same in same_binaries(manifests, settings_by_name(recipes)):
                observer.progress(f"{item.scenario.name}: {same.words}")
