# SPDX-License-Identifier: Apache-2.0
"""What a scenario's files come to in the guest: each examined, with the libraries of programs beside them.

Nothing is copied yet, and nothing is run. What cannot work in the guest is a problem here, before any boot.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal

from orchestrator.arch import Arch
from orchestrator.errors import InputError
from orchestrator.guest_files.elf import BadElf, Elf, read_elf
from orchestrator.guest_files.guest_path import LIBRARIES
from orchestrator.guest_files.libraries import Found, Missing, links
from orchestrator.guest_files.opened import opened, size_of
from orchestrator.guest_files.record import FileKind
from orchestrator.text.plain import named
from orchestrator.units import GIB, MIB, format_size

_MOST_BYTES = GIB
MEMORY_SHARE = 3
"""The archive and what is unpacked of it are in memory at one time, beside a kernel that boots."""
_LONGEST_FIRST_LINE = 256
"""BINPRM_BUF_SIZE of include/uapi/linux/binfmts.h: more of a first line no kernel reads."""
_SHELLS = ("/bin/sh", "/bin/busybox")
_ANDROID = ("/system/", "/apex/")

GuestKind = Literal["own", "open", "android"]
"""Whose the guest's root is: our own alone; ours and that of a kernel's initramfs; Android's."""


@dataclass(frozen=True)
class CollectedFile:
    """A file for the guest, and where it is here."""

    guest: str
    source: Path
    kind: FileKind
    size_bytes: int


@dataclass(frozen=True)
class Trouble:
    """Why a file cannot be in the guest: at its key in the scenario, None: all of them together."""

    key: str | None
    what: str
    instead: str = ""

    @property
    def words(self) -> str:
        """What is wrong, and what to do."""
        return f"{self.what}; {self.instead}" if self.instead else self.what


