# SPDX-License-Identifier: Apache-2.0
"""`--artefacts-from`: the same files as in an earlier run, or a refusal."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.deadline import Deadline
from orchestrator.errors import HostError, InputError
from orchestrator.kernels.cache import Cache, CacheEntry
from orchestrator.kernels.images import VariantRecipe, prepare_images
from orchestrator.kernels.manifest import ArtefactManifest, PatchFile, VariantArtefacts
from orchestrator.kernels.pins import WantedVariant, find_pinned
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


def test_the_recorded_files_are_found(cache: Cache, manifest: ArtefactManifest) -> None:
    found, kernel, initramfs = find_pinned(cache, [manifest], "debian-6.1", "arm64", [WANTED])
    assert found == manifest
    assert (kernel.read_text(), initramfs.read_text()) == ("kernel", "initramfs")


def test_they_are_used_without_looking_at_what_is_newest(manifest: ArtefactManifest) -> None:
    images = prepare_images("arm64", [VariantRecipe("plain", "debian-6.1")], progress=print, pins=[manifest])
    assert images["plain"].release == "6.1.0-1-arm64"
    assert images["plain"].manifest == manifest


@pytest.mark.parametrize("file", ["kernel", "initramfs"])
def test_a_file_that_is_gone_is_no_claim_of_identity(
    cache: Cache, manifest: ArtefactManifest, file: str
) -> None:
    pinned = manifest.model_copy(update={f"{file}_sha256": "00"})
    with pytest.raises(HostError, match=f"the {file}.* is no longer in the cache"):
        find_pinned(cache, [pinned], "debian-6.1", "arm64", [WANTED])


def test_a_damaged_file_is_as_good_as_gone(cache: Cache, manifest: ArtefactManifest) -> None:
    entry = cache.find("kernel", {})
    assert entry is not None
    entry.file("vmlinuz").write_text("KERNEL")
    with pytest.raises(HostError, match="no longer in the cache"):
        find_pinned(cache, [manifest], "debian-6.1", "arm64", [WANTED])


@pytest.mark.parametrize(
    ("base", "variant", "message"),
    [
        ("debian-6.12", WANTED, "did not use debian-6.12"),
        ("debian-6.1", WantedVariant("other", None, ()), "had no variant 'other'"),
        ("debian-6.1", WantedVariant("patched", "drivers/android", ()), "is not what it was"),
        (
            "debian-6.1",
            WantedVariant("patched", "drivers/android", (PatchFile(name="a.patch", sha256="99"),)),
            "is not what it was",
        ),
    ],
)
def test_another_scenario_is_refused(
    cache: Cache, manifest: ArtefactManifest, base: str, variant: WantedVariant, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        find_pinned(cache, [manifest], base, "arm64", [variant])
    assert message in caught.value.message


def test_a_patch_by_another_name_is_the_same_patch(cache: Cache, manifest: ArtefactManifest) -> None:
    renamed = WantedVariant("patched", "drivers/android", (PatchFile(name="b.patch", sha256="11"),))
    find_pinned(cache, [manifest], "debian-6.1", "arm64", [renamed])
