# SPDX-License-Identifier: Apache-2.0
"""Kernels that are built whole, as a source that has them in memory gives them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from orchestrator.arch import ARCHS
from orchestrator.bases import ConfigSpec, SourceBuild, TreeSpec, unlisted_bases
from orchestrator.deadline import Deadline
from orchestrator.errors import HostError
from orchestrator.host.programs import Stage
from orchestrator.kernels import images, sources
from orchestrator.kernels.base import (
    BUSYBOX_FILE,
    CONFIG_FILE,
    IMAGE_FILE,
    MODULES,
    ORDER_FILE,
    Kernel,
    KernelPlan,
    KernelRecord,
    KernelRequest,
    Progress,
    SourceTree,
)
from orchestrator.kernels.build.guest_agent import AGENT_FILE, agent_key
from orchestrator.kernels.build.toolchain import find_compiler
from orchestrator.kernels.cache import Cache, CacheEntry
from orchestrator.kernels.manifest import BuiltKernel, PatchFile
from orchestrator.kernels.modules import BINDER
from orchestrator.paths import cache_dir

BUILT = unlisted_bases([SourceBuild(TreeSpec("linux-source-6.12"), ConfigSpec("small"))]).popitem()[1]


@dataclass(frozen=True)
class MemoryBuild:
    """Builds a kernel whose content is what was asked for: patches that say `no effect` change nothing."""

    has_module: bool = False
    stages: tuple[Stage, ...] = ()

    def known(self, cache: Cache, request: KernelRequest) -> Kernel | None:
        entries = [cache.find(kind, self._key(request)) for kind in ("kernel", "busybox")]
        image, busybox = entries
        return self._kernel(request, image, busybox) if image and busybox else None

    def obtain(
        self, cache: Cache, request: KernelRequest, progress: Progress, *, refresh: bool = False
    ) -> Kernel:
        progress(f"building {request.what}")
        assert not refresh
        image, busybox = (
            cache.obtain(
                kind,
                self._key(request),
                partial(_write, files),
                what=kind,
                need_bytes=0,
                deadline=Deadline.after(10, kind),
            )
            for kind, files in self._files(request).items()
        )
        return self._kernel(request, image, busybox)

    def obtain_recorded(
        self, cache: Cache, request: KernelRequest, record: KernelRecord, progress: Progress
    ) -> Kernel:
        kernel = self.obtain(cache, request, progress)
        if record.built != kernel.built:
            raise HostError("the source is another by now")
        return kernel

    def known_source(self, cache: Cache, request: KernelRequest) -> SourceTree | None:
        return None

    def plan(self, cache: Cache, request: KernelRequest, directory: Path) -> KernelPlan:
        patches = "".join(f" {patch.name}" for patch in request.patches)
        commands = (f"make Image{patches}", f"cp Image {directory}/{IMAGE_FILE}")
        driver = (lambda file: f"cp {BINDER.file} {file}") if self.has_module else None
        return KernelPlan("1.0", commands, (), driver, lambda tree: f"cp -r linux {tree}")

    def forget(self, cache: Cache) -> None: ...

    def _files(self, request: KernelRequest) -> dict[str, dict[str, bytes]]:
        content = [request.base.name.encode(), *(patch.content for patch in request.patches)]
        kernel = {
            IMAGE_FILE: b"\n".join(part for part in content if b"no effect" not in part),
            CONFIG_FILE: b"",
            ORDER_FILE: b"",
        }
        if self.has_module:
            kernel[f"{MODULES}/{BINDER.file}"] = b"binder"
        return {"kernel": kernel, "busybox": {BUSYBOX_FILE: b"busybox"}}

    def _key(self, request: KernelRequest) -> dict[str, str]:
        return {"built": request.name, "module": str(self.has_module)}

    @staticmethod
    def _kernel(request: KernelRequest, image: CacheEntry, busybox: CacheEntry) -> Kernel:
        built = BuiltKernel(
            tree="linux-source-6.12",
            version="6.12.43",
            source_sha256=hashlib.sha256(b"tree").hexdigest(),
            patches=tuple(PatchFile(name=patch.name, sha256=patch.sha256) for patch in request.patches),
            config=request.base.name,
            config_sha256=hashlib.sha256(b"config").hexdigest(),
            compiler="cc 1",
        )
        size = request.base.page_size_bytes
        return Kernel("6.12.43", "6.12.43", size, image, busybox, (), None, built=built)


def _write(files: dict[str, bytes], directory: Path) -> dict[str, str]:
    for name, content in files.items():
        (directory / name).parent.mkdir(exist_ok=True)
        (directory / name).write_bytes(content)
    return {}


@contextmanager
def in_memory(monkeypatch: pytest.MonkeyPatch, *, has_module: bool = False) -> Iterator[MemoryBuild]:
    """Source builds come out of memory, and the agent needs no compiler."""
    source = MemoryBuild(has_module)
    monkeypatch.setitem(sources.SOURCES, SourceBuild, source)
    cache, compiler = images._cache(cache_dir()), find_compiler(ARCHS["arm64"], 12)

    def agent(directory: Path) -> dict[str, str]:
        (directory / AGENT_FILE).write_bytes(b"agent")
        return {"compiler": "none"}

    deadline = Deadline.after(10, "agent")
    cache.obtain("agent", agent_key(compiler), agent, what="agent", need_bytes=0, deadline=deadline)
    yield source
