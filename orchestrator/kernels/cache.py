# SPDX-License-Identifier: Apache-2.0
"""The content-addressed cache: an entry is there whole, or it is not there.

An entry is a directory named by the SHA-256 of everything it depends on. It is made in a
temporary directory of the same file system, flushed, and renamed into place, under a lock of
its own: two runs at once make it once, and Ctrl-C or a full disk leaves nothing half-written.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from orchestrator.deadline import Deadline
from orchestrator.errors import DeadlinePassed, HostError
from orchestrator.files.atomic import write_atomic
from orchestrator.host.scratch import memory_parent, scratch_directory, sweep
from orchestrator.kernels.verified import file_sha256, have_checksums

META_FILE = "meta.json"
SIZE_FACT = "size_bytes"
_FREE_HINT = "free space, remove old entries with `oomlab images prune`, or set OOMLAB_CACHE to another place"
_QUICKLY_READ_BYTES = 16 << 20
_BOOTED_KIND = "kernel"

Facts = Mapping[str, str]
Make = Callable[[Path], Facts]


class FileFact(BaseModel):
    """Size and checksum of one file of an entry."""

    model_config = ConfigDict(frozen=True)

    size_bytes: int
    sha256: str


class EntryMeta(BaseModel):
    """What `meta.json` of an entry says."""

    model_config = ConfigDict(frozen=True)

    kind: str
    what: str
    made_at: float
    facts: dict[str, str]
    files: dict[str, FileFact]


@dataclass(frozen=True)
class CacheEntry:
    """A finished entry; its files are never written to again."""

    key: str
    path: Path
    meta: EntryMeta
    last_used_at: float

    @property
    def size_bytes(self) -> int:
        """Bytes of all files; of what is worked in, as it was last counted."""
        counted = int(self.meta.facts.get(SIZE_FACT, "0"))
        return counted + sum(fact.size_bytes for fact in self.meta.files.values())

    def file(self, name: str) -> Path:
        """The path of one file."""
        return self.path / name

    def sha256(self, name: str) -> str:
        """The recorded checksum of one file."""
        return self.meta.files[name].sha256

    def is_whole(self, *, checksums: bool = False) -> bool:
        """Every file has its recorded size (and, if asked, its checksum)."""
        files = self.meta.files
        try:
            if any(self.file(name).stat().st_size != fact.size_bytes for name, fact in files.items()):
                return False
            return not checksums or have_checksums(
                self.path, {name: fact.sha256 for name, fact in files.items()}
            )
        except OSError:
            return False


@dataclass(frozen=True)
class Pruned:
    """What a prune removed, and what it left because a run is using it."""

    removed: tuple[CacheEntry, ...]
    in_use: tuple[CacheEntry, ...]


def key_of(kind: str, recipe: Mapping[str, Any]) -> str:
    """The key of an entry: SHA-256 of the canonical JSON of all it depends on."""
    canonical = json.dumps({"kind": kind, "recipe": recipe}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


@dataclass
class Cache:
    """The cache below `root`. An entry handed out is safe from `prune` while this object lives."""

    root: Path
    _leases: dict[Path, int] = field(default_factory=dict)

    def __del__(self) -> None:
        for descriptor in self._leases.values():
            os.close(descriptor)

    def find(self, kind: str, recipe: Mapping[str, Any]) -> CacheEntry | None:
        """The whole entry of this recipe, or None; marks it as used now.

        What is booted or small is checked to the last bit, once in a boot of the host unless it was
        written to (`verified`); the rest by its sizes.
        """
        path = self._path(kind, key_of(kind, recipe))
        if not self._lease(path):
            return None
        entry = _read_entry(path)
        if entry is None or not entry.is_whole(checksums=_is_worth_reading(entry)):
            self._release(path)
            return None
        with suppress(OSError):  # a read-only cache can still be used
            os.utime(path / META_FILE)
        return entry

    def find_file(self, kind: str, name: str, sha256: str) -> CacheEntry | None:
        """An entry that holds a file with this checksum, verified as `find` does; or None."""
        for path in self._entry_paths():
            entry = _read_entry(path) if path.parent.name == kind else None
            fact = entry.meta.files.get(name) if entry else None
            if entry and fact and fact.sha256 == sha256 and self._lease(path):
                if entry.is_whole(checksums=True):
                    return entry
                self._release(path)
        return None

    def obtain(
        self,
        kind: str,
        recipe: Mapping[str, Any],
        make: Make,
        *,
        what: str,
        need_bytes: int,
        deadline: Deadline,
    ) -> CacheEntry:
        """The entry of this recipe; `make` fills an empty directory when there is none.

        Raises HostError when less than `need_bytes` are free or the disk fills up, DeadlinePassed
        when another run holds the entry for too long, and whatever `make` raises.
        """
        entry = self.find(kind, recipe)
        if entry is not None:
            return entry
        with self.lock(key_of(kind, recipe), deadline):
            entry = self.find(kind, recipe)
            if entry is None:
                self.require_space(need_bytes, what)
                self._make(kind, recipe, make, what)
                entry = self.find(kind, recipe)
        if entry is None:
            raise HostError(f"the cache lost {what} as soon as it was made", evidence=[str(self.root)])
        return entry

    @contextmanager
    def lock(self, name: str, deadline: Deadline) -> Iterator[None]:
        """Hold the lock of this name, which other runs respect; DeadlinePassed if it stays taken."""
        from filelock import FileLock, Timeout  # not above: what is in the cache is found without

        directory = self._directory("locks")
        lock = FileLock(directory / f"{name}.lock")
        try:
            lock.acquire(timeout=deadline.remaining())
        except Timeout:
            raise DeadlinePassed(
                f"deadline passed: {deadline.what}: another oomlab holds {lock.lock_file}"
            ) from None
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def scratch(self, *, memory_bytes: int = 0) -> Iterator[Path]:
        """An empty directory that is gone afterwards.

        It is on the cache's file system, so that what is made there can be renamed into the cache; or, for
        `memory_bytes` of many small files, in memory where there is room.
        Errors of a full disk inside the block become a HostError that says what to do.
        """
        parent = memory_parent(memory_bytes) if memory_bytes else None
        if memory_bytes and parent is None:
            self.require_space(memory_bytes, "unpacked files")
        with _explain_full_disk(self.root), scratch_directory(parent or self._directory("tmp")) as path:
            yield path

    def require_space(self, need_bytes: int, what: str) -> None:
        """HostError when the cache's file system has less than `need_bytes` free."""
        require_space(self.root, self._directory("tmp"), need_bytes, what)

    def entries(self) -> list[CacheEntry]:
        """All readable entries, the least recently used first."""
        found = [_read_entry(path) for path in self._entry_paths()]
        return sorted((entry for entry in found if entry), key=lambda entry: entry.last_used_at)

    def workshop(self, kind: str, name: str, what: str) -> Path:
        """A directory to work in, kept until it is pruned; safe from that while this object lives."""
        path = self._path(kind, key_of(kind, {"name": name}))
        while not self._lease(path):
            path.mkdir(parents=True, exist_ok=True)
        if _read_entry(path) is None:
            self.note_size(path, kind, what, 0)
        return path

    def note_size(self, path: Path, kind: str, what: str, size_bytes: int) -> None:
        """What `entries` is to say of a `workshop`; it was used now."""
        facts = {SIZE_FACT: str(size_bytes)}
        meta = EntryMeta(kind=kind, what=what, made_at=time.time(), facts=facts, files={})
        write_atomic(path / META_FILE, meta.model_dump_json(indent=1).encode())

    def prune(
        self, *, unused_for_s: float | None = None, keep_bytes: int | None = None, everything: bool = False
    ) -> Pruned:
        """Remove entries: those unused for so long, the oldest beyond a total size, or all.

        Entries that a living process uses stay. Damaged entries and what killed runs left behind go too.
        """
        entries = self.entries()
        chosen = list(entries) if everything else _choose(entries, unused_for_s, keep_bytes)
        removed = [entry for entry in chosen if self._remove(entry.path)]
        for path in self._entry_paths():
            if _read_entry(path) is None:
                self._remove(path)
        self._sweep()
        gone = {entry.path for entry in removed}
        return Pruned(tuple(removed), tuple(entry for entry in chosen if entry.path not in gone))

    def _make(self, kind: str, recipe: Mapping[str, Any], make: Make, what: str) -> None:
        self._sweep()
        target = self._path(kind, key_of(kind, recipe))
        with self.scratch() as scratch:
            content = scratch / "entry"
            content.mkdir()
            facts = make(content)
            meta = EntryMeta(
                kind=kind, what=what, made_at=time.time(), facts=dict(facts), files=_facts_of(content)
            )
            (content / META_FILE).write_text(meta.model_dump_json(indent=1))
            _flush(content)
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.exists():  # damaged: find() did not accept it
                target.rename(scratch / "damaged")
            content.rename(target)
            _flush_directory(target.parent)

    def _remove(self, path: Path) -> bool:
        """Take an entry away atomically, unless another process (or this one) is using it."""
        self._release(path)
        with self.scratch() as scratch, suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.rename(scratch / "removed")
            finally:
                os.close(descriptor)
            return True
        return False

    def _lease(self, path: Path) -> bool:
        if path in self._leases:
            return True
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            return False
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        self._leases[path] = descriptor
        return True

    def _release(self, path: Path) -> None:
        descriptor = self._leases.pop(path, None)
        if descriptor is not None:
            os.close(descriptor)

    def _sweep(self) -> None:
        sweep(self._directory("tmp"))
        in_memory = memory_parent(0)
        if in_memory is not None:
            sweep(in_memory)

    def _entry_paths(self) -> Iterable[Path]:
        return sorted((self.root / "store").glob("*/*"))

    def _path(self, kind: str, key: str) -> Path:
        return self.root / "store" / kind / key

    def _directory(self, name: str) -> Path:
        path = self.root / name
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise HostError(
                f"cannot write to the cache {self.root}: {error.strerror}", hint=_FREE_HINT
            ) from None
        return path


