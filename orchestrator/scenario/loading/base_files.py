# SPDX-License-Identifier: Apache-2.0
"""The files of a variant's base: found, made absolute, and said where they are not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from orchestrator.bases import BASES
from orchestrator.errors import InputError
from orchestrator.files.reading import read_bounded
from orchestrator.scenario.kernel_base import config_names, is_config_name, is_package
from orchestrator.scenario.loading.wording import Complaint, shown
from orchestrator.text.nearest import nearest
from orchestrator.units import MIB, format_size, parse_size

_MOST_CONFIG_BYTES = 4 * MIB
_MOST_NEIGHBOURS = 5000
_PAGE_SIZE = re.compile(r"^CONFIG_(?:ARM64_|PAGE_SIZE_)(\d+)K(?:_PAGES|B)=y$", re.MULTILINE)


@dataclass(frozen=True)
class _Kind:
    """What one key of a base names: a test of what is there, and words for where it is not."""

    there: Callable[[Path], bool]
    missing: str
    is_name: Callable[[str], bool] = lambda _name: False
    names: tuple[str, ...] = ()


_KINDS = {
    "source": _Kind(
        Path.exists,
        "no such directory or tarball, nor a package (linux-source-VERSION)",
        is_package,
        (*dict.fromkeys(base.source_name for base in BASES.values()), "linux-source"),
    ),
    "config": _Kind(
        Path.is_file, f"no such file, nor one of {', '.join(config_names())}", is_config_name, config_names()
    ),
    "image": _Kind(Path.is_file, "no such kernel image"),
    "initramfs": _Kind(Path.is_file, "no such initramfs"),
    "modules": _Kind(Path.is_dir, "no such directory of modules"),
}


def resolve_bases(
    data: dict[str, Any], folder: Path, from_command_line: Callable[[tuple[str, ...]], bool]
) -> list[Complaint]:
    """Make the paths of all bases in `data` absolute; a finding for each that is not there.

    They are relative to `folder`; first to the current directory where they come from the command line.
    A base whose configuration is a file gets the page size that the file has, an image the one that it is
    built for: how much memory an order is decides most of what a scenario is checked for.
    """
    found: list[Complaint] = []
    for base, path in _bases(data):
        for key, kind in _KINDS.items():
            given, place = base.get(key), (*path, key)
            if not isinstance(given, str) or not given or kind.is_name(given):
                continue
            folders = [Path.cwd(), folder] if from_command_line(place) else [folder]
            file = next((each for each in _candidates(given, folders) if _holds(kind.there, each)), None)
            if file is None:
                found.append(Complaint(place, f"{kind.missing}: {shown(given)}", _hint(given, kind, folders)))
            else:
                base[key] = str(file)
        found += [Complaint((*path, "page_size"), what, near) for what, near in _take_page_size(base)]
    return found


def _bases(data: dict[str, Any]) -> Iterator[tuple[dict[str, Any], tuple[str, ...]]]:
    variants = data.get("variants")
    for name, variant in variants.items() if isinstance(variants, dict) else ():
        base = variant.get("base") if isinstance(variant, dict) else None
        if isinstance(base, dict):
            yield base, ("variants", name, "base")


def _candidates(given: str, folders: Iterable[Path]) -> Iterator[Path]:
    return ((folder / given).absolute() for folder in folders)


def _holds(test: Callable[[Path], bool], path: Path) -> bool:
    try:
        return test(path)
    except (OSError, ValueError):  # a name that is too long, or has a NUL in it
        return False


def _hint(given: str, kind: _Kind, folders: Sequence[Path]) -> str | None:
    """A name, or what lies beside the place that was meant and is the right kind of thing."""
    wanted, beside = Path(given), set()
    for folder in folders:
        try:
            neighbours = islice((folder / wanted.parent).iterdir(), _MOST_NEIGHBOURS)
            beside |= {str(wanted.parent / each.name) for each in neighbours if _holds(kind.there, each)}
        except (OSError, ValueError):
            continue
    return nearest(given.removeprefix("./"), [*sorted(beside), *("" if "/" in given else kind.names)])


def _take_page_size(base: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What a base says against its image, and what it should say."""
    config, image = base.get("config"), base.get("image")
    if isinstance(image, str) and Path(image).is_absolute():
        yield from _take_page_size_of_image(base, Path(image))
    elif base.get("page_size") is None and isinstance(config, str) and Path(config).is_absolute():
        _take_page_size_of_config(base, Path(config))


def _take_page_size_of_image(base: dict[str, Any], image: Path) -> Iterator[tuple[str, str]]:
    from orchestrator.kernels.given.page_size import page_size_of  # only few scenarios have an image

    size_bytes = page_size_of(image)
    if size_bytes is None:
        return
    if base.get("page_size") is None:
        base["page_size"] = format_size(size_bytes)
    try:
        agrees = parse_size(base["page_size"]) == size_bytes
    except ValueError:
        return  # no size at all: what reads the scenario says so
    if not agrees:
        yield f"{image.name} is a kernel with pages of {format_size(size_bytes)}", format_size(size_bytes)


def _take_page_size_of_config(base: dict[str, Any], config: Path) -> None:
    try:
        text = read_bounded(config, _MOST_CONFIG_BYTES, what="configuration").decode(errors="replace")
    except InputError:
        return  # what builds it says so
    if (size := _PAGE_SIZE.search(text)) is not None:
        base["page_size"] = f"{size[1]}KiB"
