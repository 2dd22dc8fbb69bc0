# SPDX-License-Identifier: Apache-2.0
"""A driver module built out of tree, from patched or unpatched distribution source, in the sandbox."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.arch import Arch
from orchestrator.bases import Base
from orchestrator.deadline import Deadline
from orchestrator.errors import BuildBroken, DeadlinePassed, InputError, OomlabError
from orchestrator.host.process import run
from orchestrator.kernels.base import HEADERS_FILE, Kernel, ModuleTree, Progress
from orchestrator.kernels.build import tree as trees
from orchestrator.kernels.build.build_log import first_errors
from orchestrator.kernels.build.patch import apply_patch
from orchestrator.kernels.build.sandbox import GIVEN_DIR, SOURCE_DIR, Sandbox, SandboxCommand, run_sandboxed
from orchestrator.kernels.build.toolchain import Compiler
from orchestrator.kernels.build.tree import Tree
from orchestrator.kernels.cache import Cache, CacheEntry
from orchestrator.kernels.modules import BINDER, find_driver
from orchestrator.kernels.patch_file import Patch
from orchestrator.kernels.traits.page_array import HEADER_FILE, element_facts

LOG_FILE = "build.log"

_BUILD_S = 300.0
_PACK_S = 60.0
_NEED_BYTES = 10_000_000
_HEADERS_BYTES = 150_000_000
_FORMAT = 1
_LOG_BYTES = 1_000_000

# $1 scope, $2 release, $3 ARCH, $4 compiler prefix, $5 compiler, $6 module.
# Everything a Makefile prints goes to the log; standard output is for the module alone.
# No BTF: it would need pahole and the kernel's own, and tells a guest nothing it uses.
_MAKE = (
    f'make -C "{SOURCE_DIR}/linux-headers-$2" M="$PWD/$1" ARCH="$3" CROSS_COMPILE="$4" CC="$5" '
    "CONFIG_DEBUG_INFO_BTF_MODULES= -j2 modules"
)
_BUILD_SCRIPT = " && ".join((
    "umask 022",
    "exec 3>&1 >&2",
    f"tar -C {SOURCE_DIR} -xf {GIVEN_DIR}/{HEADERS_FILE}",
    f"rm {GIVEN_DIR}/{HEADERS_FILE}",
    "tar -xf -",
    _MAKE,
    'test -f "$1/$6.ko"',
    'test ! -L "$1/$6.ko"',
    f'"$4strip" --strip-debug -o /tmp/{BINDER.file} "$1/$6.ko"',
    f"cat /tmp/{BINDER.file} >&3",
))  # fmt: skip


@dataclass(frozen=True)
class ModuleRecipe:
    """What a module is built from."""

    variant: str
    base: Base
    arch: Arch
    scope: str
    patches: tuple[Patch, ...]

    @property
    def what(self) -> str:
        """The module in the words of progress lines and of `images list`."""
        patches = ", ".join(patch.name for patch in self.patches) or "unpatched"
        return f"{find_driver(self.scope).module} for {self.base.name} {self.arch.name}: {patches}"


@contextmanager
def headers_archive(cache: Cache, tree: ModuleTree) -> Iterator[Path]:
    """A tar archive of what modules are built against, for as long as builds need it.

    An archive, for the sandbox may not look into the cache, nor into root's directories at all.
    """
    with cache.scratch(memory_bytes=_HEADERS_BYTES) as scratch:
        tree.lay_out(scratch)
        archive = scratch / HEADERS_FILE
        deadline = Deadline.after(_PACK_S, "packing the kernel headers")
        run(["tar", "-C", scratch / "src", "-cf", archive, "."], deadline=deadline)
        shutil.rmtree(scratch / "src")
        yield archive


def module_key(tree: ModuleTree, recipe: ModuleRecipe, compiler: Compiler) -> dict[str, Any]:
    """Everything the module depends on."""
    return {
        **tree.key,
        "scope": recipe.scope,
        "patches": [patch.sha256 for patch in recipe.patches],
        "compiler": compiler.sha256,
        **build_inputs(),
    }


def build_inputs() -> dict[str, Any]:
    """How modules are built, whatever they are built from."""
    return {"format": _FORMAT, "script": _BUILD_SCRIPT}


def module_tree(kernel: Kernel) -> ModuleTree:
    """What modules are built from; only a kernel that was asked for with a scope has it."""
    assert kernel.modules is not None
    return kernel.modules


def build_module(
    cache: Cache,
    kernel: Kernel,
    recipe: ModuleRecipe,
    compiler: Compiler,
    headers: Path,
    progress: Progress,
) -> CacheEntry:
    """The module of a variant, from the cache or built now.

    Raises BuildBroken when a patch does not apply, reaches out of its scope, or breaks the build.
    """

    def make(directory: Path) -> dict[str, str]:
        patched = patched_tree(module_tree(kernel), recipe, progress)
        progress(f"building {recipe.what}")
        module, log = _compile(kernel.release, recipe, compiler, headers, patched)
        (directory / BINDER.file).write_bytes(module)
        (directory / LOG_FILE).write_bytes(log)
        facts = {"compiler": compiler.version(), "source": trees.tree_sha256(patched)}
        header = patched.get(f"{BINDER.scope}/{HEADER_FILE}")
        return facts | element_facts(header.content if header else None, f"the source of {recipe.variant}")

    return cache.obtain(
        "module",
        module_key(module_tree(kernel), recipe, compiler),
        make,
        what=recipe.what,
        need_bytes=_NEED_BYTES,
        deadline=Deadline.after(2 * _BUILD_S, f"the build of {recipe.what}"),
    )


def patched_tree(against: ModuleTree, recipe: ModuleRecipe, progress: Progress) -> Tree:
    """The scope's source with all patches of the recipe; BuildBroken where one does not apply."""
    tree: Tree = trees.read_tree(against.source.path, recipe.scope)
    target = f"{recipe.base.name} ({against.source.name})"
    for patch in recipe.patches:
        try:
            applied = apply_patch(patch, tree, recipe.scope, target=target)
        except InputError as error:
            raise BuildBroken(
                f"variant {recipe.variant}: {error.message}", hint=error.hint, evidence=error.evidence
            ) from None
        for remark in applied.remarks:
            progress(f"{patch.name}: {remark}")
        tree = applied.tree
    return tree


