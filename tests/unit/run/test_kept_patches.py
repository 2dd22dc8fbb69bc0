# SPDX-License-Identifier: Apache-2.0
"""A run keeps its patches; what is read back is those by their checksums, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.errors import InputError
from orchestrator.kernels.images import GuestImages
from orchestrator.kernels.manifest import ArtefactManifest, PatchFile, VariantArtefacts
from orchestrator.kernels.patch_file import Patch
from orchestrator.record.directory import RunDirectory
from orchestrator.run.kept_patches import keep_patches, kept_patches

PATCH = Patch("a.patch", b"--- a/x\n+++ b/x\n\xff")


def artefacts(*checksums: str) -> ArtefactManifest:
    patches = tuple(PatchFile(name="a.patch", sha256=sha256) for sha256 in checksums)
    variant = VariantArtefacts(name="v", scope="s", patches=patches, module_sha256="", module_origin="built")
    return ArtefactManifest(
        base="debian-6.1", arch="arm64", release="", page_size_bytes=4096, packages=(), kernel_sha256="",
        busybox_sha256="", agent_sha256="", agent_compiler="", initramfs_sha256="", variants=(variant,),
    )  # fmt: skip


@pytest.fixture
def directory(tmp_path: Path) -> RunDirectory:
    """A run that kept its patch."""
    run = RunDirectory(tmp_path)
    keep_patches(run, [GuestImages(Path("k"), Path("i"), "", 4096, artefacts(), (PATCH,))])
    return run


def test_they_are_kept_byte_for_byte(directory: RunDirectory) -> None:
    assert kept_patches(directory, [artefacts(PATCH.sha256)]) == {PATCH.sha256: PATCH.content}


def test_without_patches_nothing_is_kept(tmp_path: Path) -> None:
    keep_patches(RunDirectory(tmp_path), [GuestImages(Path("k"), Path("i"), "", 4096, artefacts())])
    assert list(tmp_path.iterdir()) == []
    assert kept_patches(RunDirectory(tmp_path), [artefacts(PATCH.sha256)]) == {}


def test_a_directory_from_elsewhere_gives_only_what_the_checksum_says(directory: RunDirectory) -> None:
    (directory.path / "secret").write_text("secret")
    (directory.path / "patches" / "cd.patch").write_text("other content")
    names = ("cd", "../secret", f"{'../' * 9}etc/passwd")
    assert kept_patches(directory, [artefacts(*names)]) == {}


def test_links_and_pipes_are_no_patches(directory: RunDirectory) -> None:
    (directory.path / "patches" / "ab.patch").symlink_to("/etc/passwd")
    os.mkfifo(directory.path / "patches" / "ef.patch")
    for name in ("ab", "ef"):
        with pytest.raises(InputError, match="no file"):
            kept_patches(directory, [artefacts(name)])
