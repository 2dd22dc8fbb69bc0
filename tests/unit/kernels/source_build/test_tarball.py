# SPDX-License-Identifier: Apache-2.0
"""Tarballs from anybody: what is no file of one tree is refused, by name, and written nowhere."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from orchestrator.errors import InputError
from orchestrator.kernels.source_build import tarball
from orchestrator.kernels.source_build.listing import Layout

_KIB = 1024


def _member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    return member


def _tarball(path: Path, *members: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w") as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(b"x" * member.size))
    return path


def _lay_out(path: Path, directory: Path) -> None:
    directory.mkdir()
    with tarball.opened(path) as archive:
        Layout(directory, {}).bring(tarball.entries_of(archive, path.name), path.name)


@pytest.mark.parametrize(
    "member",
    [
        _member("linux/../../x"),
        _member("/linux/x"),
        _member("linux//etc/x/../../.."),
        _member("linux/.git/hooks/post-checkout"),
        _member("linux/a", tarfile.SYMTYPE, "/etc/passwd"),
        _member("linux/a", tarfile.SYMTYPE, "../../x"),
        _member("linux/a", tarfile.LNKTYPE, "linux/Makefile"),
        _member("linux/a", tarfile.LNKTYPE, "/etc/passwd"),
        _member("linux/a", tarfile.CHRTYPE),
        _member("linux/a", tarfile.BLKTYPE),
        _member("linux/a", tarfile.FIFOTYPE),
        _member("other/Makefile"),
        _member("linux"),
    ],
    ids=lambda member: f"{member.name} {member.type!r} {member.linkname}",
)
def test_what_is_no_file_of_one_tree_is_refused(tmp_path: Path, member: tarfile.TarInfo) -> None:
    path = _tarball(tmp_path / "x.tar", _member("linux/Makefile"), member)
    with pytest.raises(InputError, match=r"x\.tar"):
        _lay_out(path, tmp_path / "out")
    assert {each.name for each in tmp_path.iterdir()} == {"x.tar", "out"}
    assert {each.name for each in (tmp_path / "out").iterdir()} <= {"Makefile"}


def test_what_is_too_large_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tarball, "MOST_BYTES", 3 * _KIB)
    members = [_member(f"linux/{number}") for number in range(4)]
    for member in members:
        member.size = _KIB
    with pytest.raises(InputError, match="unpacks to more than a kernel's tree has: at 'linux/3'"):
        _lay_out(_tarball(tmp_path / "x.tar", *members), tmp_path / "out")


@pytest.mark.parametrize("content", [b"", b"no tarball", b"\xfd7zXZ\0broken", b"\x1f\x8bbroken"])
def test_what_is_no_tarball_is_said(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.tar.xz"
    path.write_bytes(content)
    with pytest.raises(InputError, match="is no tarball, or not a whole one"):
        _lay_out(path, tmp_path / "out")


def test_one_that_ends_too_early_is_said(tmp_path: Path) -> None:
    member = _member("linux/a")
    member.size = 100 * _KIB
    path = _tarball(tmp_path / "x.tar", member)
    path.write_bytes(path.read_bytes()[: 50 * _KIB])
    with pytest.raises(InputError, match="not a whole one"):
        _lay_out(path, tmp_path / "out")
