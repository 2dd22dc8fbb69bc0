# SPDX-License-Identifier: Apache-2.0
"""What is kept of a tree between builds: its source laid out, its objects, what its compilations gave.

    source/         the tree's files; builds can only read them
    objects/ARCH    what the last build of the tree itself made there; builds with patches get a copy
    compiled/       the store of compilations that builds of the tree itself fill; the others can only read it
    patched/KEY     the stores of builds with patches, one for each set of patches
    logs/           the log of the last build of each kind

All of it can be made again. Objects whose build was cut short are not trusted: a file may be half-written.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from orchestrator.deadline import Deadline
from orchestrator.errors import BuildBroken, DeadlinePassed, InputError
from orchestrator.files.atomic import write_atomic
from orchestrator.host.process import run
from orchestrator.kernels.base import Progress
from orchestrator.kernels.cache import Cache
from orchestrator.kernels.source_build.listing import Layout, identity, read_listing, write_listing
from orchestrator.kernels.source_build.tree import KernelTree, require_kernel
from orchestrator.text.plain import one_line
from orchestrator.units import GIB, MIB

KIND = "tree"
_LOCK_S = 7200.0
_SOON_S = 1.0
_COPY_S = 600.0
_SOURCE_BYTES = 3 * GIB
_MOST_STORE_BYTES = 2 * GIB
_MOST_PATCHED_BYTES = 512 * MIB
_MOST_LOG_BYTES = 16 * MIB
_OPEN_MODE = 0o755


@dataclass(frozen=True)
class WorkTree:
    """The directory that is kept for a lineage of trees."""

    cache: Cache
    path: Path
    lineage: str

    @property
    def source(self) -> Path:
        """The tree's files."""
        return self.path / "source"

    @property
    def store(self) -> Path:
        """The compilations of the tree itself."""
        return self._made("compiled")

    def patched_store(self, patches: tuple[str, ...]) -> Path:
        """The compilations of the tree with these patches, by their checksums."""
        return self._made("patched", hashlib.sha256("\n".join(patches).encode()).hexdigest()[:32])

    def objects(self, arch: str) -> Path:
        """The objects of the tree itself."""
        return self._made("objects", arch)

    def log(self, name: str) -> Path:
        """Where a build's log is kept."""
        return self._made("logs") / f"{name}.log"

    def _made(self, *names: str) -> Path:
        path = self.path.joinpath(*names)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def lay_out(self, tree: KernelTree, progress: Progress) -> None:
        """Bring `source` to the content of a tree. InputError when that is none, or was changed meanwhile."""
        laid = self.path / "laid-out"
        if _text(laid) == tree.identity and self.source.is_dir():
            return
        progress(f"laying out {tree.name}")
        kept = self.path / "listing.json"
        held = read_listing(kept)
        kept.unlink(missing_ok=True)
        laid.unlink(missing_ok=True)
        if held is None:
            shutil.rmtree(self.source, ignore_errors=True)
            self.cache.require_space(_SOURCE_BYTES, tree.name)
        self.source.mkdir(mode=_OPEN_MODE, exist_ok=True)
        layout = Layout(self.source, held or {})
        try:
            with tree.entries() as entries:
                layout.bring(entries, tree.name)
        finally:
            write_listing(kept, layout.held)
        require_kernel(self.source, tree.name)
        if tree.listed and identity(layout.held) != tree.identity:
            raise InputError(
                f"{tree.name} was changed while it was read", hint="wait for it to be whole, and try again"
            )
        write_atomic(laid, tree.identity.encode())

    @contextmanager
    def trusted_objects(self, arch: str) -> Iterator[tuple[Path, bool]]:
        """The objects to go on from, and whether there are any. Whoever is cut short leaves none behind.

        A BuildBroken is the word of a make that came to its end: it removes what it could not make.
        """
        objects = self.objects(arch)
        whole = self.path / f"whole-{arch}"
        if not whole.exists():
            shutil.rmtree(objects)
            objects = self.objects(arch)
        whole.unlink(missing_ok=True)
        try:
            yield objects, any(objects.iterdir())
        except BuildBroken:
            write_atomic(whole, b"")
            raise
        write_atomic(whole, b"")

    def copy_objects(self, arch: str, target: Path) -> None:
        """The objects with their times, if they are whole; else an empty directory."""
        target.mkdir()
        if (self.path / f"whole-{arch}").exists():
            options = ("-aT", "--reflink=auto", "--no-preserve=ownership")
            deadline = Deadline.after(_COPY_S, "copying objects")
            run(["cp", *options, self.objects(arch), target], deadline=deadline)

    def link_source(self, target: Path) -> None:
        """A second source tree: the same files under other names, until they are replaced."""
        run(["cp", "-al", self.source, target], deadline=Deadline.after(_COPY_S, "linking the source"))

    def known_count(self, label: str) -> int:
        """How many objects a build from nothing compiled; 0 for not known."""
        with suppress(OSError, ValueError, TypeError, LookupError):
            return int(json.loads((self.path / "counts.json").read_bytes())[label])
        return 0

    def note_count(self, label: str, count: int) -> None:
        """Remember that."""
        counts: dict[str, int] = {}
        with suppress(OSError, ValueError):
            counts = json.loads((self.path / "counts.json").read_bytes())
        write_atomic(self.path / "counts.json", json.dumps({**counts, label: count}).encode())

    def tidy(self) -> None:
        """Keep the stores to their sizes, and say how large all is."""
        trim(self.path / "compiled", _MOST_STORE_BYTES)
        trim(self.path / "patched", _MOST_PATCHED_BYTES)
        trim(self.path / "logs", _MOST_LOG_BYTES)
        self.cache.note_size(self.path, KIND, self.lineage, size_of(self.path))


