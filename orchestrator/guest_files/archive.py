# SPDX-License-Identifier: Apache-2.0
"""The files as a cpio archive behind the guests' initramfs, the same bytes every time.

The kernel unpacks one archive behind the other.
"""

from __future__ import annotations

import posixpath
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from orchestrator.errors import HostError
from orchestrator.guest_files.collected import Collected, CollectedFile
from orchestrator.guest_files.newc import TRAILER, aligned, header, padding
from orchestrator.guest_files.opened import copied
from orchestrator.guest_files.record import GuestFile


@dataclass(frozen=True)
class GuestFiles:
    """Files ready to be packed: what each is by content, and where it is here."""

    records: tuple[GuestFile, ...] = ()
    sources: Mapping[str, CollectedFile] | None = None
    """By path in the guest; None where only the records of an earlier run are known."""
    links: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> list[object]:
        """All that the archive depends on."""
        files: list[object] = [[each.guest, each.sha256] for each in self.records]
        return [*files, *map(list, self.links)]


def read_files(collected: Collected) -> GuestFiles:
    """Every file read once, for its checksum. InputError where one cannot be read."""
    records = tuple(
        GuestFile(
            guest=each.guest,
            name=each.source.name,
            kind=each.kind,
            sha256=copied(each.source, None, each.size_bytes),
            size_bytes=each.size_bytes,
        )
        for each in collected.files
    )
    sources = {each.guest: each for each in collected.files}
    return GuestFiles(records, sources, tuple(sorted(collected.links.items())))


def write_archive(files: GuestFiles, target: BinaryIO) -> None:
    """Append the archive. HostError where a file is not what it was when its checksum was taken."""
    writer = _Writer(target)
    links = dict(files.links)
    # What lies below a link comes after it, and is unpacked where that leads.
    for path in sorted({*_directories([*(each.guest for each in files.records), *links]), *links}):
        if path in links:
            writer.entry(path, stat.S_IFLNK | 0o777, links[path].encode())
        else:
            writer.entry(path, stat.S_IFDIR | 0o755)
    for record in files.records:
        writer.file(record, (files.sources or {})[record.guest].source)
    target.write(header(TRAILER, 0, 0, 0))


class _Writer:
    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        self._number = 0

    def entry(self, path: str, mode: int, content: bytes = b"") -> None:
        self._header(path, mode, len(content))
        self._target.write(aligned(content))

    def file(self, record: GuestFile, source: Path) -> None:
        """Anybody may run it: nothing else could be meant, and a copy that came by tar has lost its mode."""
        self._header(record.guest, stat.S_IFREG | 0o755, record.size_bytes)
        if copied(source, self._target, record.size_bytes) != record.sha256:
            raise HostError(f"{source} was changed while the guests were made", hint="run again")
        self._target.write(padding(record.size_bytes))

    def _header(self, path: str, mode: int, size: int) -> None:
        self._number += 1
        self._target.write(header(path.lstrip("/"), self._number, mode, size))


def _directories(paths: Sequence[str]) -> Iterator[str]:
    """All above them."""
    for path in paths:
        above = posixpath.dirname(path)
        while above != "/":
            yield above
            above = posixpath.dirname(above)
