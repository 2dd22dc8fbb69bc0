# SPDX-License-Identifier: Apache-2.0
"""From what a scenario says of a tree to the tree as it is now; what did not change is known without a look.

What is remembered lies in `sources/` of the cache, a file for each place, and is good for as long as the
files that it was learnt from are the same.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from orchestrator.arch import Arch
from orchestrator.bases import TreeSpec
from orchestrator.errors import InputError
from orchestrator.files.atomic import write_atomic
from orchestrator.kernels.base import Progress
from orchestrator.kernels.cache import Cache, CacheEntry
from orchestrator.kernels.manifest import Package
from orchestrator.kernels.source_build import directory, repository, tarball
from orchestrator.kernels.source_build.directory import Contents, Scan, signature_of
from orchestrator.kernels.source_build.listing import Entry, Listing, identity
from orchestrator.kernels.source_build.repository import Repository, find_repository, is_commit_id
from orchestrator.kernels.source_build.tree import KernelTree, require_kernel, version_of
from orchestrator.kernels.verified import file_sha256

_FORMAT = 1


class Packages(Protocol):
    """A distribution's source packages, and the busybox that goes with any kernel; all in a cache."""

    def known(self, cache: Cache, name: str, suite: str | None) -> Package | None:
        """The source package that was last chosen; no process, no network."""

    def choose(
        self, cache: Cache, name: str, suite: str | None, arch: Arch, progress: Progress, *, refresh: bool
    ) -> Package:
        """The same, or the newest now."""

    def entries(
        self, cache: Cache, package: Package, suite: str | None, arch: Arch, progress: Progress
    ) -> AbstractContextManager[Iterable[Entry]]:
        """The files of exactly this package, downloaded for it."""

    def known_busybox(self, cache: Cache, arch: Arch) -> tuple[CacheEntry, Package] | None:
        """The busybox that was last chosen, if it is in the cache."""

    def busybox(
        self, cache: Cache, arch: Arch, progress: Progress, *, recorded: Package | None = None
    ) -> tuple[CacheEntry, Package]:
        """The same, or downloaded now; with `recorded` exactly that one."""