@contextmanager
def opened(
    cache: Cache, lineage: str, what: str = "a build", progress: Progress | None = None
) -> Iterator[WorkTree]:
    """The work tree of a lineage, ours alone; DeadlinePassed when another run keeps it.

    `what` is built, for those who wait for it. All builds of a lineage wait for each other, those for other
    architectures, too: there is one source for all of them, and the next one may want another state of it.
    Side by side they would end no sooner, for each build takes all CPUs.
    """
    name = f"tree-{hashlib.sha256(lineage.encode()).hexdigest()}"
    tree = WorkTree(cache, cache.workshop(KIND, lineage, lineage), lineage)
    at_work = tree.path / "at-work"
    with _locked(cache, name, lineage, at_work, progress):
        write_atomic(at_work, what.encode())
        try:
            yield tree
        finally:
            at_work.unlink(missing_ok=True)
            tree.tidy()


@contextmanager
def _locked(
    cache: Cache, name: str, lineage: str, at_work: Path, progress: Progress | None
) -> Iterator[None]:
    with ExitStack() as stack:
        try:
            stack.enter_context(cache.lock(name, Deadline.after(_SOON_S, lineage)))
        except DeadlinePassed:
            # Who came first may have just ended, or not have said yet what it builds.
            builds = f": {said}" if (said := one_line(_text(at_work))) else ""
            if progress is not None:
                progress(f"waiting for another build of {lineage}{builds}")
            waited = Deadline.after(_LOCK_S, f"another build of {lineage}{builds}")
            stack.enter_context(cache.lock(name, waited))
        yield


def size_of(directory: Path) -> int:
    """Bytes of all files below."""
    total = 0
    for parent, _, files in os.walk(directory):
        for name in files:
            with suppress(OSError):
                total += Path(parent, name).lstat().st_size
    return total


def trim(store: Path, most_bytes: int) -> None:
    """Remove the compilations that were made or used longest ago, until the rest is small enough."""
    found = []
    for path in store.rglob("*"):
        with suppress(OSError):
            status = path.lstat()
            if path.is_file():
                found.append((status.st_mtime_ns, status.st_size, path))
    left_bytes = sum(size_bytes for _, size_bytes, _ in found)
    for _, size_bytes, path in sorted(found):
        if left_bytes <= most_bytes:
            return
        with suppress(OSError):
            path.unlink()
            left_bytes -= size_bytes


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
