# SPDX-License-Identifier: Apache-2.0
"""`--artefacts-from`: the same files as in an earlier run, or what differs by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.bases import BASES
from orchestrator.deadline import Deadline
from orchestrator.errors import HostError, InputError
from orchestrator.guest_files.record import FileKind, GuestFile
from orchestrator.kernels.cache import Cache, CacheEntry
from orchestrator.kernels.images import prepare_images
from orchestrator.kernels.manifest import ArtefactManifest, PatchFile, VariantArtefacts
from orchestrator.kernels.patch_file import Patch
from orchestrator.kernels.pins import (
    Pins,
    WantedVariant,
    find_pinned,
    recorded_patches,
    require_identical,
    require_same_files,
    require_same_variants,
)
from orchestrator.kernels.variants import VariantRecipe
from orchestrator.paths import cache_dir

PATCH = PatchFile(name="a.patch", sha256="11")
WANTED = WantedVariant("patched", "drivers/android", (PATCH,))


def store(cache: Cache, kind: str, name: str) -> CacheEntry:
    def make(directory: Path) -> dict[str, str]:
        (directory / name).write_text(kind)
        return {}

    return cache.obtain(kind, {}, make, what=kind, need_bytes=0, deadline=Deadline.after(10, kind))


@pytest.fixture
def cache() -> Cache:
    return Cache(cache_dir())


@pytest.fixture
def manifest(cache: Cache) -> ArtefactManifest:
    variant = VariantArtefacts(
        name="patched", scope="drivers/android", patches=(PATCH,), module_sha256="22", module_origin="built"
    )
    plain = VariantArtefacts(name="plain", scope=None, module_sha256="23", module_origin="built")
    return ArtefactManifest(
        base="debian-6.1",
        arch="arm64",
        release="6.1.0-1-arm64",
        page_size_bytes=4096,
        packages=(),
        kernel_sha256=store(cache, "kernel", "vmlinuz").sha256("vmlinuz"),
        busybox_sha256="33",
        agent_sha256="44",
        agent_compiler="cc",
        initramfs_sha256=store(cache, "initramfs", "initramfs.cpio").sha256("initramfs.cpio"),
        variants=(variant, plain),
    )


def other(manifest: ArtefactManifest, **fields: object) -> ArtefactManifest:
    """The same with other checksums."""
    return manifest.model_copy(update=fields)


def test_the_recorded_files_are_found(cache: Cache, manifest: ArtefactManifest) -> None:
    found = find_pinned(cache, manifest)
    assert found is not None
    assert [path.read_text() for path in found] == ["kernel", "initramfs"]


def test_they_are_used_without_looking_at_what_is_newest(manifest: ArtefactManifest) -> None:
    recipe = VariantRecipe("plain", BASES["debian-6.1"])
    images = prepare_images("arm64", [recipe], progress=print, pins=Pins((manifest,)))
    assert images["plain"].release == "6.1.0-1-arm64"
    assert images["plain"].manifest == manifest


@pytest.mark.parametrize("file", ["kernel", "initramfs"])
def test_a_file_that_is_gone_is_not_found(cache: Cache, manifest: ArtefactManifest, file: str) -> None:
    assert find_pinned(cache, other(manifest, **{f"{file}_sha256": "00"})) is None


def test_a_damaged_file_is_as_good_as_gone(cache: Cache, manifest: ArtefactManifest) -> None:
    entry = cache.find("kernel", {})
    assert entry is not None
    entry.file("vmlinuz").write_text("KERNEL")
    assert find_pinned(cache, manifest) is None


def test_another_base_is_refused(manifest: ArtefactManifest) -> None:
    with pytest.raises(InputError, match=r"did not use debian-6\.12"):
        Pins((manifest,)).of("debian-6.12", "arm64")


@pytest.mark.parametrize(
    ("variant", "message"),
    [
        (WantedVariant("other", None, ()), "had no variant 'other'"),
        (WantedVariant("patched", "drivers/android", ()), "is not what it was"),
        (
            WantedVariant("patched", "drivers/android", (PatchFile(name="a.patch", sha256="99"),)),
            "is not what it was",
        ),
    ],
)
def test_another_scenario_is_refused(
    manifest: ArtefactManifest, variant: WantedVariant, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        require_same_variants(manifest, [variant])
    assert message in caught.value.message


def test_a_patch_by_another_name_is_the_same_patch(manifest: ArtefactManifest) -> None:
    renamed = WantedVariant("patched", "drivers/android", (PatchFile(name="b.patch", sha256="11"),))
    require_same_variants(manifest, [renamed])


def test_patches_come_from_the_run_or_from_what_is_given_now(manifest: ArtefactManifest) -> None:
    given = Patch("mine.patch", b"--- a/x\n+++ b/x\n")
    recorded = manifest.variants[0].model_copy(
        update={"patches": (PatchFile(name="a.patch", sha256=given.sha256),)}
    )
    assert recorded_patches(recorded, {}, [given]) == (Patch("a.patch", given.content),)
    assert recorded_patches(recorded, {given.sha256: given.content}, []) == (Patch("a.patch", given.content),)
    with pytest.raises(HostError, match="without its patches") as caught:
        recorded_patches(recorded, {}, [])
    assert f"a.patch with SHA-256 {given.sha256}" in "\n".join(caught.value.evidence)


def test_what_was_made_again_is_identical_or_named(manifest: ArtefactManifest) -> None:
    require_identical(manifest, manifest)
    variants = (manifest.variants[0].model_copy(update={"module_sha256": "77", "compiler": "gcc 14"}),)
    made = other(manifest, agent_sha256="88", variants=(*variants, manifest.variants[1]))
    with pytest.raises(HostError, match="would not be the same guest") as caught:
        require_identical(manifest, made)
    assert caught.value.evidence == (
        "guest agent: SHA-256 88, recorded 44 (another oomlab made it)",
        "module of patched: SHA-256 77, recorded 22 (compiled by the distribution, here by gcc 14)",
    )
    with pytest.raises(HostError) as caught:
        require_identical(manifest, other(manifest, initramfs_sha256="99"))
    assert len(caught.value.evidence) == 1


def _file(guest: str, sha256: str, kind: FileKind = "program") -> GuestFile:
    return GuestFile(guest=guest, name=guest[1:], kind=kind, sha256=sha256, size_bytes=1)


def test_files_are_those_of_the_earlier_run_or_refused_by_name(manifest: ArtefactManifest) -> None:
    library = _file("/lib/libc.so.6", "1", "library")
    recorded = manifest.model_copy(update={"files": (_file("/a", "1"), _file("/b", "2"), library)})
    there = [_file("/a", "1"), _file("/b", "2")]
    require_same_files(recorded, there)
    # Libraries of this host may be newer by now: what is booted are those of the run.
    require_same_files(recorded, [*there, _file("/lib/libc.so.6", "9", "library")])
    # On another machine they are named, for that one need not have any.
    require_same_files(recorded, [*there, _file("/lib/libc.so.6", "1")])
    for now, what in (
        ([_file("/a", "1"), _file("/b", "3")], "/b (b): SHA-256 3, recorded 2"),
        ([_file("/a", "1")], "/b is not given any more"),
        ([*there, _file("/c", "1")], "/c was not there"),
    ):
        with pytest.raises(InputError, match="files are not what they were") as caught:
            require_same_files(recorded, now)
        assert caught.value.evidence == (what,)


def test_a_guest_made_again_with_another_library_is_not_the_same_guest(manifest: ArtefactManifest) -> None:
    recorded = manifest.model_copy(update={"files": (_file("/lib/libc.so.6", "1", "library"),)})
    made = manifest.model_copy(update={"files": (_file("/lib/libc.so.6", "2", "library"),)})
    with pytest.raises(HostError) as caught:
        require_identical(recorded, made)
    assert "/lib/libc.so.6" in caught.value.evidence[0]
