# SPDX-License-Identifier: Apache-2.0
"""Kernels that somebody brings as a source of kernels: `kernels.base` answered by reading files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from orchestrator.arch import Arch
from orchestrator.bases import GivenImage
from orchestrator.deadline import Deadline
from orchestrator.errors import HostError, InputError
from orchestrator.host.programs import Stage
from orchestrator.kernels.base import Kernel, KernelPlan, KernelRecord, KernelRequest, Progress, SourceTree
from orchestrator.kernels.cache import Cache, CacheEntry
from orchestrator.kernels.given import module_files, taking
from orchestrator.kernels.given.image import LIMIT_BYTES
from orchestrator.kernels.manifest import GivenKernel, Package
from orchestrator.kernels.modules import guest_modules
from orchestrator.kernels.verified import file_sha256

_FORMAT = 1
_TAKE_S = 600.0
_BUSYBOX = "busybox"


class Busybox(Protocol):
    """Gives the static busybox that goes with any kernel of an architecture."""

    def known_busybox(self, cache: Cache, arch: Arch) -> tuple[CacheEntry, Package] | None:
        """The one that was last chosen, if it is in the cache; no process, no network."""

    def busybox(
        self, cache: Cache, arch: Arch, progress: Progress, *, recorded: Package | None = None
    ) -> tuple[CacheEntry, Package]:
        """The same, or fetched now; with `recorded` exactly that one."""


@dataclass(frozen=True)
class GivenImages:
    """Image files, with modules and initramfs beside them or not. `busybox` gives what they lack."""

    busybox: Busybox
    stages: tuple[Stage, ...] = ("fetch",)

    def known(self, cache: Cache, request: KernelRequest) -> Kernel | None:
        """The kernel of these files as they are now, if it was taken before."""
        busybox = self.busybox.known_busybox(cache, request.arch)
        recipe = _recipe(request)
        entry = cache.find("kernel", recipe) if recipe is not None else None
        return _kernel(request, entry, *busybox) if busybox and entry else None

    def obtain(
        self,
        cache: Cache,
        request: KernelRequest,
        progress: Progress,
        *,
        refresh: bool = False,  # noqa: ARG002
    ) -> Kernel:
        """The same, or read, checked and copied now."""
        entry = _take(cache, request, progress)
        return _kernel(request, entry, *self.busybox.busybox(cache, request.arch, progress))

    def obtain_recorded(
        self, cache: Cache, request: KernelRequest, record: KernelRecord, progress: Progress
    ) -> Kernel:
        """The files as they are now, if they are those of the record."""
        entry = _take(cache, request, progress)
        own = [package for package in record.packages if package.name.startswith(_BUSYBOX)]
        busybox = self.busybox.busybox(cache, request.arch, progress, recorded=own[0] if own else None)
        kernel = _kernel(request, entry, *busybox)
        _require_recorded(request, record.given, kernel.given)
        return kernel

    def known_source(self, cache: Cache, request: KernelRequest) -> SourceTree | None:  # noqa: ARG002
        """None: an image comes without its source."""
        return None

    def plan(self, cache: Cache, request: KernelRequest, directory: Path) -> KernelPlan:  # noqa: ARG002
        """InputError: unpacking an image and picking its modules is nothing to paste."""
        raise InputError(
            f"{request.what} was not taken yet, and taking an image apart is nothing to paste",
            hint="`oomlab images build SCENARIO` takes it; then --dry-run prints the rest",
        )

    def forget(self, cache: Cache) -> None:
        """Nothing is remembered beside the cache's entries."""


def _made_from(request: KernelRequest) -> GivenImage:
    assert isinstance(request.base.made_from, GivenImage)
    if request.scope is not None or request.patches:
        raise InputError(
            f"{request.base.name} is a kernel that is given: nothing can be built into it, or against it",
            hint="leave out `scope` and `patches`, or build the kernel, with `source` as its base",
        )
    return request.base.made_from


def _recipe(request: KernelRequest) -> Mapping[str, Any] | None:
    """What an entry depends on: the files by content, modules by name, size and time. None: not there."""
    given = _made_from(request)
    try:
        if given.image.stat().st_size > LIMIT_BYTES:
            return None
        return {
            "format": _FORMAT,
            "reader": taking.FORMAT,
            "arch": request.arch.name,
            "image": file_sha256(given.image),
            "config": taking.config_beside(given.image),
            "initramfs": file_sha256(given.initramfs) if given.initramfs else None,
            "modules": module_files.fingerprint(given.modules) if given.modules else None,
            "wanted": guest_modules(),
        }
    except OSError:
        return None


def _take(cache: Cache, request: KernelRequest, progress: Progress) -> CacheEntry:
    given = _made_from(request)
    recipe = _recipe(request)
    found = cache.find("kernel", recipe) if recipe is not None else None
    if found is not None:
        return found
    progress(f"reading {request.base.name}")
    taken = taking.take(given, request.arch.name)
    return cache.obtain(
        "kernel",
        # The errors of files that cannot be read are those of reading them.
        recipe or {"format": _FORMAT, "taken": taken.given.image_sha256},
        partial(taking.write, taken),
        what=f"kernel {taken.image.release}, given as {given.image.name}",
        need_bytes=2 * len(taken.image.boot),
        deadline=Deadline.after(_TAKE_S, request.what),
    )


def _kernel(request: KernelRequest, entry: CacheEntry, busybox: CacheEntry, package: Package) -> Kernel:
    facts = taking.Facts.of(entry.meta.facts)
    return Kernel(
        release=facts.release,
        version=facts.given.version or facts.release,
        page_size_bytes=facts.page_size_bytes,
        image=entry,
        busybox=busybox,
        packages=(package,),
        modules=None,
        given=facts.given.model_copy(update={"image": _made_from(request).image.name}),
    )


def _require_recorded(request: KernelRequest, recorded: GivenKernel | None, now: GivenKernel | None) -> None:
    """HostError naming each file that is not the recorded one any more."""
    if recorded is None or now is None:
        raise InputError(f"the record of {request.base.name} names no image")
    pairs = (
        ("the image", recorded.image_sha256, now.image_sha256),
        ("the initramfs", recorded.initramfs_sha256, now.initramfs_sha256),
        ("the modules", recorded.modules_sha256, now.modules_sha256),
    )
    changed = [f"{what}: SHA-256 {own}, recorded {before}" for what, before, own in pairs if before != own]
    if changed:
        raise HostError(
            f"{request.base.name} is not what it was: other files lie there now",
            hint="put back the files of that time, or run without --lock, --artefacts-from or --resume",
            evidence=changed,
        )
