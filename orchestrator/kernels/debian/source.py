# SPDX-License-Identifier: Apache-2.0
"""Debian's packages as a source of kernels: `kernels.base` answered by fetching and unpacking."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from orchestrator.host.programs import Stage
from orchestrator.kernels.base import (
    Kernel,
    KernelPlan,
    KernelRecord,
    KernelRequest,
    ModuleTree,
    Progress,
    SourceTree,
)
from orchestrator.kernels.cache import Cache, CacheEntry
from orchestrator.kernels.debian import fetch, unpack
from orchestrator.kernels.debian.by_hand import build_scope, plan_commands
from orchestrator.kernels.debian.fetch import FetchedBase
from orchestrator.kernels.debian.recorded import fetch_recorded, recorded_packages
from orchestrator.kernels.debian.resolve import ResolvedBase
from orchestrator.kernels.debian.scripts import obtain_scripts


class DebianSource:
    """The kernels that Debian ships, with the driver as they have it or built against their headers."""

    stages: tuple[Stage, ...] = ("fetch",)

    def known(self, cache: Cache, request: KernelRequest) -> Kernel | None:
        """The packages that were last chosen, unpacked."""
        resolved = fetch.recorded_base(cache, request.base, request.arch)
        fetched = fetch.find_base(cache, resolved, build_scope(request)) if resolved else None
        return _kernel(cache, request, fetched) if fetched else None

    def obtain(
        self, cache: Cache, request: KernelRequest, progress: Progress, *, refresh: bool = False
    ) -> Kernel:
        """The same, or downloaded: the newest version of which an archive has every part."""
        base, arch, scope = request.base, request.arch, build_scope(request)
        fetched = fetch.fetch_base(cache, base, arch, scope=scope, progress=progress, refresh=refresh)
        return _kernel(cache, request, fetched)

    def obtain_recorded(
        self, cache: Cache, request: KernelRequest, record: KernelRecord, progress: Progress
    ) -> Kernel:
        """Exactly the packages of a record, from whichever archive still has them."""
        base, arch = request.base, request.arch
        wanted = recorded_packages(base.name, arch.name, record.release, record.packages)
        fetched = fetch_recorded(cache, base, arch, wanted, scope=build_scope(request), progress=progress)
        return _kernel(cache, request, fetched)

    def known_source(self, cache: Cache, request: KernelRequest) -> SourceTree | None:
        """Out of the package with the source, of which only the scope is kept."""
        resolved, scope = fetch.recorded_base(cache, request.base, request.arch), build_scope(request)
        if resolved is None or scope is None:
            return None
        entry = fetch.find_source(cache, resolved, scope)
        return _source(cache, request, resolved, entry) if entry else None

    def plan(self, cache: Cache, request: KernelRequest, directory: Path) -> KernelPlan:
        """apt-get and dpkg-deb; before the first download meta packages stand for the packages."""
        return plan_commands(cache, request, directory)

    def forget(self, cache: Cache) -> None:
        """The package lists and the choice of versions, unless another run is fetching."""
        fetch.forget_archive(cache)


def _kernel(cache: Cache, request: KernelRequest, fetched: FetchedBase) -> Kernel:
    resolved = fetched.resolved
    built = build_scope(request) is not None
    return Kernel(
        release=resolved.release,
        version=resolved.image.version,
        page_size_bytes=request.base.page_size_bytes,
        image=fetched.kernel,
        busybox=fetched.busybox,
        packages=resolved.packages if built else (*resolved.images, resolved.busybox),
        modules=_module_tree(cache, request, fetched) if built else None,
    )


def _module_tree(cache: Cache, request: KernelRequest, fetched: FetchedBase) -> ModuleTree:
    assert fetched.source is not None
    assert fetched.headers is not None
    resolved = fetched.resolved
    assert resolved.source is not None
    debs = [fetched.headers.file(name) for name in fetched.headers.meta.files]
    return ModuleTree(
        source=_source(cache, request, resolved, fetched.source),
        key={
            "source": resolved.source.sha256,
            "headers": [package.sha256 for package in resolved.headers],
        },
        lay_out=partial(unpack.unpack_headers, debs),
    )


def _source(cache: Cache, request: KernelRequest, resolved: ResolvedBase, entry: CacheEntry) -> SourceTree:
    assert resolved.source is not None
    return SourceTree(
        entry.path,
        f"{resolved.source.name} {resolved.source.version}",
        partial(obtain_scripts, cache, request, resolved),
    )
