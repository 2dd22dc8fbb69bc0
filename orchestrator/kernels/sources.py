# SPDX-License-Identifier: Apache-2.0
"""The one table of kernel sources, by what a base is made from."""

from __future__ import annotations

import os

from orchestrator.bases import Base, DebianPackages, GivenImage, SourceBuild
from orchestrator.kernels.base import KernelSource
from orchestrator.kernels.cache import Cache
from orchestrator.kernels.debian.source import DebianSource
from orchestrator.kernels.debian.sources import MIRROR_VARIABLE, mirror_archives
from orchestrator.kernels.debian.trees import PackagedTrees
from orchestrator.kernels.given.source import GivenImages
from orchestrator.kernels.source_build.source import WholeBuilds

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


def forget_choices(cache: Cache) -> None:
    """Remove what all sources remember: the next run takes the newest kernels."""
    for source in SOURCES.values():
        source.forget(cache)


def use_mirror(archives: str) -> None:
    """Take distributions' kernels from these archives, in this process; InputError for what names none."""
    mirror_archives(archives)
    os.environ[MIRROR_VARIABLE] = archives
