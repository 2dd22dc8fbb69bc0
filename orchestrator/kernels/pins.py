# SPDX-License-Identifier: Apache-2.0
"""Artefacts of an earlier run: found again by checksum, or made again and held against the record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.errors import HostError, InputError
from orchestrator.guest_files.record import GuestFile
from orchestrator.kernels.cache import Cache
from orchestrator.kernels.initramfs import INITRAMFS_FILE
from orchestrator.kernels.manifest import ArtefactManifest, PatchFile, VariantArtefacts
from orchestrator.kernels.modules import TestModule
from orchestrator.kernels.patch_file import Patch

_HINT = "run without --artefacts-from to take what is there now"
_LOCK_HINT = "run --lock takes the same packages and patches, and what this host makes of them"


@dataclass(frozen=True)
class Pins:
    """What an earlier run recorded: its artefacts, and its patches by checksum as far as they were kept."""

    manifests: tuple[ArtefactManifest, ...]
    patches: Mapping[str, bytes] = field(default_factory=dict)

    def of(self, base: str, arch: str) -> ArtefactManifest:
        """The record of one base; InputError when the run did not use it."""
        found = next((each for each in self.manifests if (each.base, each.arch) == (base, arch)), None)
        if found is None:
            raise InputError(
                f"the earlier run did not use {base} on {arch}, so its artefacts cannot be reused"
            )
        return found


@dataclass(frozen=True)
class WantedVariant:
    """A variant as the scenario asks for it now, to be held against the record."""

    name: str
    scope: str | None
    patches: tuple[PatchFile, ...]


def require_same_variants(manifest: ArtefactManifest, variants: Sequence[WantedVariant]) -> None:
    """InputError when the earlier run had not these variants, or others by these names."""
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


def require_same_files(manifest: ArtefactManifest, files: Sequence[GuestFile]) -> None:
    """InputError when the scenario's files are not, byte by byte, those of the earlier run.

    Libraries that were found for its programs are in its guests as they were, whatever this host has now.
    """
    before = {each.guest: each for each in manifest.files}
    now = {each.guest: each for each in files if each.is_named}
    lost = [path for path, each in before.items() if each.is_named and path not in now]
    more = [path for path in now if path not in before]
    changed = [path for path, each in now.items() if path in before and each.sha256 != before[path].sha256]
    if lost or more or changed:
        said = [
            *(f"{path} is not given any more" for path in lost),
            *(f"{path} was not there" for path in more),
            *(
                f"{path} ({now[path].name}): SHA-256 {now[path].sha256}, recorded {before[path].sha256}"
                for path in changed
            ),
        ]
        raise InputError(
            "the scenario's files are not what they were in the earlier run",
            hint="bring the files back as they were, or begin a new run",
            evidence=said,
        )


def require_test_module(manifest: ArtefactManifest, wanted: TestModule | None) -> None:
    """InputError when the trigger needs a module that the earlier run's guests do not have."""
    there = manifest.test_module.name if manifest.test_module is not None else None
    if wanted is not None and wanted.module != there:
        raise InputError(
            f"the guests of the earlier run on {manifest.base} lack {wanted.module}, which the trigger needs",
            hint="run without --artefacts-from",
        )


def find_pinned(cache: Cache, manifest: ArtefactManifest) -> tuple[Path, Path] | None:
    """Kernel and initramfs with exactly the record's checksums, whole, in the cache; else None."""
    kernel = cache.find_file("kernel", "vmlinuz", manifest.kernel_sha256)
    initramfs = cache.find_file("initramfs", INITRAMFS_FILE, manifest.initramfs_sha256)
    if kernel is None or initramfs is None:
        return None
    return kernel.file("vmlinuz"), initramfs.file(INITRAMFS_FILE)


def recorded_patches(
    variant: VariantArtefacts, kept: Mapping[str, bytes], given: Sequence[Patch]
) -> tuple[Patch, ...]:
    """A recorded variant's patches, as the run kept them or as they are given now.

    HostError names those that are nowhere.
    """
    known = {**{patch.sha256: patch.content for patch in given}, **kept}
    lost = [patch for patch in variant.patches if patch.sha256 not in known]
    if lost:
        raise HostError(
            f"variant '{variant.name}' of the earlier run cannot be built again without its patches",
            hint=_HINT,
            evidence=[
                f"{patch.name} with SHA-256 {patch.sha256}: neither kept in the run nor given"
                for patch in lost
            ],
        )
    return tuple(Patch(patch.name, known[patch.sha256]) for patch in variant.patches)


def require_identical(recorded: ArtefactManifest, made: ArtefactManifest) -> None:
    """HostError that names every file which was made again and is not, byte by byte, what it was."""
    differences = [
        f"{what}: SHA-256 {now}, recorded {before}{why}"
        for what, before, now, why in _files(recorded, made)
        if before != now
    ]
    if differences:
        raise HostError(
            f"the guests of {recorded.base} cannot be made again byte for byte:"
            " this would not be the same guest",
            hint=f"{_LOCK_HINT}; or {_HINT}",
            evidence=differences,
        )


def _files(recorded: ArtefactManifest, made: ArtefactManifest) -> list[tuple[str, str, str, str]]:
    """What, its checksums before and now, and what explains a difference."""
    files = [
        (f"kernel {recorded.release}", recorded.kernel_sha256, made.kernel_sha256, ""),
        ("busybox", recorded.busybox_sha256, made.busybox_sha256, ""),
        (
            "guest agent",
            recorded.agent_sha256,
            made.agent_sha256,
            _compilers(recorded.agent_compiler, made.agent_compiler) or " (another oomlab made it)",
        ),
    ]
    if recorded.test_module is not None and made.test_module is not None:
        before, own = recorded.test_module, made.test_module
        why = _compilers(before.compiler, own.compiler)
        files.append((before.name, before.sha256, own.sha256, why))
    now = {variant.name: variant for variant in made.variants}
    for variant in recorded.variants:
        its = now[variant.name]
        if variant.module_sha256 is None or its.module_sha256 is None:
            continue  # built in: the kernel's checksum is the driver's
        why = _compilers(variant.compiler, its.compiler)
        files.append((f"module of {variant.name}", variant.module_sha256, its.module_sha256, why))
    there = {each.guest: each.sha256 for each in made.files}
    files += [
        (f"{each.guest} ({each.name})", each.sha256, there.get(each.guest, "not there"), "")
        for each in recorded.files
    ]
    if all(before == after for _, before, after, _ in files):
        files.append(("initramfs", recorded.initramfs_sha256, made.initramfs_sha256, ""))
    return files


def _compilers(before: str | None, now: str | None) -> str:
    return "" if before == now else f" (compiled by {before or 'the distribution'}, here by {now})"
