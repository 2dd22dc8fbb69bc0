# SPDX-License-Identifier: Apache-2.0
"""The archive behind the initramfs: what the kernel unpacks, the same bytes every time."""

from __future__ import annotations

import hashlib
import io
import stat
from pathlib import Path

import pytest

from orchestrator.arch import ARCHS
from orchestrator.errors import HostError, InputError
from orchestrator.guest_files.archive import GuestFiles, read_files, write_archive
from orchestrator.guest_files.collected import collect
from orchestrator.units import MIB
from tests.unit.guest_files.elf_files import elf, write

LOADER = "/lib/ld-linux-aarch64.so.1"


def _files(tmp_path: Path, content: bytes = b"abc") -> GuestFiles:
    write(tmp_path / "lib/aarch64-linux-gnu/ld-linux-aarch64.so.1", elf())
    program = write(tmp_path / "mytest", elf(interpreter=LOADER))
    data = write(tmp_path / "data", content)
    files = {str(program): "/opt/x/mytest", str(data): "/usr/lib/data"}
    return read_files(collect(files, ARCHS["arm64"], memory_bytes=256 * MIB, guest="own", root=tmp_path))


def _unpacked(archive: bytes) -> dict[str, tuple[int, bytes]]:
    """Mode and content by name, in the archive's order, as init/initramfs.c reads it."""
    found: dict[str, tuple[int, bytes]] = {}
    at = 0
    while True:
        assert archive[at : at + 6] == b"070701"
        numbers = [int(archive[at + 6 + 8 * n : at + 14 + 8 * n], 16) for n in range(13)]
        mode, size, name_size = numbers[1], numbers[6], numbers[11]
        name = archive[at + 110 : at + 110 + name_size - 1].decode()
        at += -(-(110 + name_size) // 4) * 4
        if name == "TRAILER!!!":
            return found
        found[name] = (mode, archive[at : at + size])
        at += -(-size // 4) * 4


def test_what_is_in_it_can_be_unpacked_in_its_order(tmp_path: Path) -> None:
    target = io.BytesIO()
    write_archive(_files(tmp_path), target)
    found = _unpacked(target.getvalue())
    assert found["opt/x/mytest"] == (stat.S_IFREG | 0o755, (tmp_path / "mytest").read_bytes())
    assert found["usr/lib"] == (stat.S_IFLNK | 0o777, b"../lib")
    assert found["lib/aarch64-linux-gnu"] == (stat.S_IFLNK | 0o777, b".")
    assert found[LOADER[1:]][1] == elf()
    names = list(found)
    for name in names:
        above = name.rpartition("/")[0]
        assert not above or above in names[: names.index(name)], name


def test_it_is_the_same_every_time_and_known_by_its_content(tmp_path: Path) -> None:
    first, second = io.BytesIO(), io.BytesIO()
    files = _files(tmp_path)
    write_archive(files, first)
    again = _files(tmp_path)
    write_archive(again, second)
    assert (first.getvalue(), files.key) == (second.getvalue(), again.key)
    assert _files(tmp_path, b"abd").key != files.key
    record = next(each for each in files.records if each.guest == "/usr/lib/data")
    assert record.sha256 == hashlib.sha256(b"abc").hexdigest()


def test_a_file_that_changes_meanwhile_is_not_packed(tmp_path: Path) -> None:
    files = _files(tmp_path)
    (tmp_path / "data").write_bytes(b"abd")
    with pytest.raises(HostError, match="changed while the guests were made"):
        write_archive(files, io.BytesIO())
    (tmp_path / "data").write_bytes(b"abcd")
    with pytest.raises(InputError, match="changes while it is read"):
        write_archive(files, io.BytesIO())