def build_command(recipe: ModuleRecipe, release: str, compiler: Compiler, headers: Path) -> SandboxCommand:
    """The sandboxed build: a tar archive of the tree on standard input, the module on standard output."""
    module = find_driver(recipe.scope).module
    return module_command(recipe.scope, module, release, recipe.arch, compiler, headers)


def module_command(
    directory: str, module: str, release: str, arch: Arch, compiler: Compiler, headers: Path
) -> SandboxCommand:
    """The same for a module that is made in a directory of the tree."""
    return Sandbox(given={HEADERS_FILE: headers}).command(
        _BUILD_SCRIPT, directory, release, arch.kbuild, compiler.prefix, compiler.command, module
    )


def _compile(
    release: str, recipe: ModuleRecipe, compiler: Compiler, headers: Path, tree: Tree
) -> tuple[bytes, bytes]:
    """The module and the build log."""
    command = build_command(recipe, release, compiler, headers)
    deadline = Deadline.after(_BUILD_S, f"building {recipe.what}")
    try:
        done = run_sandboxed(command, input_bytes=trees.pack(tree), deadline=deadline)
    except DeadlinePassed as error:
        raise DeadlinePassed(
            f"variant {recipe.variant}: the build did not end within {_BUILD_S:.0f} s",
            evidence=error.evidence,
        ) from None
    log = done.stderr[-_LOG_BYTES:]
    if done.returncode != 0 or not done.stdout.startswith(b"\x7fELF"):
        raise _broken(recipe, log.decode(errors="replace"), done.excess)
    return done.stdout, log


def _broken(recipe: ModuleRecipe, log: str, excess: str) -> OomlabError:
    message = (
        f"variant {recipe.variant}: {find_driver(recipe.scope).module} does not build for {recipe.base.name}"
    )
    evidence = first_errors(log.splitlines())
    if recipe.patches:
        return BuildBroken(message, hint=excess or "the patch may need another base", evidence=evidence)
    hint = excess or "the unpatched source should build: is the tool chain whole?"
    return OomlabError(message, hint=hint, evidence=evidence)
