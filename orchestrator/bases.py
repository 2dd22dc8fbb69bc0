# SPDX-License-Identifier: Apache-2.0
"""The one table of distribution kernels that a variant can start from."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from orchestrator.arch import ARCHS, Arch
from orchestrator.errors import InputError
from orchestrator.units import KIB


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


@dataclass(frozen=True)
class Base:
    """One distribution kernel: a series and, by architecture, Debian's name of its flavour.

    `origins` are tried in order. Older releases come first: newer hosts can run their build tools, so
    that hosts of all releases agree on a version.
    """

    name: str
    series: str
    page_size_bytes: int
    flavours: dict[str, str]
    origins: tuple[Origin, ...]
    compiler_major: int = 12

    @property
    def archs(self) -> tuple[str, ...]:
        """The architectures this base exists for."""
        return tuple(self.flavours)

    @property
    def source_package(self) -> str:
        """The package with the kernel's source."""
        return f"linux-source-{self.series}"

    def meta_package(self, part: str, arch: Arch, origin: Origin) -> str:
        """The meta package that names the newest `part` ("image" or "headers")."""
        series = f"{self.series}-" if origin.named else ""
        return f"linux-{part}-{series}{self.flavours[arch.name]}"


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
            series="6.1",
            page_size_bytes=4 * KIB,
            flavours={"arm64": "arm64", "x86_64": "amd64"},
            origins=(_IN_BOOKWORM,),
        ),
        Base(
            "debian-6.12",
            series="6.12",
            page_size_bytes=4 * KIB,
            flavours={"arm64": "arm64", "x86_64": "amd64"},
            origins=_OF_6_12,
        ),
        Base(
            "debian-6.12-16k",
            series="6.12",
            page_size_bytes=16 * KIB,
            flavours={"arm64": "arm64-16k"},
            origins=_OF_6_12,
        ),
    )
}

SCOPES = {"drivers/android": "binder_linux"}
"""Directories a patched variant may touch, and the module that is built from each."""


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
        usable = ", ".join(other.name for other in BASES.values() if arch_name in other.archs)
        raise InputError(
            f"base '{base_name}' does not exist for {arch_name}",
            hint=f"it exists for {', '.join(base.archs)}; bases for {arch_name}: {usable}",
        )
    return base, ARCHS[arch_name]


def find_scope(scope: str) -> str:
    """The module built from a scope; InputError naming the scopes that exist."""
    if scope not in SCOPES:
        raise InputError(f"scope '{scope}' cannot be built", hint=f"known scopes: {', '.join(SCOPES)}")
    return SCOPES[scope]
