# SPDX-License-Identifier: Apache-2.0
"""What a guest is made of, by checksum: the record that makes a run repeatable."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from orchestrator.frozen import Frozen

Sha256 = str


class Package(Frozen):
    """One binary package of the distribution, exactly."""

    name: str
    version: str
    architecture: str
    sha256: Sha256
    size_bytes: int


class PatchFile(Frozen):
    """A patch by content; the name is what the user called it."""

    name: str
    sha256: Sha256


class VariantArtefacts(Frozen):
    """The module one variant runs, and where it came from."""

    name: str
    scope: str | None
    patches: tuple[PatchFile, ...] = ()
    module_sha256: Sha256
    module_origin: Literal["distribution", "built"] = Field(
        description="'built' is also used for an unpatched variant that is compared with a patched one, "
        "so that both come from the same compiler and differ by the patch alone"
    )
    compiler: str | None = Field(default=None, description="first line of the compiler's --version")


class ArtefactManifest(Frozen):
    """Everything the guests of one base kernel are made of."""

    base: str
    arch: str
    release: str
    page_size_bytes: int
    packages: tuple[Package, ...]
    kernel_sha256: Sha256
    busybox_sha256: Sha256
    agent_sha256: Sha256
    agent_compiler: str
    initramfs_sha256: Sha256
    variants: tuple[VariantArtefacts, ...] = ()
