# SPDX-License-Identifier: Apache-2.0
"""What setting up another machine would do there, before anything is done: packages, program, libraries.

Kernels are made here and travel, so nothing that compiles or fetches kernels is wanted there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import HostError
from orchestrator.remote.program import program_files, source_checksum
from orchestrator.remote.survey import OLDEST_PYTHON, Survey, needs_there
from orchestrator.text.amounts import count_of

LOCK = "requirements.lock"
_PYTHON_PACKAGES = ("python3", "python3-venv")
_KEY_CHARS = 16
LEAST_MIB = 1500
"""Libraries take 400 MB, twice while they are made anew; a kernel of a run 30 MB to 100 MB."""
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Program:
    """What this machine has to bring: its source, and the lock that names every library by checksum."""

    source: str
    lock: Path
    libraries: int
    size_bytes: int

    def key(self, python_version: str) -> str:
        """The name of this very program with its libraries for this Python."""
        return f"{self.source[:_KEY_CHARS]}-{self.libraries_key(python_version)}"

    def libraries_key(self, python_version: str) -> str:
        """The name of its libraries for this Python."""
        lock = hashlib.sha256(self.lock.read_bytes()).hexdigest()
        return f"{lock[:_KEY_CHARS]}-py{python_version}"


@dataclass(frozen=True)
class SetupPlan:
    """What is to be done there; nothing when all is empty.

    `download_bytes` is what apt says the packages come to, None where it does not say.
    """

    packages: tuple[str, ...]
    program: bool
    libraries: bool
    download_bytes: int | None = None

    @property
    def nothing(self) -> bool:
        """Whether all is there."""
        return not (self.packages or self.program or self.libraries)


def this_program() -> Program:
    """HostError for an installed oomlab: the lock is part of a checkout alone."""
    lock = _ROOT / LOCK
    if not lock.is_file():
        raise HostError(
            "an oomlab that was installed by pip has not what other machines need: its lock of libraries",
            hint="clone the repository and run `./oomlab host setup` there",
        )
    files = program_files().values()
    return Program(
        source_checksum(),
        lock,
        len({line.partition("==")[0] for line in lock.read_text().splitlines() if line[:1].isalnum()}),
        sum(path.stat().st_size for path in files),
    )


def missing_packages(found: Survey) -> tuple[str, ...]:
    """The packages of what runs need, by Debian's names."""
    absent = [
        need.package for need in needs_there(found.machine) if not found.programs & {need.name, *need.others}
    ]
    python = () if found.python and found.has_venv else _PYTHON_PACKAGES
    return tuple(dict.fromkeys((*python, *absent)))


def plan_setup(found: Survey, program: Program) -> SetupPlan:
    """What is missing there. HostError where it cannot be had: no apt, no root, an old Python, no room."""
    packages = missing_packages(found)
    if packages:
        _require_apt(found, packages)
    if found.free_mib < LEAST_MIB:
        raise HostError(
            f"the home directory there has {found.free_mib} MiB free, and the libraries and kernels of runs"
            f" take up to {LEAST_MIB} MiB"
        )
    # Which Python comes with the packages is not known before they are there.
    ready = found.source == program.source and found.installed == program.key(found.python_version)
    same_libraries = found.installed.endswith(program.libraries_key(found.python_version))
    return SetupPlan(packages, program=not ready, libraries=not ready and not same_libraries)


def _require_apt(found: Survey, packages: Sequence[str]) -> None:
    wanted = " ".join(packages)
    if not found.has_apt:
        raise HostError(
            f"the other machine lacks what Debian has in {wanted}, and it has no apt-get to install that",
            hint="install it there by hand, then try again: what is set up from here is Debian or a relative",
            evidence=[f"it is {found.system} ({found.machine})"],
        )
    if not found.can_be_root and found.has_sudo:
        raise HostError(
            "sudo asks for a password there, and no password is ever asked for or sent from here",
            hint=f"on the other machine: sudo apt-get install {wanted}; then try again",
        )
    if not found.can_be_root:
        raise HostError(
            "packages are missing there, and the user there is not root and has no sudo",
            hint=f"on the other machine, as root: apt-get install {wanted}; then try again",
        )


def plan_words(found: Survey, plan: SetupPlan, program: Program, place: str) -> Iterator[str]:
    """What will be done, a line each, for somebody who has to say yes."""
    if plan.packages:
        how = "" if found.uid == 0 else ", by sudo"
        size = (
            f"; {plan.download_bytes / 1e6:.0f} MB to download with what they need"
            if plan.download_bytes is not None
            else "; how much that is, apt there cannot say before its lists are fetched"
        )
        yield f"install with apt-get, as root{how}: {' '.join(plan.packages)}{size}"
    if plan.program:
        yield f"put this oomlab there, {program.size_bytes / 1e6:.1f} MB, below {place}"
    if plan.libraries:
        yield (
            f"install {count_of('Python library', program.libraries)} beside it with pip, by checksum"
            " (about 110 MB to download, 400 MB on the disk)"
        )


def too_old(found: Survey) -> HostError:
    """For a machine whose packages brought no Python that is new enough."""
    return HostError(
        f"the other machine has no Python {OLDEST_PYTHON} or newer with its venv module",
        hint="Debian 12 or 13, or Ubuntu 24.04, have one",
        evidence=[f"it is {found.system} ({found.machine})"],
    )
