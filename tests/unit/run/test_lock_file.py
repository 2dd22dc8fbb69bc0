# SPDX-License-Identifier: Apache-2.0
"""A lock file: written when it is not there, honoured when it is, refused where it is not of the scenario."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.errors import ExitCode, HostError, InputError
from orchestrator.guest_files.record import GuestFile
from orchestrator.kernels.lock import LockedVariant, lock_of, require_locked_files, require_same_program
from orchestrator.kernels.manifest import ArtefactManifest, Package, PatchFile, VariantArtefacts
from orchestrator.run.lock_file import LockFile, read_lock, write_lock

PATCH = PatchFile(name="a.patch", sha256="1e9")
IMAGE = Package(name="linux-image-6.1", version="6.1", architecture="arm64", sha256="0123", size_bytes=7)


def patched(*patch: str) -> LockedVariant:
    """A variant with one patch by name and checksum, or with none."""
    patches = (PatchFile(name=patch[0], sha256=patch[1]),) if patch else ()
    return LockedVariant(base="debian-6.1", scope="drivers/android", patches=patches)


WANTED = {
    "plain": LockedVariant(base="debian-6.1"),
    "patched": patched(PATCH.name, PATCH.sha256),
}


def made() -> ArtefactManifest:
    """What a run of two variants was made of; checksums that YAML could take for numbers."""
    return ArtefactManifest(
        base="debian-6.1",
        arch="arm64",
        release="6.1",
        page_size_bytes=4096,
        packages=(IMAGE,),
        kernel_sha256="12",
        busybox_sha256="0x13",
        agent_sha256="14",
        agent_compiler="gcc: the compiler",
        initramfs_sha256="15",
        variants=(
            VariantArtefacts(name="plain", scope=None, module_sha256="16", module_origin="built"),
            VariantArtefacts(
                name="patched",
                scope="drivers/android",
                patches=(PATCH,),
                module_sha256="17",
                module_origin="built",
            ),
        ),
    )


@pytest.fixture
def lock(tmp_path: Path) -> LockFile:
    """Written, and read again."""
    write_lock(tmp_path / "a.lock", [made()])
    found = read_lock(tmp_path / "a.lock")
    assert found is not None
    return found


def test_what_is_written_reads_as_it_was(lock: LockFile) -> None:
    assert lock.lock == lock_of([made()], lock.lock.oomlab)
    assert lock.lock.bases["debian-6.1"].packages == (IMAGE,)
    assert lock.lock.variants == WANTED


def test_it_names_versions_and_checksums_and_no_host(lock: LockFile) -> None:
    text = lock.path.read_text()
    assert "://" not in text
    assert os.uname().nodename not in text.split()
    for word in ("linux-image-6.1", "size_bytes: 7", "a.patch", "debian-6.1", "6.1"):
        assert word in text


def test_the_scenario_that_it_was_made_for_agrees(lock: LockFile) -> None:
    lock.require_agreement("arm64", WANTED)
    renamed = LockedVariant(
        base="debian-6.1", scope="drivers/android", patches=(PATCH.model_copy(update={"name": "b"}),)
    )
    lock.require_agreement("arm64", {**WANTED, "patched": renamed})


@pytest.mark.parametrize(
    ("arch", "change", "what"),
    [
        ("x86_64", {}, "made for arm64, the scenario's device is x86_64"),
        ("arm64", {"third": LockedVariant(base="debian-6.1")}, "'third' is not in it; it has plain, patched"),
        ("arm64", {"plain": LockedVariant(base="debian-6.12")}, "'plain' has the base debian-6.1, in the"),
        ("arm64", {"plain": LockedVariant(base="debian-6.12")}, "it has no debian-6.12"),
        (
            "arm64",
            {"plain": LockedVariant(base="debian-6.1", scope="mm")},
            "has the scope none, in the scenario mm",
        ),
        (
            "arm64",
            {"patched": LockedVariant(base="debian-6.1", scope="drivers/android")},
            "1 patch in the lock, 0",
        ),
        (
            "arm64",
            {
                "patched": WANTED["patched"].model_copy(
                    update={"patches": (PatchFile(name="a.patch", sha256="2"),)}
                )
            },
            "the content of a.patch is another",
        ),
        (
            "arm64",
            {
                "patched": WANTED["patched"].model_copy(
                    update={"patches": (PatchFile(name="b.patch", sha256="2"),)}
                )
            },
            "the patch a.patch is b.patch in the scenario",
        ),
    ],
)
def test_another_scenario_is_told_where_the_lock_says_otherwise(
    lock: LockFile, arch: str, change: dict[str, LockedVariant], what: str
) -> None:
    with pytest.raises(InputError) as caught:
        lock.require_agreement(arch, {**WANTED, **change})
    assert what in caught.value.message
    assert f"{lock.path}:" in caught.value.message
    assert caught.value.exit_code is ExitCode.BAD_INPUT


def test_a_variant_that_the_scenario_has_no_more_is_told_by_its_line(lock: LockFile) -> None:
    line = lock.path.read_text().splitlines().index("  patched:") + 1
    with pytest.raises(InputError) as caught:
        lock.require_agreement("arm64", {"plain": WANTED["plain"]})
    assert f"{lock.path}:{line + 1}:5: the scenario has no variant 'patched'" in caught.value.message


def test_another_program_cannot_honour_it(lock: LockFile) -> None:
    require_same_program(lock.lock, "9")
    changed = lock.lock.model_copy(update={"agent_inputs": "0"})
    with pytest.raises(HostError, match="oomlab 9 differs from it in the sources of the guest agent"):
        require_same_program(changed, "9")


def test_other_files_out_of_the_same_packages_are_refused(lock: LockFile) -> None:
    locked = lock.lock.bases["debian-6.1"]
    require_locked_files("debian-6.1", locked, made())
    with pytest.raises(HostError, match=r"not those of the lock") as caught:
        require_locked_files("debian-6.1", locked, made().model_copy(update={"kernel_sha256": "99"}))
    assert caught.value.evidence == ("kernel: SHA-256 99, locked 12",)


def test_a_lock_that_is_not_there_yet_needs_a_place(tmp_path: Path) -> None:
    assert read_lock(tmp_path / "new.lock") is None
    with pytest.raises(InputError, match="is no directory"):
        read_lock(tmp_path / "no" / "new.lock")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (b"", "a.lock:1:1: the file is empty"),
        (b"lock: 2\n", "a.lock:1:7: lock: Input should be 1"),
        (b"lock: [\n", "not readable as YAML"),
        (b"[1, 2]\n", "is no lock file"),
        (b"\xff\xfe\n", "is not UTF-8 text"),
        (b"lock: 1\nextra: 1\n", "a.lock:2:8: extra: Extra inputs are not permitted"),
        (b"# " + b"x" * (1 << 20), "is larger than 1024 KiB"),
    ],
)
def test_what_is_no_lock_is_refused_with_its_place(tmp_path: Path, text: bytes, what: str) -> None:
    (tmp_path / "a.lock").write_bytes(text)
    with pytest.raises(InputError) as caught:
        read_lock(tmp_path / "a.lock")
    assert what in caught.value.message


def test_a_pipe_a_device_and_a_directory_are_no_lock(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(InputError, match="no regular file"):
            read_lock(path)


def test_a_lock_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(HostError, match="cannot be written"):
        write_lock(tmp_path / "file" / "a.lock", [made()])


def test_files_of_the_user_s_are_locked_by_content_with_their_libraries(tmp_path: Path) -> None:
    program = GuestFile(guest="/mytest", name="mytest", kind="program", sha256="1e9", size_bytes=7)
    library = GuestFile(guest="/lib/libc.so.6", name="libc.so.6", kind="library", sha256="2", size_bytes=8)
    write_lock(tmp_path / "a.lock", [made().model_copy(update={"files": (library, program)})])
    found = read_lock(tmp_path / "a.lock")
    assert found is not None
    found.require_agreement("arm64", WANTED, [library, program])
    other = {"sha256": "3"}
    for now, what in (
        ([library, program.model_copy(update=other)], "/mytest: mytest has another content"),
        ([library.model_copy(update=other), program], "libc.so.6, a library of this host has another"),
        ([library], "/mytest of the guests is not in them any more"),
        ([library, program, program.model_copy(update={"guest": "/b"})], "/b of the guests (mytest) is not"),
    ):
        with pytest.raises(InputError) as caught:
            found.require_agreement("arm64", WANTED, now)
        assert what in caught.value.message
        assert f"{tmp_path}/a.lock:" in caught.value.message
