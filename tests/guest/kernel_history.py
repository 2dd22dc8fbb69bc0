# SPDX-License-Identifier: Apache-2.0
"""A history of a dozen commits in a git repository of the real kernel's source, one of which plants a fault.

The tree is the one of `built_kernel` without what its build does not read, a sixth of it. Its objects go
with it, so that a step compiles what its commit changed, and neither git nor make looks at the rest.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator.kernels.build.kernel.recipe import SOURCE
from orchestrator.kernels.cache import Cache
from orchestrator.kernels.source_build import worktree
from orchestrator.kernels.source_build.listing import read_listing, write_listing
from orchestrator.kernels.source_build.worktree import WorkTree
from orchestrator.paths import cache_dir
from tests.git import git_in
from tests.guest.built_kernel import ARCH, TREE, built_kernel

_READ = re.compile(rf"{SOURCE}/([^\s:)']+)")
_NAMES = ("Kconfig", "Makefile", "Kbuild")
_WHOLE = ("include/", "scripts/", f"arch/{ARCH}/", "arch/x86/entry/syscalls/")
_UNREAD = ("Documentation/", "tools/", "samples/", "arch/", "rust/", "LICENSES/")
_LANGUAGES = (".c", ".h", ".S", ".dts", ".dtsi", ".dtso")

BINDER, MM, ALLOC = "drivers/android/binder_alloc.c", "mm/page_alloc.c", "mm/compaction.c"


@dataclass(frozen=True)
class Change:
    """A commit: its subject, and texts that are replaced, by file; "" stands for the end of the file."""

    subject: str
    edits: Sequence[tuple[str, str, str]]


def _remark(path: str, text: str) -> tuple[str, str, str]:
    return (path, "", f"\n/* {text} */\n")


FAULT = "binder: ask for the page array with kcalloc"
BROKEN = "mm: move a declaration"
CHANGES = (
    Change("docs: tell of the history", [("Documentation/history.rst", "", "A history.\n")]),
    Change("binder: say what the array is for", [_remark(BINDER, "One element a page.")]),
    Change("mm: say where the reserve is set", [_remark(MM, "See min_free_kbytes.")]),
    Change("mm: reserve a little more", [(MM, "int min_free_kbytes = 1024;", "int min_free_kbytes = 1028;")]),
    Change("docs: tell more", [("Documentation/history.rst", "", "It goes on.\n")]),
    Change(BROKEN, [(ALLOC, "", "\nint moved_too_far\n")]),
    Change("mm: move it back", [(ALLOC, "\nint moved_too_far\n", "")]),
    Change("binder: say who frees it", [_remark(BINDER, "Freed when the map goes.")]),
    Change(FAULT, [(BINDER, "alloc->pages = kvcalloc(", "alloc->pages = kcalloc(")]),
    Change("binder: say how large it is", [_remark(BINDER, "At most 1024 elements.")]),
    Change("mm: reserve as much as before", [(MM, "min_free_kbytes = 1028;", "min_free_kbytes = 1024;")]),
    Change("docs: end the history", [("Documentation/history.rst", "", "It ends.\n")]),
)


@dataclass(frozen=True)
class History:
    """The repository; `commits` are all of it, the oldest first: a good one, then one for each change."""

    tree: Path
    commits: tuple[str, ...]

    def git(self, *words: str, **environment: str) -> str:
        """git in it, with nobody's settings."""
        return git_in(self.tree, *words, **environment)

    def commit_of(self, subject: str) -> str:
        """The commit of a change."""
        return self.commits[1 + [change.subject for change in CHANGES].index(subject)]


@contextmanager
def made(directory: Path) -> Iterator[History]:
    """The history below a directory; what the cache keeps of it goes with it."""
    built_kernel()
    tree = (directory / "linux").resolve()
    cache = Cache(cache_dir())
    try:
        with worktree.opened(cache, TREE) as kept, worktree.opened(cache, str(tree)) as own:
            paths = sorted(_needed(kept))
            _place(kept.source, tree, paths, shutil.copy2)
            # What is kept of a tree is never written into, but replaced: one file serves both.
            _place(kept.source, own.source, paths, os.link)
            _hand_over(kept, own, set(paths))
        yield History(tree, tuple(_commits(tree)))
    finally:
        _forget(cache, tree)


def _needed(kept: WorkTree) -> Iterator[str]:
    read: set[str] = set()
    for command in kept.objects(ARCH).rglob("*.cmd"):
        read |= set(map(os.path.normpath, _READ.findall(command.read_text(errors="replace"))))
    for path in read_listing(kept.path / "listing.json") or {}:
        name = path.rpartition("/")[2]
        read_elsewhere = not path.startswith(_UNREAD) and not path.endswith(_LANGUAGES)
        makes = "/" not in path or name.startswith(_NAMES) or path.startswith(_WHOLE)
        if makes or read_elsewhere or path in read:
            yield path


def _place(source: Path, target: Path, paths: Sequence[str], put: Callable[..., object]) -> None:
    for path in paths:
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        put(source / path, target / path, follow_symlinks=False)


def _hand_over(kept: WorkTree, own: WorkTree, paths: set[str]) -> None:
    """What was compiled of the whole tree is what this part of it compiles to."""
    objects = own.objects(ARCH)
    objects.rmdir()
    kept.copy_objects(ARCH, objects)
    shutil.copytree(kept.store, own.store, copy_function=os.link, dirs_exist_ok=True)
    listing = read_listing(kept.path / "listing.json") or {}
    write_listing(own.path / "listing.json", {path: listing[path] for path in paths})
    (own.path / f"whole-{ARCH}").touch()


def _commits(tree: Path) -> Iterator[str]:
    git_in(tree, "init", "-q", "-b", "main")
    git_in(tree, "add", "--force", ".")
    yield _commit(tree, "linux: a first commit")
    for change in CHANGES:
        for path, old, new in change.edits:
            file = tree / path
            file.parent.mkdir(exist_ok=True)
            text = file.read_text() if file.exists() else ""
            assert not old or text.count(old) == 1, f"{path} has '{old}' {text.count(old)} times"
            file.write_text(text.replace(old, new) if old else text + new)
            git_in(tree, "add", "--force", path)
        yield _commit(tree, change.subject)


def _commit(tree: Path, subject: str) -> str:
    git_in(tree, "commit", "-q", "-m", subject)
    return git_in(tree, "rev-parse", "HEAD").strip()


def _forget(cache: Cache, tree: Path) -> None:
    with worktree.opened(cache, str(tree)) as own:
        path = own.path
    shutil.rmtree(path, ignore_errors=True)
    name = hashlib.sha256(str(tree).encode()).hexdigest()[:32]
    for file in (cache.root / "sources").glob(f"{name}.*"):
        file.unlink()
