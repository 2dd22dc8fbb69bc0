# SPDX-License-Identifier: Apache-2.0
"""Artefacts of an earlier run, found again by checksum: the same guest, or a refusal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import HostError, InputError
from orchestrator.kernels.cache import Cache, CacheEntry
from orchestrator.kernels.initramfs import INITRAMFS_FILE
from orchestrator.kernels.manifest import ArtefactManifest, PatchFile


@dataclass(frozen=True)
class WantedVariant:
    """A variant as the scenario asks for it now, to be held against the record."""

    name: str
    scope: str | None
    patches: tuple[PatchFile, ...]


def find_pinned(
    cache: Cache, pins: Sequence[ArtefactManifest], base: str, arch: str, variants: Sequence[WantedVariant]
) -> tuple[ArtefactManifest, Path, Path]:
    """The record for this base, and the kernel and initramfs with exactly its checksums.

    Raises InputError when the earlier run used other variants or patches, and HostError when a file is
    gone from the cache or is damaged: then no claim of identity can be made.
    """
    manifest = next((pin for pin in pins if (pin.base, pin.arch) == (base, arch)), None)
    if manifest is None:
        raise InputError(f"the earlier run did not use {base} on {arch}, so its artefacts cannot be reused")
    _require_same_variants(manifest, variants)
    kernel = _find_file(cache, "kernel", "vmlinuz", manifest.kernel_sha256, f"kernel {manifest.release}")
    initramfs = _find_file(cache, "initramfs", INITRAMFS_FILE, manifest.initramfs_sha256, "initramfs")
    return manifest, kernel, initramfs


def _require_same_variants(manifest: ArtefactManifest, variants: Sequence[WantedVariant]) -> None:
    recorded = {variant.name: variant for variant in manifest.variants}
    for wanted in variants:
        known = recorded.get(wanted.name)
        if known is None:
            raise InputError(
                f"the earlier run had no variant '{wanted.name}' on {manifest.base}",
                hint=f"it had {', '.join(recorded) or 'none'}",
            )
        before = (known.scope, [patch.sha256 for patch in known.patches])
        if before != (wanted.scope, [patch.sha256 for patch in wanted.patches]):
            raise InputError(
                f"variant '{wanted.name}' is not what it was in the earlier run: its scope or patches differ",
                hint="run without --artefacts-from, or restore the patches",
            )


def _find_file(cache: Cache, kind: str, name: str, sha256: str, what: str) -> Path:
    entry: CacheEntry | None = cache.find_file(kind, name, sha256)
    if entry is None:
        raise HostError(
            f"the {what} of the earlier run is no longer in the cache: this cannot be the same guest",
            hint="run without --artefacts-from to take what is there now",
            evidence=[f"wanted {name} with SHA-256 {sha256}", f"cache {cache.root}"],
        )
    return entry.file(name)
