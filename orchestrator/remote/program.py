# SPDX-License-Identifier: Apache-2.0
"""Which program is on the other machine: a run is made by the very source that will read it here."""

from __future__ import annotations

import hashlib
import shlex
from pathlib import Path

from orchestrator.errors import HostError
from orchestrator.kernels.verified import file_sha256
from orchestrator.paths import resource_dir
from orchestrator.remote.connection import Machine
from orchestrator.remote.places import Places

_PACKAGE = Path(__file__).resolve().parents[1]
_SHIPPED = ("images", "scenarios")
_SETUP = "oomlab host setup HOST"


def program_files() -> dict[str, Path]:
    """What this program consists of, by its name in a checkout: the package, and what it ships."""
    folders = {_PACKAGE.name: _PACKAGE, **{name: resource_dir(name) for name in _SHIPPED}}
    return {
        f"{name}/{path.relative_to(folder).as_posix()}": path
        for name, folder in folders.items()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and _is_source(path.relative_to(folder), of_package=folder == _PACKAGE)
    }


def _is_source(path: Path, *, of_package: bool) -> bool:
    # An installed program has what it ships inside its package.
    return "__pycache__" not in path.parts and not (of_package and path.parts[0] in _SHIPPED)


def source_checksum() -> str:
    """What tells this program's source from any other."""
    whole = hashlib.sha256()
    for name, path in sorted(program_files().items()):
        whole.update(f"{file_sha256(path)}  {name}\n".encode())
    return whole.hexdigest()


def require_program(machine: Machine) -> Places:
    """Where things are on the other machine; HostError unless this very program is there, ready to run."""
    places = Places(machine.home)
    answer = machine.run(f"cat {shlex.quote(places.stamp)}")
    if not answer.ok:
        raise HostError("oomlab is not set up on the other machine", hint=_SETUP)
    if answer.stdout.strip() != source_checksum():
        raise HostError(
            "the oomlab on the other machine has another source than this one",
            hint=f"{_SETUP} brings this one there; figures of two versions do not mix",
        )
    return places
