# SPDX-License-Identifier: Apache-2.0
"""The one table of kernel sources, by what a base is made from."""

from __future__ import annotations

import os

from orchestrator.arch import Arch
from orchestrator.bases import Base, DebianPackages, GivenImage, SourceBuild, TreeSpec
from orchestrator.errors import HostError
from orchestrator.kernels.base import KernelSource, Progress
from orchestrator.kernels.cache import Cache
from orchestrator.kernels.debian.source import DebianSource
from orchestrator.kernels.debian.sources import MIRROR_VARIABLE, mirror_archives
from orchestrator.kernels.debian.trees import PackagedTrees
from orchestrator.kernels.given.source import GivenImages
from orchestrator.kernels.source_build.finder import TreeFinder
from orchestrator.kernels.source_build.source import WholeBuilds
from orchestrator.kernels.source_build.whole import UNPACKED_BYTES, WholeTree, known_whole, obtain_whole

_DEBIAN = DebianSource()
_PACKAGES = PackagedTrees()

SOURCES: dict[type, KernelSource] = {
    DebianPackages: _DEBIAN,
    SourceBuild: WholeBuilds(_PACKAGES, bases=_DEBIAN),
    GivenImage: GivenImages(_PACKAGES),
}
"""By the type of a base's `made_from`."""


def source_of(base: Base) -> KernelSource:
    """The source that gives a base's kernels."""
    return SOURCES[type(base.made_from)]


def whole_tree(
    cache: Cache, package: str, arch: Arch, progress: Progress, *, offline: bool = False
) -> WholeTree:
    """All files of a source package, of the version that a build of it takes; laid out if they are not.

    HostError when they cannot be had, and, `offline`, when they are not in the cache.
    """
    finder, spec = TreeFinder(cache, _PACKAGES, arch), TreeSpec(package)
    tree = finder.known(spec)
    found = known_whole(cache, tree) if tree is not None else None
    if found is not None:
        return found
    if offline:
        size = tree.package.size_bytes / 1e6 if tree is not None and tree.package else _USUAL_MB
        raise HostError(
            f"the whole source of {package} is not in the cache",
            hint=f"without --offline it is downloaded ({size:.0f} MB), unpacked to"
            f" {UNPACKED_BYTES / 1e9:.1f} GB, and kept",
        )
    # `finder.known` gives trees that say nothing while they are fetched.
    fresh = finder.of_package(tree.package, spec, progress) if tree is not None and tree.package else None
    return obtain_whole(cache, fresh or finder.find(spec, progress), progress)


_USUAL_MB = 150


def forget_choices(cache: Cache) -> None:
    """Remove what all sources remember: the next run takes the newest kernels."""
    for source in SOURCES.values():
        source.forget(cache)


def use_mirror(archives: str) -> None:
    """Take distributions' kernels from these archives, in this process; InputError for what names none."""
    mirror_archives(archives)
    os.environ[MIRROR_VARIABLE] = archives
