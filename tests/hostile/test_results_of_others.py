# SPDX-License-Identifier: Apache-2.0
"""What comes back is whatever the other machine put into the archive."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from orchestrator.errors import OomlabError
from orchestrator.remote import result
from orchestrator.remote.result import unpack_result


def _archive(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for member, content in members:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def _member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.mode = kind, target, 0o6777
    return member


def test_folders_files_and_links_to_blocks_come_back(tmp_path: Path) -> None:
    packed = _archive(
        tmp_path / "a",
        (_member(".", tarfile.DIRTYPE), b""),
        (_member("./journal.jsonl"), b"one\n"),
        (_member("./blocks/0001", tarfile.DIRTYPE), b""),
        (_member("./blocks/0001/console.log"), b"two\n"),
        (_member("./trials/0001", tarfile.SYMTYPE, "../blocks/0001"), b""),
        (_member("./points/0001/trials/0001", tarfile.SYMTYPE, "../blocks/0001-2"), b""),
    )
    unpack_result(packed, tmp_path / "run")
    assert (tmp_path / "run/journal.jsonl").read_bytes() == b"one\n"
    assert (tmp_path / "run/trials/0001/console.log").read_bytes() == b"two\n"
    assert (tmp_path / "run/journal.jsonl").stat().st_mode & 0o7111 == 0


@pytest.mark.parametrize(
    "member",
    [
        _member("../outside"),
        _member("/outside"),
        _member("a/../../outside"),
        _member("link", tarfile.SYMTYPE, "/etc/passwd"),
        _member("trials/1", tarfile.SYMTYPE, "../blocks/../../x"),
        _member("other/0001", tarfile.SYMTYPE, "../blocks/0001"),
        _member("hard", tarfile.LNKTYPE, "first"),
        _member("pipe", tarfile.FIFOTYPE),
        _member("device", tarfile.CHRTYPE),
        _member("first/below-a-file"),
        _member("first"),
        _member("trials/0001/through-a-link"),
        _member(""),
    ],
    ids=lambda member: member.name or "no name",
)
def test_what_no_run_leaves_is_refused(tmp_path: Path, member: tarfile.TarInfo) -> None:
    packed = _archive(
        tmp_path / "a",
        (_member("first"), b"first"),
        (_member("blocks/0001", tarfile.DIRTYPE), b""),
        (_member("trials/0001", tarfile.SYMTYPE, "../blocks/0001"), b""),
        (member, b""),
    )
    with pytest.raises((OomlabError, OSError)):
        unpack_result(packed, tmp_path / "run")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "run"]
    assert not (tmp_path / "run/blocks/0001/through-a-link").exists()


@pytest.mark.parametrize("cut", [0, 1, 30, 60])
def test_half_an_archive_is_told(tmp_path: Path, cut: int) -> None:
    packed = _archive(tmp_path / "a", (_member("first"), b"first" * 1000))
    packed.write_bytes(packed.read_bytes()[:cut])
    with pytest.raises(OomlabError, match="cannot be read"):
        unpack_result(packed, tmp_path / "run")


def test_no_end_of_bytes_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(result, "_MOST_BYTES", 10)
    packed = _archive(tmp_path / "a", (_member("first"), b"123456"), (_member("second"), b"123456"))
    with pytest.raises(OomlabError, match="more than any run"):
        unpack_result(packed, tmp_path / "run")