@dataclass(frozen=True)
class Collected:
    """All files for the guests of a scenario, sorted by their places there."""

    files: tuple[CollectedFile, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    troubles: tuple[Trouble, ...] = ()

    @property
    def size_bytes(self) -> int:
        """Of all of them."""
        return sum(each.size_bytes for each in self.files)


def collect(
    files: Mapping[str, str], arch: Arch, *, memory_bytes: int, guest: GuestKind, root: Path = Path("/")
) -> Collected:
    """Examine `files` (path here -> path in the guest) for guests of one architecture and so much memory.

    Libraries are looked for below `root`.
    """
    collection = _Collection(files, arch, guest, root)
    found = tuple(collection.examined())
    troubles = [*collection.troubles, *_too_much(found, memory_bytes)]
    own = {each.guest for each in found}
    return Collected(
        tuple(sorted(found, key=lambda each: each.guest)),
        links(arch) if any(each.kind == "library" for each in found) else {},
        (*troubles, *(_in_the_way(own) if not troubles else ())),
    )


class _Collection:
    """The files of one scenario, one after the other."""

    def __init__(self, files: Mapping[str, str], arch: Arch, guest: GuestKind, root: Path) -> None:
        self._files = files
        self._arch = arch
        self._guest = guest
        self._there = {guest_path: Path(here) for here, guest_path in files.items()}
        self._libraries = Found(arch, self._there, root)
        self.troubles: list[Trouble] = []

    def examined(self) -> Iterator[CollectedFile]:
        """Each file; those that cannot be had are troubles."""
        for here, guest_path in self._files.items():
            try:
                yield self._examine(Path(here), guest_path)
            except _Unfit as unfit:
                self.troubles.append(Trouble(here, unfit.what, unfit.instead))
            except InputError as error:
                self.troubles.append(Trouble(here, error.message, error.hint))
        for guest_path, source in self._libraries.libraries.items():
            with opened(source) as file:
                yield CollectedFile(guest_path, source, "library", size_of(file))

    def _examine(self, here: Path, guest_path: str) -> CollectedFile:
        with opened(here) as file:
            size = size_of(file)
            if size > _MOST_BYTES:
                raise _Unfit(f"{here} has {_rough(size)}, and a guest takes {format_size(_MOST_BYTES)}")
            try:
                elf = read_elf(file)
                if elf is not None and elf.type == "program":
                    self._require_program(here, elf)
            except BadElf as error:
                raise _Unfit(f"{here} is no whole program: {error}", "copy or build it again") from None
            kind = self._kind_of(here, file, elf)
        return CollectedFile(guest_path, here, kind, size)

    def _kind_of(self, here: Path, file: BinaryIO, elf: Elf | None) -> FileKind:
        if elf is not None:
            return "program" if elf.type == "program" else "data"
        file.seek(0)
        start = file.read(_LONGEST_FIRST_LINE)
        if not start.startswith(b"#!"):
            return "data"
        self._require_interpreter(here, start)
        return "script"

    def _require_program(self, here: Path, elf: Elf) -> None:
        wanted = self._arch.name
        if elf.machine != wanted:
            raise _Unfit(
                f"{here} is a program for {elf.machine}, and the scenario's device is {wanted}",
                f"build it with {self._arch.triplet}-gcc"
                + (
                    f", or say `arch: {elf.machine}` under `device`"
                    if elf.machine in ("arm64", "x86_64")
                    else ""
                ),
            )
        if elf.is_static or (self._guest == "android" and _is_androids(elf)):
            return
        self._require_loadable(here, elf)
        try:
            self._libraries.add(elf, here)
        except Missing as missing:
            if self._guest == "open":
                return  # it may be in the initramfs that the kernel came with
            raise _Unfit(
                f"{missing.needed_by} needs {named(missing.name)}, which is not on this host for {wanted}",
                self._remedy(missing),
            ) from None

    def _require_loadable(self, here: Path, elf: Elf) -> None:
        if self._guest == "android":
            raise _Unfit(
                f"{here} is loaded by {named(elf.interpreter or 'a C library')}, which Android has not",
                "link it with -static, or build it with Android's toolchain",
            )
        if _is_androids(elf):
            raise _Unfit(
                f"{here} is Android's: {named(elf.interpreter or '')} loads it, which no Debian has",
                "build it static (`static_executable: true`), or run it with `backend: cuttlefish`",
            )

    def _remedy(self, missing: Missing) -> str:
        if not missing.looked:
            return "link it by name (-lNAME) or with -static"
        libc = f"libc6-{self._arch.debian}-cross"
        return (
            "link it with -static; or give the library as a file of its own, to"
            f" {LIBRARIES}/{named(missing.name)} in the guest; or install it ({libc} has the C library):"
            f" it was looked for in {', '.join(map(str, missing.looked[:8]))}"
        )

    def _require_interpreter(self, here: Path, start: bytes) -> None:
        words = start[2:].partition(b"\n")[0].split()
        name = words[0].decode(errors="backslashreplace") if words else ""
        if self._guest != "own" or name in (*_SHELLS, *self._there):
            return
        raise _Unfit(
            f"{here} is a script for {named(name) or 'nothing'}, which the guest has not",
            "its shell is busybox's, `#!/bin/sh`; or give the interpreter as a file, linked with -static",
        )


class _Unfit(Exception):
    """A file that cannot do its work in the guest."""

    def __init__(self, what: str, instead: str = "") -> None:
        super().__init__(what)
        self.what, self.instead = what, instead


def _is_androids(elf: Elf) -> bool:
    return elf.interpreter is not None and elf.interpreter.startswith(_ANDROID)


def _too_much(found: Sequence[CollectedFile], memory_bytes: int) -> Iterator[Trouble]:
    """By size against the guest's memory: the largest is named."""
    total, most = sum(each.size_bytes for each in found), min(memory_bytes // MEMORY_SHARE, _MOST_BYTES)
    most -= most % MIB
    if total <= most:
        return
    largest = max(found, key=lambda each: each.size_bytes)
    yield Trouble(
        None,
        f"{_rough(total)} of files for a guest with {format_size(memory_bytes)} of memory: they may take"
        f" {format_size(most)}, for they are in memory twice while it boots. The largest is {largest.source}"
        f" with {_rough(largest.size_bytes)}",
        "leave out what is not needed, `strip` programs, or give the device more memory",
    )


def _rough(size_bytes: int) -> str:
    return f"{size_bytes / MIB:.1f} MiB"


def _in_the_way(own: set[str]) -> Iterator[Trouble]:
    """A file where another one needs a directory."""
    for path in sorted(own):
        above = posixpath.dirname(path)
        while above != "/":
            if above in own:
                yield Trouble(None, f"{above} in the guest cannot be a file and the directory of {path}")
            above = posixpath.dirname(above)
