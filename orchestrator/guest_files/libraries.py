# SPDX-License-Identifier: Apache-2.0
"""The libraries that a program needs, found on this host as the loader in the guest would find them there.

Nothing is run for it: `ldd` starts the program. Native directories and those of cross compilers' C libraries
(Debian's `libc6-arm64-cross` has them in /usr/aarch64-linux-gnu) hold files for one machine each; a file for
another machine, or a linker script under a library's name, is passed over as ld.so(8) passes over it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.arch import Arch
from orchestrator.errors import InputError
from orchestrator.guest_files.elf import BadElf, Elf, read_elf
from orchestrator.guest_files.guest_path import LIBRARIES
from orchestrator.guest_files.opened import opened

_MOST = 256
"""No program that is worth the name needs as many libraries."""
_PLACES = ("lib", "lib64", "usr/lib", "usr/lib64", "usr/local/lib")


class Missing(Exception):
    """A library, or the program that loads them, is nowhere on this host."""

    def __init__(self, name: str, needed_by: str, looked: tuple[Path, ...]) -> None:
        super().__init__(name)
        self.name, self.needed_by, self.looked = name, needed_by, looked


@dataclass
class Found:
    """Files for the guest by their paths there, as they are found."""

    arch: Arch
    given: Mapping[str, Path]
    """Files that the scenario names, by guest path: they come before any that is found."""
    root: Path = Path("/")
    libraries: dict[str, Path] = field(default_factory=dict)

    def add(self, elf: Elf, path: Path) -> None:
        """What a program needs, and what that needs. Raises Missing, BadElf, InputError."""
        waiting = [(elf, path)]
        while waiting:
            program, place = waiting.pop()
            for guest, source in self._needs(program, place):
                if guest in self.given or guest in self.libraries:
                    continue
                if len(self.libraries) == _MOST:
                    raise BadElf(f"it needs more than {_MOST} libraries")
                self.libraries[guest] = source
                library = _elf_of(source, self.arch)
                if library is not None:
                    waiting.append((library, source))

    def _needs(self, elf: Elf, path: Path) -> Iterator[tuple[str, Path]]:
        if elf.interpreter is not None and elf.interpreter not in self.given:
            yield elf.interpreter, self._interpreter(elf.interpreter, path)
        for name in elf.needed:
            if not self._is_given(name):
                yield f"{LIBRARIES}/{name}", self._library(name, elf, path)

    def _is_given(self, name: str) -> bool:
        return any(guest.rpartition("/")[2] == name for guest in self.given)

    def _interpreter(self, name: str, path: Path) -> Path:
        own = [Path(name.removeprefix("/")), Path("usr", self.arch.triplet, name.removeprefix("/"))]
        folders = [(self.root / each).parent for each in own]
        return self._first(Path(name).name, [*folders, *self._folders()], path)

    def _library(self, name: str, elf: Elf, path: Path) -> Path:
        if "/" in name:
            raise Missing(name, path.name, ())
        searched = [Path(_expanded(each, path)) for each in elf.search]
        return self._first(name, [*(each for each in searched if each.is_absolute()), *self._folders()], path)

    def _folders(self) -> list[Path]:
        triplets = (self.arch.triplet, self.arch.triplet.replace("-gnu", "-musl"))
        multiarch = [
            f"{place}/{triplet}" for triplet in triplets for place in ("lib", "usr/lib", "usr/local/lib")
        ]
        cross = [f"usr/{self.arch.triplet}/{place}" for place in ("lib", "lib64")]
        return [self.root / each for each in (*multiarch, *cross, *_PLACES)]

    def _first(self, name: str, folders: list[Path], path: Path) -> Path:
        for folder in folders:
            if _elf_of(folder / name, self.arch) is not None:
                return folder / name
        raise Missing(name, path.name, tuple(dict.fromkeys(folders)))


def links(arch: Arch) -> dict[str, str]:
    """Links in the guest, by path: every place where a loader looks leads to the one with the libraries."""
    return {
        f"{LIBRARIES}/{arch.triplet}": ".",
        "/lib64": "lib",
        "/usr/lib": "../lib",
        "/usr/lib64": "../lib",
    }


def _expanded(folder: str, path: Path) -> str:
    origin = os.fspath(path.parent.absolute())
    return folder.replace("${ORIGIN}", origin).replace("$ORIGIN", origin)


def _elf_of(path: Path, arch: Arch) -> Elf | None:
    """None where there is no library for this architecture."""
    try:
        with opened(path) as file:
            elf = read_elf(file)
    except (InputError, BadElf):
        return None
    return elf if elf is not None and elf.type == "program" and elf.machine == arch.name else None
