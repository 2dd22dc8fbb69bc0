# SPDX-License-Identifier: Apache-2.0
"""The one table of kernels that a variant can start from."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from orchestrator.arch import ARCHS, Arch, ArchName
from orchestrator.errors import InputError
from orchestrator.units import KIB, USUAL_PAGE_BYTES


@dataclass(frozen=True)
class Origin:
    """Where a base can come from: `suite` has its kernel; busybox and other versions are in other `suites`.

    Origins of one `index` share the package lists that are fetched for them. `named`: the kernel is not the
    one its release came with, so that meta packages have the series in their names.
    """

    suite: str
    index: str
    suites: tuple[str, ...]
    named: bool = False


class MadeFrom(Protocol):
    """What a base is made from. Its type tells which source of kernels gives it (`kernels.sources`)."""

    @property
    def archs(self) -> tuple[ArchName, ...]:
        """The architectures that it gives kernels for."""

    @property
    def source_name(self) -> str:
        """The kernel source behind it; bases that are built from one and the same have this in common."""


@dataclass(frozen=True)
class DebianPackages:
    """A kernel as Debian packages it: a series and, by architecture, Debian's name of its flavour.

    `origins` are tried in order. Older releases come first: newer hosts can run their build tools, so
    that hosts of all releases agree on a version.
    """

    series: str
    flavours: dict[ArchName, str]
    origins: tuple[Origin, ...]

    @property
    def archs(self) -> tuple[ArchName, ...]:
        """The architectures that have a flavour."""
        return tuple(self.flavours)

    @property
    def source_name(self) -> str:
        """The package with the kernel's source."""
        return f"linux-source-{self.series}"

    def meta_package(self, part: str, arch: Arch, origin: Origin) -> str:
        """The meta package that names the newest `part` ("image" or "headers")."""
        series = f"{self.series}-" if origin.named else ""
        return f"linux-{part}-{series}{self.flavours[arch.name]}"


@dataclass(frozen=True)
class Base:
    """One kernel that variants start from. `compiler_major` is the compiler that it was built with."""

    name: str
    page_size_bytes: int
    made_from: MadeFrom
    compiler_major: int = 12

    @property
    def archs(self) -> tuple[ArchName, ...]:
        """The architectures this base exists for."""
        return self.made_from.archs

    @property
    def source_name(self) -> str:
        """What bases of one kernel source have in common: their page sizes may differ."""
        return self.made_from.source_name


_BOOKWORM = ("bookworm", "bookworm-updates", "bookworm-security")
_IN_BOOKWORM = Origin("bookworm", "bookworm", _BOOKWORM)
_IN_BOOKWORM_SECURITY = Origin("bookworm-security", "bookworm", _BOOKWORM, named=True)
_IN_TRIXIE = Origin("trixie", "trixie", ("trixie", "trixie-updates", "trixie-security"))
_IN_BACKPORTS = Origin("bookworm-backports", "bookworm-backports", ("bookworm", "bookworm-backports"))
_OF_6_12 = (_IN_BOOKWORM_SECURITY, _IN_TRIXIE, _IN_BACKPORTS)

BASES = {
    base.name: base
    for base in (
        Base(
            "debian-6.1",
            page_size_bytes=4 * KIB,
            made_from=DebianPackages("6.1", {"arm64": "arm64", "x86_64": "amd64"}, (_IN_BOOKWORM,)),
        ),
        Base(
            "debian-6.12",
            page_size_bytes=4 * KIB,
            made_from=DebianPackages("6.12", {"arm64": "arm64", "x86_64": "amd64"}, _OF_6_12),
        ),
        Base(
            "debian-6.12-16k",
            page_size_bytes=16 * KIB,
            made_from=DebianPackages("6.12", {"arm64": "arm64-16k"}, _OF_6_12),
        ),
    )
}

DEFAULT_BASE = "debian-6.1"
"""Taken where nobody names one, and for probe guests: it is in every whole archive, and its binder still
allocates page arrays with kcalloc."""

if TYPE_CHECKING:
    BaseName = str
else:
    BaseName = Literal[tuple(BASES)]
"""As scenarios and records spell them: the keys of `BASES`."""


def peculiarities() -> str:
    """Which bases have other pages than 4 KiB, or do not exist for every architecture; "" for none."""
    return "; ".join(
        f"`{base.name}` {' and '.join(said)}" for base in BASES.values() if (said := tuple(_peculiar(base)))
    )


def _peculiar(base: Base) -> Iterator[str]:
    if base.page_size_bytes != USUAL_PAGE_BYTES:
        yield f"has {base.page_size_bytes // KIB} KiB pages"
    if len(base.archs) < len(ARCHS):
        yield f"exists for {', '.join(base.archs)} only"


def find_base(base_name: str, arch_name: str) -> tuple[Base, Arch]:
    """The base and architecture of these names; InputError naming what exists."""
    if arch_name not in ARCHS:
        raise InputError(f"unknown architecture '{arch_name}'", hint=f"known: {', '.join(ARCHS)}")
    base = BASES.get(base_name)
    if base is None:
        near = difflib.get_close_matches(base_name, BASES, n=1)
        suggestion = f"did you mean '{near[0]}'? " if near else ""
        raise InputError(f"unknown base '{base_name}'", hint=f"{suggestion}known: {', '.join(BASES)}")
    if arch_name not in base.archs:
        raise InputError(
            f"base '{base_name}' does not exist for {arch_name}",
            hint=f"it exists for {', '.join(base.archs)}; bases for {arch_name}:"
            f" {', '.join(bases_for(arch_name))}",
        )
    return base, ARCHS[arch_name]


def bases_for(arch_name: str) -> list[str]:
    """The names of the bases that exist for an architecture."""
    return [base.name for base in BASES.values() if arch_name in base.archs]


def counterpart(base: Base, arch_name: str) -> str | None:
    """The base nearest to one that an architecture lacks: of the same source, else any; None for none."""
    there = bases_for(arch_name)
    same = [name for name in there if BASES[name].source_name == base.source_name]
    return next(iter([*same, *there]), None)
