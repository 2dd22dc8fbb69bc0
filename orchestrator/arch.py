# SPDX-License-Identifier: Apache-2.0
"""The one table of architectures, under their several names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from orchestrator.units import KIB

ArchName = Literal["arm64", "x86_64"]
"""As scenarios and records spell them: the keys of `ARCHS`."""


@dataclass(frozen=True)
class Arch:
    """A guest or host architecture: our name, Debian's, the compiler's, kbuild's, and `uname -m`'s.

    `page_sizes_bytes`: those that a kernel for it can be built with.
    """

    name: ArchName
    debian: str
    triplet: str
    kbuild: str
    machine: str
    page_sizes_bytes: tuple[int, ...]


ARCHS: dict[str, Arch] = {
    arch.name: arch
    for arch in (
        Arch(
            "arm64",
            debian="arm64",
            triplet="aarch64-linux-gnu",
            kbuild="arm64",
            machine="aarch64",
            page_sizes_bytes=(4 * KIB, 16 * KIB, 64 * KIB),
        ),
        Arch(
            "x86_64",
            debian="amd64",
            triplet="x86_64-linux-gnu",
            kbuild="x86",
            machine="x86_64",
            page_sizes_bytes=(4 * KIB,),
        ),
    )
}

DEFAULT_ARCH: ArchName = "arm64"
"""Where neither the user nor a report says another: phones are arm64."""