def require_space(cache_root: Path, directory: Path, need_bytes: int, what: str) -> None:
    """HostError when the file system of a directory in the cache has less than `need_bytes` free."""
    free_bytes = shutil.disk_usage(directory).free
    if free_bytes < need_bytes:
        raise HostError(
            f"no space in the cache for {what}: {_mb(need_bytes)} MB needed, "
            f"{_mb(free_bytes)} MB free in {cache_root}",
            hint=_FREE_HINT,
        )


@contextmanager
def _explain_full_disk(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise HostError(f"no space left in the cache {root}", hint=_FREE_HINT) from error
        raise


def _choose(
    entries: list[CacheEntry], unused_for_s: float | None, keep_bytes: int | None
) -> list[CacheEntry]:
    """The entries to remove; `entries` come least recently used first."""
    now = time.time()
    chosen: list[CacheEntry] = []
    left_bytes = sum(entry.size_bytes for entry in entries)
    for entry in entries:
        too_old = unused_for_s is not None and now - entry.last_used_at > unused_for_s
        too_much = keep_bytes is not None and left_bytes > keep_bytes
        if too_old or too_much:
            chosen.append(entry)
            left_bytes -= entry.size_bytes
    return chosen


def _is_worth_reading(entry: CacheEntry) -> bool:
    return entry.meta.kind == _BOOTED_KIND or entry.size_bytes <= _QUICKLY_READ_BYTES


def _read_entry(path: Path) -> CacheEntry | None:
    try:
        meta_path = path / META_FILE
        meta = EntryMeta.model_validate_json(meta_path.read_bytes())
        return CacheEntry(path.name, path, meta, meta_path.stat().st_mtime)
    except (OSError, ValidationError):
        return None


def _facts_of(directory: Path) -> dict[str, FileFact]:
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {
        str(path.relative_to(directory)): FileFact(size_bytes=path.stat().st_size, sha256=file_sha256(path))
        for path in files
    }


def _flush(directory: Path) -> None:
    for path in directory.rglob("*"):
        if path.is_dir():
            _flush_directory(path)
        else:
            with path.open("rb") as file:
                os.fsync(file.fileno())
    _flush_directory(directory)


def _flush_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _mb(size_bytes: int) -> int:
    return -(-size_bytes // 1_000_000)
