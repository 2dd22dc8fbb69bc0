# SPDX-License-Identifier: Apache-2.0
"""Variants that came out as the same binary: whatever a run shows of them is no doing of a patch. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.kernels.manifest import ArtefactManifest, VariantArtefacts
from orchestrator.kernels.modules import BINDER

_SHOWN = 16
"""Digits of a checksum that people compare."""


@dataclass(frozen=True)
class SameBinary:
    """Variants whose guests run the same kernel and the same driver. `what` is the file that might differ.

    `because` says what was to tell them apart.
    """

    variants: tuple[str, ...]
    what: str
    sha256: str
    because: str

    @property
    def words(self) -> str:
        """Which variants, which file and checksum, and what that means."""
        names = f"{', '.join(self.variants[:-1])} and {self.variants[-1]}"
        return f"{names} run the same {self.what} (SHA-256 {self.sha256[:_SHOWN]}...): {self.because}"


def same_binaries(manifests: Mapping[str, ArtefactManifest]) -> list[SameBinary]:
    """All groups of variants that are alike, of the record of each one's guests by its name.

    Twins are meant to be alike, and have no record of their own.
    """
    groups: dict[tuple[str | None, ...], list[str]] = {}
    own = {name: _own(manifest, name) for name, manifest in manifests.items()}
    for name, manifest in manifests.items():
        groups.setdefault(_identity(manifest, own[name]), []).append(name)
    return [
        _same(names, manifests[names[0]], [(manifests[name].base, own[name]) for name in names])
        for names in groups.values()
        if len(names) > 1
    ]


def _own(manifest: ArtefactManifest, name: str) -> VariantArtefacts:
    return next(variant for variant in manifest.variants if variant.name == name)


def _identity(manifest: ArtefactManifest, variant: VariantArtefacts) -> tuple[str | None, ...]:
    """All that could make guests of one variant differ from those of another: equal for the same binary."""
    given = manifest.given
    brought = (None, None) if given is None else (given.initramfs_sha256, given.modules_sha256)
    return manifest.kernel_sha256, variant.module_sha256, *brought


def _same(
    names: list[str], manifest: ArtefactManifest, variants: list[tuple[str, VariantArtefacts]]
) -> SameBinary:
    first = variants[0][1]
    is_module = first.module_sha256 is not None
    return SameBinary(
        tuple(names),
        BINDER.file if is_module else f"kernel {manifest.release}",
        first.module_sha256 or manifest.kernel_sha256,
        _because(variants),
    )


def _because(variants: list[tuple[str, VariantArtefacts]]) -> str:
    asked = {(base, tuple(patch.sha256 for patch in variant.patches)) for base, variant in variants}
    if len(asked) == 1:
        return "the scenario asks for one and the same twice (for a control, say so with `twin_of`)"
    patched = [variant for _, variant in variants if variant.patches]
    if len(variants) == 2 and len(patched) == 1:
        of = "patch changes" if len(patched[0].patches) == 1 else "patches change"
        return f"the {of} nothing in the binary"
    return "what tells them apart in the scenario changes nothing in the binary"
