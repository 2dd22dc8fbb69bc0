# SPDX-License-Identifier: Apache-2.0
"""What preparing images would do, for `--dry-run`: no process, no network, nothing written."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.arch import Arch
from orchestrator.bases import Base
from orchestrator.errors import HostError
from orchestrator.guest_files.archive import GuestFiles
from orchestrator.host.process import paste_ready
from orchestrator.kernels import initramfs
from orchestrator.kernels.base import HEADERS_FILE, IMAGE_FILE, DriverPlace, KernelPlan, KernelRequest
from orchestrator.kernels.build import guest_agent as agent
from orchestrator.kernels.build import module, patch
from orchestrator.kernels.build.module import ModuleRecipe
from orchestrator.kernels.build.toolchain import Compiler, find_compiler
from orchestrator.kernels.cache import Cache
from orchestrator.kernels.identical import SameBinary, same_binaries
from orchestrator.kernels.images import cached_images
from orchestrator.kernels.manifest import ArtefactManifest
from orchestrator.kernels.modules import BINDER
from orchestrator.kernels.sources import source_of
from orchestrator.kernels.variants import (
    CheckedVariant,
    KernelGroup,
    VariantRecipe,
    by_kernel,
    settings_by_name,
)
from orchestrator.paths import cache_dir, resource_dir


@dataclass(frozen=True)
class PlannedImages:
    """Where the files of a variant's guests are, or would be put by the commands."""

    kernel: Path
    initramfs: Path
    agent: Path
    binder: DriverPlace
    script: Path | None = None
    files: GuestFiles = field(default_factory=GuestFiles)


@dataclass(frozen=True)
class ImagePlan:
    """Commands to paste, one a line, and by variant what they make. No commands: all is in the cache."""

    commands: tuple[str, ...]
    images: dict[str, PlannedImages]
    same: tuple[SameBinary, ...] = ()
    """Variants that are known to be alike, because what they boot is in the cache already."""


def planned_commands(
    arch: str, variants: Sequence[VariantRecipe], files: GuestFiles | None = None
) -> ImagePlan:
    """What `prepare_images` would run. Raises InputError as it does for names and patch headers.

    What a source does not know yet has a word of its own in the commands (`KernelPlan`).
    """
    commands: list[str] = []
    images: dict[str, PlannedImages] = {}
    known: dict[str, ArtefactManifest] = {}
    for group in by_kernel(arch, variants, files):
        request = group.request
        ready = cached_images(group)
        if ready is not None:
            known |= dict.fromkeys((item.recipe.name for item in group.variants), ready.manifest)
            planned = PlannedImages(
                ready.kernel, ready.initramfs, ready.agent, ready.binder, files=group.files
            )
        else:
            directory = cache_dir() / "planned" / f"{_as_file(request.name)}-{request.arch.name}"
            plan = source_of(request.base).plan(Cache(cache_dir()), request, directory)
            binder: DriverPlace = "built-in" if plan.driver is None else "module"
            planned = PlannedImages(
                directory / IMAGE_FILE, directory / initramfs.INITRAMFS_FILE, _agent(directory), binder,
                files=group.files,
            )  # fmt: skip
            commands += _commands(group, plan, directory)
        images |= {item.recipe.name: planned for item in group.variants}
    return ImagePlan(tuple(commands), images, tuple(same_binaries(known, settings_by_name(variants))))


def _commands(group: KernelGroup, plan: KernelPlan, directory: Path) -> list[str]:
    request = group.request
    compiler = _compiler(request.base, request.arch)
    root = directory / "root"
    lines = [paste_ready(["mkdir", "-p", root / "bin", root / "modules/common"]), *plan.kernel]
    lines.append(_in(resource_dir("images") / "guest", agent.compile_command(compiler, _agent(directory))))
    if request.scope is not None or request.test_module is not None:
        lines += plan.headers
    if request.test_module is not None:
        lines.append(_test_module_line(request, plan, compiler, directory))
    for item in group.variants:
        lines += _driver_lines(request, item, plan, compiler, directory)
    lines += _own_lines(group.files, root)
    pack = f"find . -mindepth 1 -printf '%P\\0' | LC_ALL=C sort -z | {paste_ready(initramfs.CPIO)}"
    lines.append(f"cd {_quoted(root)} && {pack} >{_quoted(directory / initramfs.INITRAMFS_FILE)}")
    return lines


def _own_lines(files: GuestFiles, root: Path) -> list[str]:
    """The user's files, where they are in the guest's root."""
    lines = [
        paste_ready(["install", "-D", "-m", "755", each.source, f"{root}{guest}"])
        for guest, each in (files.sources or {}).items()
    ]
    for path, leads_to in files.links:
        lines.append(paste_ready(["mkdir", "-p", (root / path[1:]).parent]))
        lines.append(paste_ready(["ln", "-sfn", leads_to, f"{root}{path}"]))
    return lines


def _test_module_line(request: KernelRequest, plan: KernelPlan, compiler: Compiler, directory: Path) -> str:
    """The module that the trigger makes its requests by, from the shipped source."""
    own = request.test_module
    assert own is not None
    source = _quoted(resource_dir("images") / "guest" / agent.MODULES_DIRECTORY)
    headers, target = directory / HEADERS_FILE, directory / "root/modules/common" / own.file
    command = module.module_command(own.source, own.module, plan.release, request.arch, compiler, headers)
    return f"tar -C {source} -cf - {own.source} | {command.by_hand()} >{_quoted(target)}"


def _driver_lines(
    request: KernelRequest, item: CheckedVariant, plan: KernelPlan, compiler: Compiler, directory: Path
) -> list[str]:
    """One variant's module, if its driver is one."""
    file = directory / "root/modules" / item.recipe.name / BINDER.file
    made = [paste_ready(["mkdir", "-p", file.parent])]
    if request.scope is None:
        return [*made, plan.driver(file)] if plan.driver is not None else []
    recipe = ModuleRecipe(item.recipe.name, request.base, request.arch, request.scope, item.patches)
    return [*made, *_build_lines(recipe, plan, compiler, directory, item.recipe.patches)]


def _build_lines(
    recipe: ModuleRecipe, plan: KernelPlan, compiler: Compiler, directory: Path, patches: Sequence[Path]
) -> list[str]:
    """Source, patches and build of one variant; the sandbox takes and gives tar archives."""
    work = directory / recipe.variant
    inner, tree = _quoted(work), _quoted(work / "tree")
    target = directory / "root/modules" / recipe.variant / BINDER.file
    build = module.build_command(recipe, plan.release, compiler, directory / HEADERS_FILE).by_hand()
    lines = [plan.source(work / "tree")]
    for path in patches:
        lines.append(f"cp {_quoted(path)} {inner}/patch")
        lines.append(
            f"tar -C {inner} -cf - tree patch | {patch.apply_command().by_hand()} | tar -C {tree} -xf -"
        )
    lines.append(f"tar -C {tree} -cf - . | {build} >{_quoted(target)}")
    return lines


def _agent(directory: Path) -> Path:
    """Where the agent is compiled to: it is the initramfs's first process."""
    return directory / "root/init"


def _as_file(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._=@+-]+", "-", name).strip("-")


def _compiler(base: Base, arch: Arch) -> Compiler:
    """The compiler; one that is not installed yet by its usual name."""
    try:
        return find_compiler(arch, base.compiler_major)
    except HostError:
        return Compiler(f"{arch.triplet}-gcc", f"{arch.triplet}-", "")


def _in(directory: Path, argv: Sequence[str]) -> str:
    return f"cd {_quoted(directory)} && {paste_ready(argv)}"


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
