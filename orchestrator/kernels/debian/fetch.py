# SPDX-License-Identifier: Apache-2.0
"""From the archive into the cache: packages of a base, downloaded together, unpacked, not kept."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.arch import ARCHS, Arch
from orchestrator.bases import Base, Origin
from orchestrator.deadline import Deadline
from orchestrator.errors import DeadlinePassed, HostError
from orchestrator.kernels.base import Progress
from orchestrator.kernels.cache import Cache, CacheEntry, Make
from orchestrator.kernels.debian import unpack
from orchestrator.kernels.debian.apt import Apt, ArchiveMovedOn, deb_file_name, host_architecture, open_apt
from orchestrator.kernels.debian.origins import BaseSearch
from orchestrator.kernels.debian.resolve import ResolvedBase, host_libc, packages_of
from orchestrator.kernels.manifest import Package
from orchestrator.kernels.modules import guest_modules
from orchestrator.kernels.verified import file_sha256

if TYPE_CHECKING:
    from tenacity import RetryCallState

FETCH_S = 1800.0
_FORMAT = 1  # goes into every key: change it when an entry's files change their names or meaning


@dataclass(frozen=True)
class Part:
    """One cache entry that is made from downloaded packages."""

    kind: str
    what: str
    recipe: Mapping[str, Any]
    packages: tuple[Package, ...]
    make: Callable[[list[Path], Path], Mapping[str, str]]


@dataclass(frozen=True)
class FetchedBase:
    """A base whose parts are in the cache. Headers and source only if they were asked for."""

    resolved: ResolvedBase
    kernel: CacheEntry
    busybox: CacheEntry
    headers: CacheEntry | None
    source: CacheEntry | None


def parts_of(resolved: ResolvedBase, scope: str | None) -> tuple[Part, ...]:
    """The entries a base needs: kernel and busybox, and for module builds headers and source."""
    release = resolved.release
    kernel = Part(
        "kernel",
        f"kernel {release}",
        {
            "format": _FORMAT,
            "deb": resolved.image.sha256,
            **({"parts": [package.sha256 for package in resolved.parts]} if resolved.parts else {}),
            "modules": guest_modules(),
            **({"bzimage": "unpacked"} if resolved.arch == "x86_64" else {}),
        },
        resolved.images,
        unpack.unpack_kernel,
    )
    busybox = busybox_part(resolved.busybox)
    if scope is None:
        return (kernel, busybox)
    return (kernel, busybox, *_build_parts(resolved, scope))


def _build_parts(resolved: ResolvedBase, scope: str) -> tuple[Part, Part]:
    """What modules are built with, and from."""
    package = resolved.source
    assert package is not None
    release = resolved.release
    headers = Part(
        "headers",
        f"headers {release}",
        {"format": _FORMAT, "debs": [package.sha256 for package in resolved.headers]},
        resolved.headers,
        _keep_debs,
    )
    source = Part(
        "source",
        f"{scope} of {package.name} {package.version}",
        {"format": _FORMAT, "deb": package.sha256, "scope": scope},
        (package,),
        lambda debs, directory: unpack.unpack_source(debs[0], scope, directory),
    )
    return headers, source


def busybox_part(package: Package) -> Part:
    """The static busybox, which goes with any kernel of its architecture."""
    return Part(
        "busybox",
        f"busybox {package.version} {package.architecture}",
        {"format": _FORMAT, "deb": package.sha256},
        (package,),
        lambda debs, directory: unpack.unpack_busybox(debs[0], directory),
    )


def find_base(cache: Cache, resolved: ResolvedBase, scope: str | None) -> FetchedBase | None:
    """The base when every part is in the cache; starts no process and needs no network."""
    if scope is not None and not resolved.builds_modules:
        return None
    entries = {part.kind: cache.find(part.kind, part.recipe) for part in parts_of(resolved, scope)}
    if None in entries.values():
        return None
    return FetchedBase(
        resolved,
        kernel=_present(entries["kernel"]),
        busybox=_present(entries["busybox"]),
        headers=entries.get("headers"),
        source=entries.get("source"),
    )


def find_source(cache: Cache, resolved: ResolvedBase, scope: str) -> CacheEntry | None:
    """The source of a scope alone, whatever else of the base is in the cache."""
    if not resolved.builds_modules:
        return None
    part = next(part for part in parts_of(resolved, scope) if part.kind == "source")
    return cache.find(part.kind, part.recipe)


def recorded_base(cache: Cache, base: Base, arch: Arch) -> ResolvedBase | None:
    """The packages that were chosen when this base was last fetched."""
    try:
        return ResolvedBase.model_validate_json(_record_path(cache, base, arch).read_bytes())
    except (OSError, ValueError):
        return None


def fetch_base(
    cache: Cache, base: Base, arch: Arch, *, scope: str | None, progress: Progress, refresh: bool = False
) -> FetchedBase:
    """The base from the cache, or downloaded.

    A version that is in the cache stays in use until `refresh`: two runs a day apart compare the same
    kernel, and need no network. Raises HostError when the archive cannot be used.
    """
    resolved = recorded_base(cache, base, arch)
    if resolved is not None and not refresh:
        found = find_base(cache, resolved, scope)
        if found is not None:
            return found
    from tenacity import Retrying, retry_if_exception_type, stop_after_attempt  # nothing above needs it

    deadline = Deadline.after(FETCH_S, f"{base.name} for {arch.name}")
    with cache.lock(fetch_lock(arch.name), deadline):
        fetch = _Fetch(cache, base, arch, host_architecture(), scope, progress, deadline, start_over=refresh)
        retrying = Retrying(
            retry=retry_if_exception_type(ArchiveMovedOn),
            stop=stop_after_attempt(2),
            before_sleep=fetch.forget,
            reraise=True,
        )
        return retrying(fetch.attempt)


def forget_archive(cache: Cache) -> None:
    """Remove the package index and the recorded versions, unless another run is fetching."""
    with ExitStack() as stack:
        try:
            for arch in ARCHS:
                stack.enter_context(cache.lock(fetch_lock(arch), Deadline.after(0.1, "a running download")))
        except DeadlinePassed:
            return
        for name in ("apt", "bases"):
            shutil.rmtree(cache.root / name, ignore_errors=True)


def fetch_lock(arch_name: str) -> str:
    """The name of the lock that is held while packages are fetched."""
    return f"fetch-{arch_name}"


@dataclass
class _Fetch:
    """One base on its way into the cache. `start_over`: trust neither the index nor the recorded version."""

    cache: Cache
    base: Base
    arch: Arch
    host_architecture: str
    scope: str | None
    progress: Progress
    deadline: Deadline
    start_over: bool

    def forget(self, _: RetryCallState) -> None:
        """The archive no longer has what the index names."""
        self.progress("the package index is stale: fetching it again")
        self.start_over = True

    def attempt(self) -> FetchedBase:
        """The base by the recorded version, or by the newest; ArchiveMovedOn when that is gone."""
        resolved = None if self.start_over else self._recorded()
        found = find_base(self.cache, resolved, self.scope) if resolved else None
        if found is not None:  # another run was faster
            return found
        self.progress(f"{self.base.name} {self.arch.name}: looking for packages")
        if resolved is None:
            search = BaseSearch(
                self.base,
                self.arch,
                self.host_architecture,
                host_libc(),
                self._open,
                afresh=self.start_over,
                image_alone=self.scope is None and packages_of(self.base).shipped,
            )
            resolved = search.find()
        else:
            self._open(resolved.origin(self.base)).update()
        found = self._download(resolved)
        _write_record(self.cache, _record_path(self.cache, self.base, self.arch), resolved)
        return found

    def _recorded(self) -> ResolvedBase | None:
        """What was chosen before, unless it lacks what is to be built with."""
        resolved = recorded_base(self.cache, self.base, self.arch)
        usable = resolved is not None and (self.scope is None or resolved.builds_modules)
        return resolved if usable else None

    def _open(self, origin: Origin) -> Apt:
        return open_apt(self.cache.root, origin, self.arch, self.host_architecture)

    def _download(self, resolved: ResolvedBase) -> FetchedBase:
        apt = self._open(resolved.origin(self.base))

        def download(packages: Sequence[Package], directory: Path) -> None:
            self.progress(downloading(packages))
            apt.download(packages, directory)

        return fetch_parts(self.cache, resolved, self.scope, download, self.progress, self.deadline)


def downloading(packages: Sequence[Package]) -> str:
    """The words for a download that begins."""
    names = ", ".join(f"{package.name} {package.version}" for package in packages)
    return f"downloading {sum(package.size_bytes for package in packages) / 1e6:.0f} MB: {names}"


def fetch_parts(
    cache: Cache,
    resolved: ResolvedBase,
    scope: str | None,
    download: Callable[[Sequence[Package], Path], None],
    progress: Progress,
    deadline: Deadline,
) -> FetchedBase:
    """What of a base is not in the cache: its packages downloaded (into a directory), verified, unpacked."""
    parts = parts_of(resolved, scope)
    missing = [part for part in parts if cache.find(part.kind, part.recipe) is None]
    packages = [package for part in missing for package in part.packages]
    size_bytes = sum(package.size_bytes for package in packages)
    cache.require_space(2 * size_bytes, f"{resolved.base} for {resolved.arch}")
    with cache.scratch() as scratch:
        if packages:
            download(packages, scratch)
        for part in missing:
            _unpack(cache, part, scratch, progress, deadline)
    found = find_base(cache, resolved, scope)
    if found is None:
        raise HostError(f"the cache {cache.root} lost {resolved.base} as soon as it was fetched")
    return found


def _unpack(cache: Cache, part: Part, downloads: Path, progress: Progress, deadline: Deadline) -> None:
    progress(f"unpacking {part.what}")
    debs = [verified(downloads, package) for package in part.packages]
    size_bytes = sum(package.size_bytes for package in part.packages)
    make: Make = partial(part.make, debs)
    cache.obtain(part.kind, part.recipe, make, what=part.what, need_bytes=size_bytes, deadline=deadline)


def verified(directory: Path, package: Package) -> Path:
    """The downloaded file; apt has verified it, this makes sure that it is the one in the record."""
    deb = directory / deb_file_name(package)
    if not deb.exists() or file_sha256(deb) != package.sha256:
        raise ArchiveMovedOn(f"the archive has another {package.name} {package.version} than its index says")
    return deb


def _keep_debs(debs: list[Path], directory: Path) -> dict[str, str]:
    for deb in debs:
        shutil.copyfile(deb, directory / deb.name)
    return {}


def _present(entry: CacheEntry | None) -> CacheEntry:
    assert entry is not None
    return entry


def _record_path(cache: Cache, base: Base, arch: Arch) -> Path:
    return cache.root / "bases" / f"{base.name}-{arch.name}.json"


def _write_record(cache: Cache, path: Path, resolved: ResolvedBase) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with cache.scratch() as scratch:
        new = scratch / path.name
        new.write_text(resolved.model_dump_json(indent=1))
        new.replace(path)
