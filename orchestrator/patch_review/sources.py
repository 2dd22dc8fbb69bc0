# SPDX-License-Identifier: Apache-2.0
"""The sources that patches are held against: a base's driver, and all of it, each got when it is needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from orchestrator.arch import ARCHS, DEFAULT_ARCH, Arch
from orchestrator.bases import BASES, Base, DebianPackages
from orchestrator.errors import HostError, InputError, OomlabError
from orchestrator.host.programs import needs_of, require
from orchestrator.kernels.base import KernelRequest, Progress, SourceTree
from orchestrator.kernels.build.module import module_tree
from orchestrator.kernels.build.tree import read_tree
from orchestrator.kernels.cache import Cache
from orchestrator.kernels.modules import BINDER
from orchestrator.kernels.sources import source_of, whole_tree
from orchestrator.patch_review.checkpatch import FILES, Scripts
from orchestrator.patch_review.source_file import SourceFile
from orchestrator.patch_review.tree_files import Files, TreeFiles

SCOPE = BINDER.scope


@dataclass(frozen=True)
class BaseSource:
    """The source of a base below `scope` as patches see it, and where its checkpatch is.

    The scope "" is the whole source, of `package`, which is built for `arch`.
    """

    name: str
    files: Files
    scripts: Callable[[], Scripts]
    scope: str = SCOPE
    arch: Arch = ARCHS[DEFAULT_ARCH]
    package: str = ""


def load_columns(
    cache: Cache, arch_name: str, progress: Progress, failures: list[str], *, offline: bool = False
) -> list[Column]:
    """The bases of an architecture, whose sources are got when they are asked for; none without patch(1).

    Why one could not be had goes to `failures`.
    """
    if arch_name not in ARCHS:
        raise InputError(f"unknown architecture '{arch_name}'", hint=f"known: {', '.join(ARCHS)}")
    arch = ARCHS[arch_name]
    try:
        require(needs_of(arch_name, "patch"))
    except HostError as error:
        failures.append(f"{error.message}: {error.hint}")
        return []
    return [Column(base, arch, cache, progress, failures, offline) for base in _bases(arch_name)]


@dataclass
class Column:
    """One base that patches are held against: its driver's source, and its whole one, got on demand."""

    base: Base
    arch: Arch
    cache: Cache
    progress: Progress
    failures: list[str]
    offline: bool = False

    def driver(self) -> BaseSource | None:
        """The source below `SCOPE`; None when it cannot be had, which is noted once."""
        return self._driver

    def whole(self) -> BaseSource | None:
        """All of the source that a whole build takes; the same."""
        return self._whole

    @cached_property
    def _driver(self) -> BaseSource | None:
        return self._or_failure(_load)

    @cached_property
    def _whole(self) -> BaseSource | None:
        return self._or_failure(_load_whole)

    def _or_failure(self, load: Callable[..., BaseSource]) -> BaseSource | None:
        try:
            return load(self.cache, self.base, self.arch, self.progress, offline=self.offline)
        except OomlabError as error:
            hint = f"; {error.hint}" if self.offline and error.hint else ""
            self.failures.append(f"{self.base.name}: {error.message}{hint}")
            return None


def _bases(arch_name: str) -> list[Base]:
    """The bases of an architecture that patches are for; of those that share a source package the first."""
    first: dict[str, Base] = {}
    for base in BASES.values():
        if arch_name in base.archs and not _is_shipped(base):
            first.setdefault(base.source_name, base)
    return list(first.values())


def _is_shipped(base: Base) -> bool:
    """Whether its kernels are run as they are: their source is large, and a different one every week."""
    return isinstance(base.made_from, DebianPackages) and base.made_from.shipped


def _load(cache: Cache, base: Base, arch: Arch, progress: Progress, *, offline: bool = False) -> BaseSource:
    request = KernelRequest(base, arch, SCOPE)
    tree = source_of(base).known_source(cache, request)
    if tree is None:
        if offline:
            raise HostError("its source is not in the cache", hint="without --offline it is downloaded")
        require(needs_of(arch.name, *source_of(base).stages))
        kernel = source_of(base).obtain(cache, request, progress)
        tree = module_tree(kernel).source
    files = {
        path: SourceFile(path, file.content.decode(errors="surrogateescape"))
        for path, file in read_tree(tree.path, SCOPE).items()
    }
    return BaseSource(base.name, files, _fetched_scripts(tree, progress, offline=offline))


def _load_whole(
    cache: Cache, base: Base, arch: Arch, progress: Progress, *, offline: bool = False
) -> BaseSource:
    """All files of the source package that a base is made from, read as they are asked for."""
    if not offline:
        require(needs_of(arch.name, *source_of(base).stages))
    tree = whole_tree(cache, base.source_name, arch, progress, offline=offline)
    paths = {name: tree.directory / "scripts" / name for name in FILES}
    return BaseSource(
        base.name,
        TreeFiles(tree.paths(), tree.read),
        lambda: _OwnScripts(paths),
        scope="",
        arch=arch,
        package=base.source_name,
    )


@dataclass(frozen=True)
class _OwnScripts:
    """Checkpatch as it lies in a whole tree."""

    paths: Mapping[str, Path]

    def file(self, name: str) -> Path:
        return self.paths[name]


def _fetched_scripts(tree: SourceTree, progress: Progress, *, offline: bool) -> Callable[[], Scripts]:
    def scripts() -> Scripts:
        if offline:
            raise HostError("left out: --offline, and it is not in this source")
        return tree.scripts(FILES, progress)

    return scripts
