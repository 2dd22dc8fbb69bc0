# SPDX-License-Identifier: Apache-2.0
"""Kernels built whole as a source of kernels: `kernels.base` answered by compiling a tree."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from orchestrator.bases import SourceBuild
from orchestrator.deadline import Deadline
from orchestrator.errors import BuildBroken, HostError, InputError
from orchestrator.host.programs import Stage
from orchestrator.kernels.base import (
    CONFIG_FILE,
    Kernel,
    KernelPlan,
    KernelRecord,
    KernelRequest,
    KernelSource,
    Progress,
    SourceTree,
)
from orchestrator.kernels.build.kernel import recipe
from orchestrator.kernels.build.kernel.recipe import Tools
from orchestrator.kernels.build.patch import touched
from orchestrator.kernels.build.toolchain import find_compiler
from orchestrator.kernels.cache import Cache, CacheEntry
from orchestrator.kernels.manifest import BuiltKernel, Package, PatchFile
from orchestrator.kernels.modules import guest_modules
from orchestrator.kernels.source_build import by_hand
from orchestrator.kernels.source_build.asked import AskedConfig, asked_config
from orchestrator.kernels.source_build.build import KernelBuild
from orchestrator.kernels.source_build.finder import Packages, TreeFinder
from orchestrator.kernels.source_build.tree import KernelTree
from orchestrator.text.plain import named

_FORMAT = 2
_NEED_BYTES = 200_000_000
_BUILD_S = 8 * 3600.0
_BUSYBOX = "busybox"


@dataclass(frozen=True)
class WholeBuilds:
    """Builds of a whole tree. `packages` gives the trees that a distribution packages, and busybox;
    `bases` the kernels whose configurations have names.
    """

    packages: Packages
    bases: KernelSource

    @property
    def stages(self) -> tuple[Stage, ...]:
        """All: which package is the newest is asked for, too."""
        return ("fetch", "build", "kernel", "patch")

    def known(self, cache: Cache, request: KernelRequest) -> Kernel | None:
        """The kernel of the tree as it is now, if that was built before."""
        made_from = _made_from(request)
        tree = TreeFinder(cache, self.packages, request.arch).known(made_from.tree)
        asked = asked_config(made_from.config, request.arch, self.bases, cache, None)
        busybox = self.packages.known_busybox(cache, request.arch)
        if tree is None or asked is None or busybox is None:
            return None
        entry = cache.find("kernel", _key(tree, asked, request, _tools(request)))
        return _kernel(request, tree, entry, *busybox) if entry else None

    def obtain(
        self, cache: Cache, request: KernelRequest, progress: Progress, *, refresh: bool = False
    ) -> Kernel:
        """The same, or built now: with patches from a copy of what the tree without them left behind."""
        spec = _made_from(request).tree
        tree = TreeFinder(cache, self.packages, request.arch).find(spec, progress, refresh=refresh)
        busybox = self.packages.busybox(cache, request.arch, progress)
        return self._obtain(cache, request, tree, progress, busybox)

    def obtain_recorded(
        self, cache: Cache, request: KernelRequest, record: KernelRecord, progress: Progress
    ) -> Kernel:
        """Of the recorded packages; what lies on this machine is taken as it is: its checksum will tell."""
        tree = self._recorded_tree(TreeFinder(cache, self.packages, request.arch), request, record, progress)
        recorded = [package for package in record.packages if package.name.startswith(_BUSYBOX)]
        busybox = self.packages.busybox(
            cache, request.arch, progress, recorded=recorded[0] if recorded else None
        )
        return self._obtain(cache, request, tree, progress, busybox)

    def _recorded_tree(
        self, finder: TreeFinder, request: KernelRequest, record: KernelRecord, progress: Progress
    ) -> KernelTree:
        """The recorded package or commit, or what lies there; HostError where that is another tree by now."""
        spec, built = _made_from(request).tree, record.built
        source = [package for package in record.packages if package.name.startswith("linux-source")]
        if source:
            return finder.of_package(source[0], spec, progress)
        if built is not None and built.commit and not built.dirty:
            spec = replace(spec, revision=built.commit)
        tree = finder.find(spec, progress)
        if built is not None and tree.identity != built.source_sha256:
            raise HostError(
                f"{spec.source} is not what it was: {request.base.name} was built from other files",
                hint="put the tree back as it was, or run the scenario anew",
                evidence=[f"source SHA-256 {tree.identity}, recorded {built.source_sha256}"],
            )
        return tree

    def known_source(self, cache: Cache, request: KernelRequest) -> SourceTree | None:  # noqa: ARG002
        """None: modules are not built against trees of one's own."""
        return None

    def plan(self, cache: Cache, request: KernelRequest, directory: Path) -> KernelPlan:
        """One command, which builds it: a build goes on from what is kept of others."""
        made_from = _made_from(request)
        asked = asked_config(made_from.config, request.arch, self.bases, cache, None)
        return by_hand.plan(request, made_from, directory, has_module=asked is not None and asked.has_module)

    def forget(self, cache: Cache) -> None:
        """What is remembered of trees on this machine; the distribution forgets its packages itself."""
        shutil.rmtree(cache.root / "sources", ignore_errors=True)

    def _obtain(
        self,
        cache: Cache,
        request: KernelRequest,
        tree: KernelTree,
        progress: Progress,
        busybox: tuple[CacheEntry, Package],
    ) -> Kernel:
        made_from = _made_from(request)
        asked = asked_config(made_from.config, request.arch, self.bases, cache, progress)
        assert asked is not None  # only without progress
        entry = self._entry(cache, request, tree, asked, progress)
        return _kernel(request, tree, entry, *busybox)

    def _entry(
        self, cache: Cache, request: KernelRequest, tree: KernelTree, asked: AskedConfig, progress: Progress
    ) -> CacheEntry:
        tools = _tools(request)
        label, size = _made_from(request).words(1), request.base.page_size_bytes
        build = KernelBuild(cache, tree, asked, tools, label, size, request.patches, progress)
        key = _key(tree, asked, request, tools)
        if request.patches and cache.find("kernel", key) is None:
            build = replace(build, config=self._unpatched_config(cache, request, tree, asked, progress))
        return cache.obtain(
            "kernel",
            key,
            build.make,
            what=f"kernel {request.what} of {tree.name}",
            need_bytes=_NEED_BYTES,
            deadline=Deadline.after(_BUILD_S, f"the build of {request.what}"),
        )

    def _unpatched_config(
        self, cache: Cache, request: KernelRequest, tree: KernelTree, asked: AskedConfig, progress: Progress
    ) -> str | None:
        """Build what patched builds go on from; its configuration, where the patches leave it as it is.

        What cannot be built without its patch is built whole with it.
        """
        try:
            entry = self._entry(cache, replace(request, patches=()), tree, asked, progress)
        except BuildBroken as error:
            progress(f"without its patches: {error.message}; going on with them")
            return None
        paths = [PurePosixPath(item.path) for patch in request.patches for item in touched(patch)]
        if any(path.name.startswith("Kconfig") or path.parts[:1] == ("scripts",) for path in paths):
            return None
        return entry.file(CONFIG_FILE).read_text()


