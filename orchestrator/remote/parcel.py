# SPDX-License-Identifier: Apache-2.0
"""What travels for one run: the scenario as it was read here, its patches, and which kernels are meant.

Kernels were made here, so that no tree, tarball or image of a scenario is read on the other machine: what a
scenario names of them is there by name alone, because names of kernels come of it.
"""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from orchestrator.errors import InputError
from orchestrator.files.atomic import json_text
from orchestrator.files.reading import read_bounded
from orchestrator.frozen import Frozen
from orchestrator.guest_files.collected import CollectedFile
from orchestrator.guest_files.opened import copied
from orchestrator.kernels.build.patch import MAX_PATCH_BYTES
from orchestrator.record.manifest import RunManifest
from orchestrator.run.guest_files import guest_files
from orchestrator.scenario.dump import yaml_text
from orchestrator.scenario.kernel_base import is_config_name, is_package
from orchestrator.scenario.models import Scenario
from orchestrator.units import MIB

SCENARIO_FILE = "scenario.yaml"
MANIFEST_FILE = "manifest.json"
JOB_FILE = "job.json"
_FILES = "files"
_MOST_CONFIG_BYTES = 4 * MIB

_KEYS: dict[str, Callable[[str], bool]] = {
    "source": is_package,
    "config": is_config_name,
    "image": lambda _name: False,
    "initramfs": lambda _name: False,
    "modules": lambda _name: False,
}
"""Keys of a base that may be paths, with a test for words that are none."""

Contents = Mapping[str, bytes | None]
"""By relative name: a file, or (None) an empty directory."""


class JobFacts(Frozen):
    """`job.json`: what was asked for here, for whoever brings the result back."""

    job: Literal[1] = 1
    kind: Literal["run", "search"]
    command: str
    scenario_file: str
    overrides: tuple[str, ...]


def parcel_of(scenario: Scenario, manifest: RunManifest, facts: JobFacts) -> dict[str, bytes | None]:
    """All that `oomlab run SCENARIO_FILE --artefacts-from PARCEL` needs beside the cache's entries.

    InputError for a scenario whose kernels would have other names there.
    """
    data, contents = moved(scenario)
    return {
        **contents,
        SCENARIO_FILE: yaml_text(data).encode(),
        MANIFEST_FILE: json_text(manifest).encode(),
        JOB_FILE: json_text(facts).encode(),
    }


def moved(scenario: Scenario) -> tuple[dict[str, Any], dict[str, bytes | None]]:
    """The scenario's data with the paths in it leading to the parcel's files, and those files."""
    data = scenario.model_dump(mode="json", exclude_defaults=True)
    data["device"].pop("profile", None)  # profiles change between versions, and the device is written out
    paths = dict(_paths(scenario))
    roots = _names({path for path, what in paths.items() if what != "patch"})
    contents: dict[str, bytes | None] = {}
    names: dict[str, str] = {}
    for number, (path, what) in enumerate(paths.items()):
        name = (
            f"{_FILES}/patches/{number}/{Path(path).name}" if what == "patch" else f"{_FILES}/{roots[path]}"
        )
        names[path] = name
        contents[name] = _content(Path(path), what)
    _rename(data, names)
    if scenario.files:
        own = _own_files(scenario)
        data["files"] = {name: guest for name, (guest, _) in own.items()}
        contents |= {name: content for name, (_, content) in own.items()}
    _require_same_names(scenario, data)
    return data, contents


def tar_of(contents: Contents) -> bytes:
    """A tar archive, always the same for the same contents."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in sorted(contents.items()):
            member = tarfile.TarInfo(name)
            member.mode = 0o600
            if content is None:
                member.type, member.mode = tarfile.DIRTYPE, 0o700
            else:
                member.size = len(content)
            archive.addfile(member, io.BytesIO(content or b""))
    return buffer.getvalue()


def _paths(scenario: Scenario) -> Iterator[tuple[str, str]]:
    """Every path in the scenario with what lies there."""
    for variant in scenario.variants.values():
        yield from ((str(patch), "patch") for patch in variant.patches)
        if isinstance(variant.base, str):
            continue
        for key, value in variant.base.model_dump(include=set(_KEYS)).items():
            if value is not None and not _KEYS[key](value):
                yield value, key


def _names(paths: Iterable[str]) -> dict[str, str]:
    """Paths below the deepest directory that has them all: their ends are what kernels are named by."""
    wanted = sorted(paths)
    common = os.path.commonpath([os.path.dirname(path) for path in wanted]) if wanted else ""  # noqa: PTH120
    return {path: PurePosixPath(path).relative_to(common).as_posix() for path in wanted}


def _content(path: Path, what: str) -> bytes | None:
    if what == "patch":
        return read_bounded(path, MAX_PATCH_BYTES, what="patch")
    if what == "config":
        return read_bounded(path, _MOST_CONFIG_BYTES, what="configuration")
    return None if path.is_dir() else b""


def _own_files(scenario: Scenario) -> dict[str, tuple[str, bytes]]:
    """Files for the guests by their names in the parcel, with their places in the guest.

    Libraries that were found here are named there, for that machine may have others or none.
    """
    found = (guest_files(scenario).sources or {}).values()
    return {
        f"{_FILES}/guest/{number}/{each.source.name}": (each.guest, _whole(each))
        for number, each in enumerate(found)
    }


def _whole(file: CollectedFile) -> bytes:
    content = io.BytesIO()
    copied(file.source, content, file.size_bytes)
    return content.getvalue()


def _rename(data: dict[str, Any], names: Mapping[str, str]) -> None:
    for variant in data["variants"].values():
        if "patches" in variant:
            variant["patches"] = [names[str(patch)] for patch in variant["patches"]]
        if isinstance(variant["base"], dict):
            variant["base"] |= {key: names.get(value, value) for key, value in _own(variant["base"]).items()}


def _own(base: Mapping[str, Any]) -> dict[str, str]:
    return {key: value for key, value in base.items() if key in _KEYS and isinstance(value, str)}


def _require_same_names(scenario: Scenario, data: dict[str, Any]) -> None:
    there = Scenario.model_validate(deepcopy(data))
    before = {name: base.name for name, base in scenario.bases.items()}
    if before != {name: base.name for name, base in there.bases.items()}:
        raise InputError(
            "kernels are named by the ends of their paths, and these would have other names elsewhere",
            hint="give the trees that the scenario names other names, or put them into one directory",
        )


@dataclass(frozen=True)
class Parcel:
    """One run, ready to travel: the parcel as a tar archive, and the words of its command line there.

    Words that are paths are relative to the job's directory.
    """

    archive: bytes
    arguments: tuple[str, ...]
