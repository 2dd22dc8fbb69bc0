# SPDX-License-Identifier: Apache-2.0
"""A test module, built in the sandbox from the shipped source against a kernel that is to load it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from orchestrator.deadline import Deadline
from orchestrator.errors import HostError, OomlabError
from orchestrator.kernels.base import Kernel, KernelRequest, Progress
from orchestrator.kernels.build import module as modules
from orchestrator.kernels.build import tree as trees
from orchestrator.kernels.build.build_log import first_errors
from orchestrator.kernels.build.guest_agent import MODULES_DIRECTORY
from orchestrator.kernels.build.sandbox import run_sandboxed
from orchestrator.kernels.build.toolchain import Compiler
from orchestrator.kernels.build.tree import Tree
from orchestrator.kernels.cache import Cache, CacheEntry
from orchestrator.kernels.modules import TestModule
from orchestrator.paths import resource_dir

_BUILD_S = 300.0
_NEED_BYTES = 10_000_000


def module_source(module: TestModule) -> Tree:
    """Its files, below the name of its directory; HostError when there are none."""
    directory = resource_dir("images") / "guest" / MODULES_DIRECTORY
    tree = trees.read_tree(directory, module.source)
    if not tree:
        raise HostError(f"{directory / module.source} holds no sources", hint="is this a whole checkout?")
    return tree


def test_module_key(kernel: Kernel, module: TestModule, compiler: Compiler) -> dict[str, Any]:
    """Everything it depends on."""
    return {
        **modules.module_tree(kernel).key,
        "module": module.module,
        "own source": trees.tree_sha256(module_source(module)),
        "compiler": compiler.sha256,
        **modules.build_inputs(),
    }


def build_test_module(
    cache: Cache, kernel: Kernel, request: KernelRequest, compiler: Compiler, progress: Progress
) -> CacheEntry:
    """The request's test module, from the cache or built now; OomlabError with the compiler's first words."""
    module = request.test_module
    assert module is not None
    what = f"{module.module} for {request.name} {request.arch.name}"

    def make(directory: Path) -> dict[str, str]:
        progress(f"building {what}")
        content, log = _compile(cache, kernel, request, module, compiler)
        (directory / module.file).write_bytes(content)
        (directory / modules.LOG_FILE).write_bytes(log)
        return {"compiler": compiler.version()}

    return cache.obtain(
        "module",
        test_module_key(kernel, module, compiler),
        make,
        what=what,
        need_bytes=_NEED_BYTES,
        deadline=Deadline.after(2 * _BUILD_S, f"the build of {what}"),
    )


def _compile(
    cache: Cache, kernel: Kernel, request: KernelRequest, module: TestModule, compiler: Compiler
) -> tuple[bytes, bytes]:
    with modules.headers_archive(cache, modules.module_tree(kernel)) as headers:
        command = modules.module_command(
            module.source, module.module, kernel.release, request.arch, compiler, headers
        )
        deadline = Deadline.after(_BUILD_S, f"building {module.module}")
        done = run_sandboxed(command, input_bytes=trees.pack(module_source(module)), deadline=deadline)
    if done.returncode != 0 or not done.stdout.startswith(b"\x7fELF"):
        raise OomlabError(
            f"{module.module} does not build for {request.name}",
            hint=done.excess or "it is this program's own, and builds against Linux 6.1 and later",
            evidence=first_errors(done.stderr.decode(errors="replace").splitlines()),
        )
    return done.stdout, done.stderr
