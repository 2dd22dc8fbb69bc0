# SPDX-License-Identifier: Apache-2.0
"""Variants that came out as the same binary: whatever a run shows of them is no doing of a patch. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from orchestrator.kernels.manifest import ArtefactManifest, VariantArtefacts
from orchestrator.kernels.modules import BINDER

NO_SETTINGS: Mapping[str, str] = MappingProxyType({})
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
    settings_differ: bool = False
    """What a run shows of them is of their settings alone; that may be just what somebody wants to see."""

    @property
    def words(self) -> str:
        """Which variants, which file and checksum, and what that means."""
        names = f"{', '.join(self.variants[:-1])} and {self.variants[-1]}"
        return f"{names} run the same {self.what} (SHA-256 {self.sha256[:_SHOWN]}...): {self.because}"


_Record = tuple[ArtefactManifest, VariantArtefacts]


def same_binaries(
    manifests: Mapping[str, ArtefactManifest], settings: Mapping[str, str] = NO_SETTINGS
) -> list[SameBinary]:
    """All groups of variants that are alike, of the record of each one's guests by its name.

    Twins are meant to be alike, and have no record of their own. Variants with other `settings` (by name) are
    apart, unless they ask for other patches as well, which then change nothing.
    """
    groups: dict[tuple[str | None, ...], dict[str, _Record]] = {}
    for name, manifest in manifests.items():
        own = _own(manifest, name)
        groups.setdefault(_identity(manifest, own), {})[name] = manifest, own
    return [same for records in groups.values() for same in _alike(records, settings)]


def _alike(records: Mapping[str, _Record], settings: Mapping[str, str]) -> Iterator[SameBinary]:
    """The groups among variants of one binary."""
    apart: dict[str, dict[str, _Record]] = {}
    for name, record in records.items():
        apart.setdefault(settings.get(name, ""), {})[name] = record
    alike = [group for group in apart.values() if len(group) > 1]
    for group in alike:
        yield _same(group, _because(list(group.values())))
    if not alike and len(_asked(records.values())) > 1:
        why = f"{_because(list(records.values()))}; what a run shows is of their settings alone"
        yield replace(_same(records, why), settings_differ=True)


def _own(manifest: ArtefactManifest, name: str) -> VariantArtefacts:
    return next(variant for variant in manifest.variants if variant.name == name)


def _identity(manifest: ArtefactManifest, variant: VariantArtefacts) -> tuple[str | None, ...]:
    """All that could make guests of one variant differ from those of another: equal for the same binary."""
    given = manifest.given
    brought = (None, None) if given is None else (given.initramfs_sha256, given.modules_sha256)
    return manifest.kernel_sha256, variant.module_sha256, *brought


def _same(records: Mapping[str, _Record], because: str) -> SameBinary:
    manifest, first = next(iter(records.values()))
    is_module = first.module_sha256 is not None
    return SameBinary(
        tuple(records),
        BINDER.file if is_module else f"kernel {manifest.release}",
        first.module_sha256 or manifest.kernel_sha256,
        because,
    )


def _asked(records: Iterable[_Record]) -> set[tuple[str, tuple[str, ...]]]:
    """The kernels that the scenario asks for, by base and patches."""
    return {
        (manifest.base, tuple(patch.sha256 for patch in variant.patches)) for manifest, variant in records
    }


def _because(variants: list[_Record]) -> str:
    if len(_asked(variants)) == 1:
        return "the scenario asks for one and the same twice (for a control, say so with `twin_of`)"
    patched = [variant for _, variant in variants if variant.patches]
    if len(variants) == 2 and len(patched) == 1:
        of = "patch changes" if len(patched[0].patches) == 1 else "patches change"
        return f"the {of} nothing in the binary"
    return "what tells them apart in the scenario changes nothing in the binary"
