# SPDX-License-Identifier: Apache-2.0
"""A whole tree to be read, not built: the files that lie in the work tree of builds, laid out on demand.

Reading waits for nobody: each file is held against the listing, so that a build which brings the tree to
another state meanwhile is noticed. Only who has to lay the tree out takes the lock of the builds.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.errors import HostError
from orchestrator.kernels.base import Progress
from orchestrator.kernels.cache import Cache
from orchestrator.kernels.source_build import worktree
from orchestrator.kernels.source_build.listing import LINK, Entry, Listing, blob_id, read_listing
from orchestrator.kernels.source_build.tree import KernelTree
from orchestrator.units import GIB, MIB

UNPACKED_BYTES = 17 * GIB // 10
"""What a tree of today takes when it is laid out."""

_TELL_S = 5.0


@dataclass(frozen=True)
class WholeTree:
    """The files of a tree. `listing` has all of them; links are left out, for no patch may change them."""

    name: str
    directory: Path
    listing: Listing

    def paths(self) -> list[str]:
        """Every file."""
        return [path for path, (mode, _) in self.listing.items() if mode != LINK]

    def read(self, path: str) -> bytes:
        """The content of one of `paths`; HostError when it is another by now."""
        place = self.directory / path
        try:
            content = place.read_bytes()
        except OSError as error:
            raise HostError(f"{self.name}: cannot read {path}: {error.strerror}", hint=_AGAIN) from None
        if blob_id(content) != self.listing[path][1]:
            raise HostError(f"{self.name}: {path} was changed while it was read", hint=_AGAIN)
        return content


_AGAIN = "another run may be laying out another version of it: try again"


def known_whole(cache: Cache, tree: KernelTree) -> WholeTree | None:
    """The tree if it lies in the cache in exactly this state; no process, no network, no lock."""
    is_there = any(
        entry.meta.kind == worktree.KIND and entry.meta.what == tree.lineage for entry in cache.entries()
    )
    return _whole(cache, tree) if is_there else None


def obtain_whole(cache: Cache, tree: KernelTree, progress: Progress) -> WholeTree:
    """The same, or laid out now; what was laid out before it was cut short stays. HostError, InputError."""
    known = known_whole(cache, tree)
    if known is not None:
        return known
    download = f"{tree.package.size_bytes / 1e6:.0f} MB to download, " if tree.package else ""
    progress(
        f"{tree.name}: its whole source is needed: {download}{UNPACKED_BYTES / 1e9:.1f} GB unpacked"
        " in the cache; kept, also for builds (`oomlab images prune` removes it)"
    )
    with worktree.opened(cache, tree.lineage, f"laying out {tree.name}", progress) as kept:
        kept.lay_out(replace(tree, entries=lambda: _told(tree, progress)), progress)
    found = _whole(cache, tree)
    if found is None:
        raise HostError(f"{tree.name} is gone from the cache again", hint=_AGAIN)
    return found


def _whole(cache: Cache, tree: KernelTree) -> WholeTree | None:
    path = cache.workshop(worktree.KIND, tree.lineage, tree.lineage)
    listing = read_listing(path / "listing.json")
    try:
        laid_out = (path / "laid-out").read_text()
    except OSError:
        return None
    if listing is None or laid_out != tree.identity:
        return None
    return WholeTree(tree.name, path / "source", listing)


@contextmanager
def _told(tree: KernelTree, progress: Progress) -> Iterator[Iterable[Entry]]:
    """The entries of a tree, with word from time to time of how far they are."""
    with tree.entries() as entries:
        yield _counted(entries, tree.name, progress)


def _counted(entries: Iterable[Entry], name: str, progress: Progress) -> Iterator[Entry]:
    done_bytes, told_s = 0, time.monotonic()

    def counting(entry: Entry) -> Entry:
        def read() -> bytes:
            nonlocal done_bytes
            content = entry.read()
            done_bytes += len(content)
            return content

        return replace(entry, read=read)

    for entry in entries:
        if time.monotonic() - told_s >= _TELL_S:
            progress(f"{name}: {done_bytes // MIB} MiB unpacked, of some {UNPACKED_BYTES // MIB}")
            told_s = time.monotonic()
        yield counting(entry)
