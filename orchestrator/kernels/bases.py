# SPDX-License-Identifier: Apache-2.0
"""The distribution kernels a variant can start from, and the architectures they exist for."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from orchestrator.errors import InputError
from orchestrator.units import KIB


@dataclass(frozen=True)
class Arch:
    """A guest or host architecture under its several names."""

    name: str
    debian: str
    triplet: str
    kbuild: str


@dataclass(frozen=True)
class Base:
    """One distribution kernel: the meta packages that name its newest version."""

    name: str
    source_package: str
    page_size_bytes: int
    image_meta: dict[str, str]
    headers_meta: dict[str, str]
    compiler_major: int = 12

    @property
    def archs(self) -> tuple[str, ...]:
        """The architectures this base exists for."""
        return tuple(self.image_meta)


ARCHS = {
    arch.name: arch
    for arch in (
        Arch("arm64", debian="arm64", triplet="aarch64-linux-gnu", kbuild="arm64"),
        Arch("x86_64", debian="amd64", triplet="x86_64-linux-gnu", kbuild="x86"),
    )
}

BASES = {
    base.name: base
    for base in (
        Base(
            "debian-6.1",
            source_package="linux-source-6.1",
            page_size_bytes=4 * KIB,
            image_meta={"arm64": "linux-image-arm64", "x86_64": "linux-image-amd64"},
            headers_meta={"arm64": "linux-headers-arm64", "x86_64": "linux-headers-amd64"},
        ),
        Base(
            "debian-6.12",
            source_package="linux-source-6.12",
            page_size_bytes=4 * KIB,
            image_meta={"arm64": "linux-image-6.12-arm64", "x86_64": "linux-image-6.12-amd64"},
            headers_meta={"arm64": "linux-headers-6.12-arm64", "x86_64": "linux-headers-6.12-amd64"},
        ),
        Base(
            "debian-6.12-16k",
            source_package="linux-source-6.12",
            page_size_bytes=16 * KIB,
            image_meta={"arm64": "linux-image-6.12-arm64-16k"},
            headers_meta={"arm64": "linux-headers-6.12-arm64-16k"},
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
