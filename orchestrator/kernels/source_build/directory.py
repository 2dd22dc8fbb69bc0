# SPDX-License-Identifier: Apache-2.0
"""A kernel tree as a directory: its files as they are, known again without reading them.

Reading all files takes seven seconds, looking at their times less than one. So what is remembered of a
directory is which file, by inode and times, had which content, as git's index does; and one checksum over
all of these, which says that nothing at all has changed.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from orchestrator.errors import InputError
from orchestrator.files.atomic import write_atomic
from orchestrator.kernels.source_build.listing import Entry, Listing, blob_id, mode_of

_TICK_NS = 2_000_000_000
"""A file that was written less than this ago could be written again without a change of its times."""

_BUILT = (b"\x7fELF", b"!<arch>\n", b"!<thin>\n")
"""What objects, programs and archives begin with: no kernel's source has any."""
_GENERATED = ("include/config", "include/generated")
_LEFT = frozenset(
    (".config", ".config.old", ".version", "Module.symvers", "modules.order", "modules.builtin")
)
_BUILT_SUFFIXES = (".cmd", ".o.d", ".mod", ".mod.c", ".ko", ".o", ".a", ".s", ".i", ".order", ".symvers")


@dataclass
class Scan:
    """One look at everything below a directory, without reading any file. Paths as they sort."""

    root: Path
    statuses: dict[str, os.stat_result] = field(default_factory=dict)

    @classmethod
    def of(cls, root: Path) -> Scan:
        """Look at all but `.git`; InputError for what cannot be looked at."""
        scan = cls(root)
        try:
            scan._walk(str(root), "")
        except OSError as error:
            raise InputError(f"cannot read {error.filename}: {error.strerror}") from None
        return scan

    def _walk(self, directory: str, prefix: str) -> None:
        with os.scandir(directory) as entries:
            for entry in entries:
                if not prefix and entry.name == ".git":
                    continue
                path = f"{prefix}{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    self._walk(entry.path, f"{path}/")
                else:
                    self.statuses[path] = entry.stat(follow_symlinks=False)

    def signature(self, beside: Sequence[Path]) -> str:
        """A checksum of who and when all files are, and of the files `beside` them."""
        digest = hashlib.sha256()
        for path in sorted(self.statuses):
            digest.update(f"{path}\0{stamp(self.statuses[path])}\0".encode(errors="surrogateescape"))
        for file in beside:
            digest.update(f"{file}\0{signature_of(file)}\0".encode(errors="surrogateescape"))
        return digest.hexdigest()

    def is_settled(self, began_ns: int) -> bool:
        """Whether every later write leaves another time behind than now."""
        newest = max((max(s.st_mtime_ns, s.st_ctime_ns) for s in self.statuses.values()), default=0)
        return newest < began_ns - _TICK_NS

    def source_paths(self) -> Iterator[str]:
        """What is source and not built, in a directory that no git looks after.

        Whatever kbuild makes has a `.NAME.cmd` beside it that says how (scripts/Kbuild.include).
        """
        for path, status in self.statuses.items():
            parent, _, name = path.rpartition("/")
            made = f"{parent}/.{name}.cmd" if parent else f".{name}.cmd"
            if made in self.statuses or name.endswith(_BUILT_SUFFIXES) or path in _LEFT:
                continue
            if parent.endswith(_GENERATED) or any(f"{place}/" in path for place in _GENERATED):
                continue
            if stat.S_ISREG(status.st_mode) and self._is_built(path):
                continue
            yield path

    def _is_built(self, path: str) -> bool:
        if path.endswith((".c", ".h", ".S", ".dts", ".dtsi", ".rst", ".yaml", ".txt", "Makefile", "Kconfig")):
            return False
        try:
            with (self.root / path).open("rb") as file:
                return file.read(8).startswith(_BUILT)
        except OSError as error:
            raise InputError(f"cannot read {self.root / path}: {error.strerror}") from None


def stamp(status: os.stat_result) -> list[int]:
    """Which file that is, and when it was last changed, by content and otherwise."""
    return [
        status.st_dev, status.st_ino, status.st_size, status.st_mode, status.st_mtime_ns, status.st_ctime_ns
    ]  # fmt: skip


def signature_of(path: Path) -> str:
    """The stamps of a file, or of all files below a directory; no more than a word where there is none."""
    try:
        if not stat.S_ISDIR(path.lstat().st_mode):
            return str(stamp(path.lstat()))
        below = sorted(each for each in path.rglob("*") if not each.is_dir())
        return str([[str(each), *stamp(each.lstat())] for each in below])
    except OSError:
        return "absent"


@dataclass(frozen=True)
class Contents:
    """What is known of the files of a directory: by path its stamp and its content's id."""

    blobs: dict[str, tuple[list[int], str]]

    @classmethod
    def read(cls, file: Path) -> Contents:
        """As `write` left it; nothing where there is nothing to be trusted."""
        with suppress(OSError, ValueError):
            return cls({path: (stamps, blob) for path, stamps, blob in json.loads(file.read_bytes())})
        return cls({})

    def write(self, file: Path) -> None:
        """Keep it."""
        write_atomic(file, json.dumps([[path, *known] for path, known in self.blobs.items()]).encode())


def contents_of(scan: Scan, paths: Sequence[str], known: Contents) -> tuple[Listing, Contents]:
    """The listing of these files, and what is known now; only what has changed is read.

    A path that is no file (any more) is left out: deleted ones, submodules. InputError for one that cannot
    be read.
    """
    began_ns = time.time_ns()
    listing: Listing = {}
    found: dict[str, tuple[list[int], str]] = {}
    for path in paths:
        status = scan.statuses.get(path)
        mode = mode_of(status) if status is not None else None
        if status is None or mode is None:
            continue
        stamps, before = stamp(status), known.blobs.get(path)
        blob = before[1] if before is not None and before[0] == stamps else blob_id(read(scan.root / path))
        listing[path] = (mode, blob)
        if max(status.st_mtime_ns, status.st_ctime_ns) < began_ns - _TICK_NS:
            found[path] = (stamps, blob)
    return listing, Contents(found)


def entries_of(root: Path, listing: Listing) -> Iterator[Entry]:
    """The files of a directory as entries of a tree."""
    for path, (mode, blob) in listing.items():
        yield Entry(path, mode, partial(read, root / path), blob)


def read(path: Path) -> bytes:
    """A file's content, or what a link says; InputError."""
    try:
        if stat.S_ISLNK(path.lstat().st_mode):
            return os.fsencode(path.readlink())
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
