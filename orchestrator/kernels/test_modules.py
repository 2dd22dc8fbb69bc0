# SPDX-License-Identifier: Apache-2.0
"""The module that a trigger makes its requests by, for a kernel: in the cache, or built now."""

from __future__ import annotations

from pathlib import Path

from orchestrator.kernels.base import Kernel, KernelRequest, Progress
from orchestrator.kernels.build.test_module import build_test_module, test_module_key
from orchestrator.kernels.build.toolchain import Compiler
from orchestrator.kernels.cache import Cache
from orchestrator.kernels.initramfs import ModuleEntry
from orchestrator.kernels.manifest import TestModuleArtefact


def find_test_module(
    cache: Cache, kernel: Kernel, request: KernelRequest, compiler: Compiler
) -> ModuleEntry | None:
    """The test module that was built before; None also where none is asked for."""
    module = request.test_module
    entry = cache.find("module", test_module_key(kernel, module, compiler)) if module else None
    return (entry, module.file) if entry and module else None


def obtain_test_module(
    cache: Cache, kernel: Kernel, request: KernelRequest, compiler: Compiler, progress: Progress
) -> ModuleEntry | None:
    """The same, or built now."""
    if request.test_module is None:
        return None
    return build_test_module(cache, kernel, request, compiler, progress), request.test_module.file


def describe_test_module(own: ModuleEntry | None) -> TestModuleArtefact | None:
    """As the manifest records it."""
    if own is None:
        return None
    entry, file = own
    return TestModuleArtefact(
        name=Path(file).stem, sha256=entry.sha256(file), compiler=entry.meta.facts["compiler"]
    )