def _made_from(request: KernelRequest) -> SourceBuild:
    assert isinstance(request.base.made_from, SourceBuild)
    if request.scope is not None:
        raise InputError(
            f"{request.base.name}: modules are not built against a kernel that is built whole",
            hint="leave out `scope`: patches are compiled into the kernel itself",
        )
    return request.base.made_from


def _tools(request: KernelRequest) -> Tools:
    return Tools(request.arch, find_compiler(request.arch, request.base.compiler_major))


def _key(tree: KernelTree, asked: AskedConfig, request: KernelRequest, tools: Tools) -> Mapping[str, Any]:
    """Everything a kernel depends on."""
    return {
        "format": _FORMAT,
        "tree": tree.identity,
        "patches": [patch.sha256 for patch in request.patches],
        "start": hashlib.sha256(asked.start).hexdigest() if asked.start is not None else "tinyconfig",
        "fragments": asked.text,
        "arch": request.arch.name,
        "compiler": tools.compiler.sha256,
        "modules": guest_modules(),
        **recipe.inputs(),
    }


def _kernel(
    request: KernelRequest, tree: KernelTree, entry: CacheEntry, busybox: CacheEntry, package: Package
) -> Kernel:
    facts = entry.meta.facts
    made_from = _made_from(request)
    built = BuiltKernel(
        tree=made_from.tree.words(),
        version=tree.package.version if tree.package else facts["release"],
        commit=tree.commit or None,
        dirty=tree.dirty,
        source_sha256=tree.identity,
        patches=tuple(PatchFile(name=named(patch.name), sha256=patch.sha256) for patch in request.patches),
        config=made_from.config.words(),
        config_sha256=entry.sha256(CONFIG_FILE),
        compiler=facts["compiler"],
    )
    return Kernel(
        release=facts["release"],
        version=tree.name,
        page_size_bytes=int(facts["page_size_bytes"]),
        image=entry,
        busybox=busybox,
        packages=(*((tree.package,) if tree.package else ()), package),
        modules=None,
        built=built,
    )