@dataclass(frozen=True)
class TreeFinder:
    """Finds the tree of a spec for guests of an architecture."""

    cache: Cache
    packages: Packages
    arch: Arch

    def known(self, spec: TreeSpec) -> KernelTree | None:
        """The tree if nothing has to be read or asked for it; no process, no network."""
        if isinstance(spec.source, str):
            package = self.packages.known(self.cache, spec.source, spec.suite)
            return self._packaged(package, spec, _say_nothing) if package else None
        path = _existing(spec.source)
        if spec.revision is not None:
            return self._known_revision(path, spec.revision)
        if path.is_dir():
            return self._known_directory(path)
        return self._known_tarball(path)

    def find(self, spec: TreeSpec, progress: Progress, *, refresh: bool = False) -> KernelTree:
        """The tree as it is now. InputError when there is none, HostError when it cannot be had."""
        known = None if refresh and isinstance(spec.source, str) else self.known(spec)
        if known is not None:
            return known
        if isinstance(spec.source, str):
            package = self.packages.choose(
                self.cache, spec.source, spec.suite, self.arch, progress, refresh=refresh
            )
            return self._packaged(package, spec, progress)
        path = _existing(spec.source)
        if spec.revision is not None:
            return self._revision(path, spec.revision)
        if path.is_dir():
            return self._directory(path, progress)
        return self._tarball(path, progress)

    def of_package(self, package: Package, spec: TreeSpec, progress: Progress) -> KernelTree:
        """The tree of exactly one package, whatever is the newest."""
        return self._packaged(package, spec, progress)

    def _packaged(self, package: Package, spec: TreeSpec, progress: Progress) -> KernelTree:
        return KernelTree(
            name=f"{package.name} {package.version}",
            identity=package.sha256,
            lineage=package.name,
            entries=lambda: self.packages.entries(self.cache, package, spec.suite, self.arch, progress),
            package=package,
        )

    def _known_tarball(self, path: Path) -> KernelTree | None:
        memory = self._memory(path)
        if memory.get("stamp") != signature_of(path):
            return None
        return self._of_tarball(path, str(memory["sha256"]))

    def _tarball(self, path: Path, progress: Progress) -> KernelTree:
        if not path.name.endswith(tarball.SUFFIXES):
            with tarball.opened(path) as archive:
                archive.next()
        progress(f"reading {path.name}")
        before = signature_of(path)
        sha256 = file_sha256(path)
        self._remember(path, {"stamp": before, "sha256": sha256})
        return self._of_tarball(path, sha256)

    def _of_tarball(self, path: Path, sha256: str) -> KernelTree:
        @contextmanager
        def entries() -> Iterator[Iterable[Entry]]:
            with tarball.opened(path) as archive:
                yield tarball.entries_of(archive, path.name)

        return KernelTree(path.name, sha256, f"{path.name} ({path.parent})", entries)

    def _known_directory(self, path: Path) -> KernelTree | None:
        memory = self._memory(path)
        if not memory:
            return None
        scan = Scan.of(path)
        return (
            self._of_directory(path, memory) if memory.get("seen") == scan.signature(_beside(path)) else None
        )

    def _directory(self, path: Path, progress: Progress) -> KernelTree:
        require_kernel(path, str(path))
        began_ns = time.time_ns()
        scan = Scan.of(path)
        seen = scan.signature(_beside(path))
        known_file = self._place(path).with_suffix(".contents")
        if not known_file.exists():
            progress(f"reading {path}")
        found = find_repository(path)
        commit, dirty, committed = "", False, None
        if found is None:
            paths = list(scan.source_paths())
        else:
            with self.cache.scratch() as scratch, repository.opened(found, scratch) as git:
                paths = git.paths()
                commit = git.head() or ""
                committed = git.listing(commit) if commit else {}
        listing, contents = directory.contents_of(scan, paths, Contents.read(known_file))
        dirty = committed is not None and listing != {
            path: each for path, each in committed.items() if each[0] != "160000"
        }
        with suppress(OSError):
            contents.write(known_file)
        memory = {"seen": seen, "identity": identity(listing), "commit": commit, "dirty": dirty}
        tree = self._of_directory(path, memory)
        listed = KernelTree(
            tree.name, tree.identity, tree.lineage, _entries(path, listing), listed=True,
            commit=commit, dirty=dirty,
        )  # fmt: skip
        if scan.is_settled(began_ns):
            self._remember(path, memory)
        return listed

    def _of_directory(self, path: Path, memory: dict[str, Any]) -> KernelTree:
        commit, dirty = str(memory["commit"]), bool(memory["dirty"])
        state = f" at {commit[:12]}{', changed' if dirty else ''}" if commit else ""

        @contextmanager
        def entries() -> Iterator[Iterable[Entry]]:
            contents = Contents.read(self._place(path).with_suffix(".contents"))
            scan = Scan.of(path)
            listing, _ = directory.contents_of(scan, list(contents.blobs), contents)
            yield directory.entries_of(path, listing)

        return KernelTree(
            name=f"{path.name}{state}",
            identity=str(memory["identity"]),
            lineage=_lineage(path),
            entries=entries,
            listed=True,
            commit=commit,
            dirty=dirty,
        )

    def _known_revision(self, path: Path, revision: str) -> KernelTree | None:
        found = _repository(path)
        memory = self._memory(path).get(f"revision {revision}", {})
        if not isinstance(memory, dict) or "commit" not in memory:
            return None
        if not is_commit_id(revision) and memory.get("seen") != _references(found):
            return None
        return self._of_revision(path, found, revision, memory)

    def _revision(self, path: Path, revision: str) -> KernelTree:
        found = _repository(path)
        seen = _references(found)
        with self.cache.scratch() as scratch, repository.opened(found, scratch) as git:
            commit = git.commit_of(revision)
            listing = git.listing(commit)
            makefile = listing.get("Makefile")
            with git.reader() as blobs:
                version = version_of(blobs.read(makefile[1]).decode(errors="replace")) if makefile else ""
        if not version:
            raise InputError(
                f"{path} at {revision} is no kernel tree", hint="its Makefile would have VERSION"
            )
        memory = {"seen": seen, "commit": commit, "identity": identity(listing)}
        self._remember(path, {**self._memory(path), f"revision {revision}": memory})
        return self._of_revision(path, found, revision, memory)

    def _of_revision(
        self, path: Path, found: Repository, revision: str, memory: dict[str, Any]
    ) -> KernelTree:
        commit = str(memory["commit"])

        @contextmanager
        def entries() -> Iterator[Iterable[Entry]]:
            with (
                self.cache.scratch() as scratch,
                repository.opened(found, scratch) as git,
                git.entries(commit) as each,
            ):
                yield each

        name = revision[:12] if is_commit_id(revision) else f"{revision} ({commit[:12]})"
        return KernelTree(
            f"{path.name} {name}",
            str(memory["identity"]),
            _lineage(path),
            entries,
            listed=True,
            commit=commit,
        )

    def _place(self, path: Path) -> Path:
        directory = self.cache.root / "sources"
        with suppress(OSError):
            directory.mkdir(parents=True, exist_ok=True)
        return directory / f"{hashlib.sha256(str(path).encode()).hexdigest()[:32]}.json"

    def _memory(self, path: Path) -> dict[str, Any]:
        with suppress(OSError, ValueError):
            memory = json.loads(self._place(path).read_bytes())
            if isinstance(memory, dict) and memory.get("format") == _FORMAT:
                return memory
        return {}

    def _remember(self, path: Path, memory: dict[str, Any]) -> None:
        place = self._place(path)
        with suppress(OSError):  # a read-only cache can still be used
            kept = {key: value for key, value in self._memory(path).items() if key.startswith("revision ")}
            write_atomic(place, json.dumps({**kept, **memory, "format": _FORMAT}).encode())


def _entries(path: Path, listing: Listing) -> Any:
    @contextmanager
    def entries() -> Iterator[Iterable[Entry]]:
        yield directory.entries_of(path, listing)

    return entries


def _existing(path: Path) -> Path:
    resolved = path.resolve()
    if not resolved.exists():
        near = [each.name for each in sorted(path.parent.glob("*"))[:200] if each.name[:3] == path.name[:3]]
        hint = f"beside it there is {', '.join(near[:5])}" if near else "a tree is a directory, or a tarball"
        raise InputError(f"there is no {path}", hint=hint)
    return resolved


def _repository(path: Path) -> Repository:
    found = find_repository(path) if path.is_dir() else None
    if found is None:
        raise InputError(
            f"{path} is no git repository, so that it has no revisions",
            hint="leave out `revision`, or name the directory that has .git",
        )
    return found


def _beside(path: Path) -> list[Path]:
    found = find_repository(path)
    return [found.git / "index", found.common / "info/exclude", *found.watched] if found else []


def _references(found: Repository) -> str:
    return hashlib.sha256(repr([signature_of(path) for path in found.watched]).encode()).hexdigest()


def _lineage(path: Path) -> str:
    return str(path)


def _say_nothing(_: str) -> None:
    """Nothing is done that could be told."""
