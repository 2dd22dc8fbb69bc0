# SPDX-License-Identifier: Apache-2.0
"""The one table of architectures, under their several names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ArchName = Literal["arm64", "x86_64"]
"""As scenarios and records spell them."""


@dataclass(frozen=True)
class Arch:
    """A guest or host architecture under its several names."""

    name: ArchName
    debian: str
    triplet: str
    kbuild: str


ARCHS: dict[str, Arch] = {
    arch.name: arch
    for arch in (
        Arch("arm64", debian="arm64", triplet="aarch64-linux-gnu", kbuild="arm64"),
        Arch("x86_64", debian="amd64", triplet="x86_64-linux-gnu", kbuild="x86"),
    )
}
