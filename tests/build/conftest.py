# SPDX-License-Identifier: Apache-2.0
"""The real kernel source, unpacked and ready to build modules. Uses the user's cache."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from orchestrator.bases import find_base
from orchestrator.kernels.base import Kernel, KernelRequest
from orchestrator.kernels.build import module
from orchestrator.kernels.build.module import ModuleRecipe
from orchestrator.kernels.build.patch import read_patch
from orchestrator.kernels.build.toolchain import find_compiler
from orchestrator.kernels.build.tree import TreeFile, read_tree
from orchestrator.kernels.cache import Cache
from orchestrator.kernels.sources import source_of
from orchestrator.paths import cache_dir

SCOPE = "drivers/android"
MAKEFILE = f"{SCOPE}/Makefile"
TINY = '#include <linux/module.h>\nMODULE_LICENSE("GPL");\n'


def quiet(_: str) -> None:
    """Progress nobody reads."""


@dataclass(frozen=True)
class Workbench:
    """debian-6.1 for arm64, unpacked and ready to build modules."""

    cache: Cache
    kernel: Kernel
    headers: Path
    source: dict[str, TreeFile]
    scratch: Path

    def patch(self, path: str, new: str | None, *, old: str | None = None) -> Path:
        """A patch file that replaces the text of a source file."""
        if old is None:
            old = self.source[path].content.decode() if path in self.source else ""
        lines = difflib.unified_diff(
            old.splitlines(keepends=True),
            (new or "").splitlines(keepends=True),
            f"a/{path}" if old else "/dev/null",
            f"b/{path}" if new is not None else "/dev/null",
        )
        return self.text("".join(lines))

    def text(self, text: str) -> Path:
        """A patch file of this text."""
        file = self.scratch / "test.patch"
        file.write_text(text)
        return file

    def tiny(self, *makefile: str) -> Path:
        """A patch that makes the driver a tiny module, quickly built, and adds lines to its Makefile."""
        old = self.source[MAKEFILE].content.decode()
        new = "\n".join(["obj-m += binder_linux.o", "binder_linux-y := tiny.o", *makefile, ""])
        text = self.patch(MAKEFILE, new, old=old).read_text()
        return self.text(text + self.patch(f"{SCOPE}/tiny.c", TINY).read_text())

    def build(self, patch: Path) -> Path:
        """Build the module with a patch, in a cache of its own; the directory of module and log."""
        base, arch = find_base("debian-6.1", "arm64")
        recipe = ModuleRecipe("test", base, arch, SCOPE, (read_patch(patch),))
        cache = Cache(self.scratch / "cache")
        compiler = find_compiler(arch, base.compiler_major)
        return module.build_module(cache, self.kernel, recipe, compiler, self.headers, quiet).path


@pytest.fixture(scope="session")
def shared() -> Iterator[Workbench]:
    cache = Cache(cache_dir())
    base, arch = find_base("debian-6.1", "arm64")
    kernel = source_of(base).obtain(cache, KernelRequest(base, arch, SCOPE), quiet)
    tree = module.module_tree(kernel)
    with ExitStack() as stack:
        headers = stack.enter_context(module.headers_archive(cache, tree))
        scratch = stack.enter_context(cache.scratch())
        yield Workbench(cache, kernel, headers, read_tree(tree.source.path, SCOPE), scratch)


@pytest.fixture
def bench(shared: Workbench, tmp_path: Path) -> Workbench:
    return replace(shared, scratch=tmp_path)
