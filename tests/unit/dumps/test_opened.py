# SPDX-License-Identifier: Apache-2.0
"""Files and archives that people bring; nothing in them decides what is read, or how much."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import pytest

from orchestrator.dumps import opened
from orchestrator.dumps.opened import texts_of
from orchestrator.errors import InputError
from tests.unit.dumps.devices import PARTS

REPORT = "".join(f"------ X ({name}) ------\n{text}" for name, text in PARTS.items())


def read(*files: Path) -> list[tuple[str, int]]:
    return [(text.name, len(list(text.lines))) for text in texts_of(files)]


def archive(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in members.items():
            zipped.writestr(name, content)
    return path


def test_of_an_archive_only_the_report_is_read(tmp_path: Path) -> None:
    zipped = archive(
        tmp_path / "bugreport.zip",
        {"main_entry.txt": b"bugreport-x.txt", "bugreport-x.txt": REPORT.encode(), "FS/data/anr/a.txt": b"x",
         "FS/proc/meminfo": PARTS["/proc/meminfo"].encode(), "dumpstate_log.txt": b"x", "inner.zip": b"PK"},
    )  # fmt: skip
    names = [name.removeprefix(f"{zipped}:") for name, _ in read(zipped)]
    assert names == ["bugreport-x.txt", "FS/proc/meminfo", "dumpstate_log.txt"]


def test_nothing_is_written_wherever_members_point(tmp_path: Path) -> None:
    zipped = archive(tmp_path / "x.zip", {"../../proc/meminfo": PARTS["/proc/meminfo"].encode()})
    before = sorted(tmp_path.parent.rglob("*"))
    assert len(read(zipped)) == 1
    assert sorted(tmp_path.parent.rglob("*")) == before


def test_an_archive_that_is_huge_inside_is_left_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opened, "_MOST_BYTES", 1 << 20)
    zipped = archive(tmp_path / "x.zip", {"bugreport.txt": bytes(4 << 20)})
    with pytest.raises(InputError, match="this is no bug report"):
        read(zipped)


def test_a_line_without_end_is_cut(tmp_path: Path) -> None:
    file = tmp_path / "x.txt"
    file.write_bytes(b"y" * (1 << 20) + b"\n" + PARTS["/proc/meminfo"].encode())
    lines = [line for text in texts_of([file]) for line in text.lines]
    assert len(lines[0]) <= 1 << 19
    assert lines[1].startswith("MemTotal")


def test_an_encrypted_archive_is_told(tmp_path: Path) -> None:
    zipped = archive(tmp_path / "x.zip", {"bugreport.txt": b"secret"})
    content = bytearray(zipped.read_bytes())
    content[6] |= 1  # the local header's flags
    content[content.index(b"PK\x01\x02") + 8] |= 1  # the directory's
    zipped.write_bytes(content)
    with pytest.raises(InputError, match="encrypted"):
        read(zipped)


@pytest.mark.parametrize("content", [b"PK\x03\x04", b"PK\x03\x04" + bytes(200)])
def test_a_damaged_archive_is_told(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "x.zip"
    file.write_bytes(content)
    with pytest.raises(InputError, match="damaged archive"):
        read(file)


def test_an_archive_of_other_things_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no bug report in this archive"):
        read(archive(tmp_path / "x.zip", {"picture.png": b"x"}))


def test_packed_and_wide_texts_are_read(tmp_path: Path) -> None:
    packed, wide = tmp_path / "a.txt.gz", tmp_path / "b.txt"
    packed.write_bytes(gzip.compress(REPORT.encode()))
    wide.write_bytes(REPORT.encode("utf-16"))
    lines = REPORT.count("\n")
    assert [count for _, count in read(packed, wide)] == [lines, lines]


def test_of_a_directory_what_is_called_as_in_proc_is_read(tmp_path: Path) -> None:
    for name in ("proc/meminfo", "proc/sys/vm/swappiness", "proc/1/maps", "proc/kcore"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("MemTotal:  1 kB\n")
    (tmp_path / "proc/vmstat").symlink_to("/dev/zero")
    assert [Path(name).name for name, _ in read(tmp_path)] == ["meminfo", "swappiness"]


def test_a_directory_of_other_things_and_a_missing_file_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file in it is called as one of /proc"):
        read(tmp_path)
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read(tmp_path / "meminfo")


@pytest.mark.parametrize(
    "name", ["meminfo.txt", "proc_meminfo", "01-meminfo.log", "MemInfo", "phone.meminfo.out"]
)
def test_copies_in_a_directory_are_known_however_they_are_called(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("MemTotal: 1 kB\n")
    (tmp_path / "notes.md").write_text("nothing\n")
    assert [Path(text.path).name for text in texts_of([tmp_path])] == [name]


@pytest.mark.parametrize("packed", [False, True])
def test_standard_input_is_read_text_or_archive(packed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    data = io.BytesIO(b"MemTotal: 1 kB\n")
    if packed:
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as archive:
            archive.writestr("bugreport-x.txt", "MemTotal: 1 kB\n")
        data.seek(0)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(data))
    assert [list(text.lines) for text in texts_of([Path("-")])] == [["MemTotal: 1 kB"]]
