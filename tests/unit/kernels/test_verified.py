# SPDX-License-Identifier: Apache-2.0
"""Checksums are taken once, and again of whatever may have changed since."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from orchestrator.host import ledger
from orchestrator.kernels import verified
from orchestrator.kernels.verified import NOTE_FILE, have_checksums

CONTENT = b"a kernel"
WANTED = {"file": hashlib.sha256(CONTENT).hexdigest()}


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of files that were read, in order; files are as good as old."""
    names: list[str] = []
    really = verified.file_sha256

    def told(path: Path) -> str:
        names.append(path.name)
        return really(path)

    monkeypatch.setattr(verified, "file_sha256", told)
    monkeypatch.setattr(verified, "_TICK_NS", -(10**18))
    return names


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    return path


def write(file: Path, content: bytes) -> None:
    """Write, until the file system's clock has gone on."""
    before_ns = file.stat().st_ctime_ns
    while file.stat().st_ctime_ns == before_ns:
        file.write_bytes(content)


def test_what_was_read_is_not_read_again(tmp_path: Path, file: Path, read: list[str]) -> None:
    assert [have_checksums(tmp_path, WANTED) for _ in range(3)] == [True] * 3
    assert read == ["file"]


def test_a_change_that_hides_its_time_is_found(tmp_path: Path, file: Path, read: list[str]) -> None:
    assert have_checksums(tmp_path, WANTED)
    was = file.stat()
    write(file, b"a kerneI")
    os.utime(file, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert not have_checksums(tmp_path, WANTED)
    assert not have_checksums(tmp_path, WANTED)


def test_another_file_in_its_place_is_found(tmp_path: Path, file: Path, read: list[str]) -> None:
    assert have_checksums(tmp_path, WANTED)
    other = tmp_path / "other"
    other.write_bytes(b"a kerneI")
    other.rename(file)
    assert not have_checksums(tmp_path, WANTED)


def test_what_was_written_a_moment_ago_is_read_again(
    tmp_path: Path, file: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write in the same tick of the clock would leave no trace."""
    monkeypatch.undo()
    assert have_checksums(tmp_path, WANTED)
    assert not (tmp_path / NOTE_FILE).exists()


def test_a_note_is_for_one_checksum(tmp_path: Path, file: Path, read: list[str]) -> None:
    assert have_checksums(tmp_path, WANTED)
    assert not have_checksums(tmp_path, {"file": "0" * 64})


def test_a_note_is_for_one_boot_of_the_host(
    tmp_path: Path, file: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert have_checksums(tmp_path, WANTED)
    monkeypatch.setattr(ledger, "boot_id", lambda: "another")
    assert have_checksums(tmp_path, WANTED)
    assert read == ["file", "file"]


@pytest.mark.parametrize(
    "note", [b"", b"{", b"\xff", b"[]", b"null", b'{"boot_id": "BOOT", "files": []}', b"[" * 100_000]
)
def test_a_note_that_cannot_be_read_is_none(tmp_path: Path, file: Path, read: list[str], note: bytes) -> None:
    (tmp_path / NOTE_FILE).write_bytes(note.replace(b"BOOT", ledger.boot_id().encode()))
    assert have_checksums(tmp_path, WANTED)
    assert read == ["file"]
    assert "file" in json.loads((tmp_path / NOTE_FILE).read_bytes())["files"]


def test_where_nothing_can_be_noted_it_is_read_each_time(tmp_path: Path, file: Path, read: list[str]) -> None:
    (tmp_path / NOTE_FILE).mkdir()
    assert have_checksums(tmp_path, WANTED)
    assert have_checksums(tmp_path, WANTED)
    assert read == ["file", "file"]


def test_a_file_that_is_missing_is_an_error(tmp_path: Path, read: list[str]) -> None:
    with pytest.raises(FileNotFoundError):
        have_checksums(tmp_path, WANTED)
