# SPDX-License-Identifier: Apache-2.0
"""What preparing images would do, for `--dry-run`: no process, no network, nothing written."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.arch import Arch
from orchestrator.bases import Base, find_base
from orchestrator.errors import HostError
from orchestrator.host.process import paste_ready
from orchestrator.kernels import initramfs
from orchestrator.kernels.build import guest_agent as agent
from orchestrator.kernels.build import module, patch
from orchestrator.kernels.build.module import ModuleRecipe
from orchestrator.kernels.build.toolchain import Compiler, find_compiler
from orchestrator.kernels.cache import Cache
from orchestrator.kernels.debian import fetch
from orchestrator.kernels.debian.apt import apt_name, open_apt
from orchestrator.kernels.debian.resolve import BUSYBOX, ResolvedBase
from orchestrator.kernels.images import cached_images
from orchestrator.kernels.modules import BINDER, COMMON_MODULES
from orchestrator.kernels.variants import CheckedVariant, VariantRecipe, check_variants
from orchestrator.paths import cache_dir, resource_dir


@dataclass(frozen=True)
class PlannedImages:
    """Where kernel and initramfs of a variant are, or would be put by the commands."""

    kernel: Path
    initramfs: Path


@dataclass(frozen=True)
class ImagePlan:
    """Commands to paste, one a line, and by variant what they make. No commands: all is in the cache."""

    commands: tuple[str, ...]
    images: dict[str, PlannedImages]


def planned_commands(arch: str, variants: Sequence[VariantRecipe]) -> ImagePlan:
    """What `prepare_images` would run. Raises InputError as it does for names and patch headers.

    Before the first download neither the packages' names nor what their modules depend on is known: then
    the meta packages stand for them, and the modules for themselves.
    """
    bases = dict.fromkeys(variant.base for variant in variants)
    commands: list[str] = []
    images: dict[str, PlannedImages] = {}
    for name in bases:
        base, architecture = find_base(name, arch)
        checked = check_variants(arch, [variant for variant in variants if variant.base == name])
        ready = cached_images(base, architecture, checked)
        if ready is not None:
            planned = PlannedImages(ready.kernel, ready.initramfs)
        else:
            directory = cache_dir() / "planned" / f"{base.name}-{architecture.name}"
            planned = PlannedImages(directory / "vmlinuz", directory / initramfs.INITRAMFS_FILE)
            commands += _commands(base, architecture, checked, directory)
        images |= {item.recipe.name: planned for item in checked}
    return ImagePlan(tuple(commands), images)


def _commands(base: Base, arch: Arch, variants: Sequence[CheckedVariant], directory: Path) -> list[str]:
    cache = Cache(cache_dir())
    scope = variants[0].build_scope if variants else None
    resolved = fetch.recorded_base(cache, base, arch)
    compiler = _compiler(base, arch)
    root = directory / "root"
    lines = [paste_ready(["mkdir", "-p", directory / "debs", root / "bin", root / "modules/common"])]
    lines += _fetch_lines(cache, base, arch, resolved, scope, directory)
    lines += _kernel_lines(directory)
    lines.append(_in(resource_dir("images") / "guest", agent.compile_command(compiler, root / "init")))
    if scope is not None:
        lines += _headers_lines(directory)
    for item in variants:
        lines.append(paste_ready(["mkdir", "-p", root / "modules" / item.recipe.name]))
        if scope is None:
            found = f"{_quoted(directory)}/lib/modules/*/kernel/{BINDER.scope}/{BINDER.file}*"
            lines.append(f"cp {found} {_quoted(root / 'modules' / item.recipe.name)}")
        else:
            recipe = ModuleRecipe(item.recipe.name, base, arch, scope, item.patches)
            release = resolved.release if resolved else "RELEASE"
            lines += _build_lines(recipe, release, compiler, directory, item.recipe.patches)
    pack = f"find . -mindepth 1 -printf '%P\\0' | LC_ALL=C sort -z | {paste_ready(initramfs.CPIO)}"
    lines.append(f"cd {_quoted(root)} && {pack} >{_quoted(directory / initramfs.INITRAMFS_FILE)}")
    return lines


def _fetch_lines(
    cache: Cache, base: Base, arch: Arch, resolved: ResolvedBase | None, scope: str | None, directory: Path
) -> list[str]:
    origin = resolved.origin(base) if resolved else base.made_from.origins[0]
    apt = open_apt(cache.root, origin, arch, arch.debian)
    if resolved is not None:
        packages = [package for part in fetch.parts_of(resolved, scope) for package in part.packages]
        names = [apt_name(package) for package in packages]
    else:
        names = [
            f"{base.made_from.meta_package('image', arch, origin)}:{arch.debian}",
            f"{BUSYBOX}:{arch.debian}",
        ]
        if scope is not None:
            headers = f"{base.made_from.meta_package('headers', arch, origin)}:{arch.debian}"
            names += [headers, base.made_from.source_package]
    debs, target = _quoted(directory / "debs"), _quoted(directory)
    return [
        paste_ready(apt.command("apt-get", "update")),
        _in(directory / "debs", apt.command("apt-get", "download", *names)),
        f'for deb in {debs}/*.deb; do dpkg-deb -x "$deb" {target}; done',
    ]


def _kernel_lines(directory: Path) -> list[str]:
    """Kernel, busybox and modules to their places in the guest.

    A run unpacks x86_64 kernels as well (`bzimage`): they boot the same, only sooner.
    """
    here, modules = _quoted(directory), _quoted(directory / "root/modules/common")
    names = " -o ".join(f"-name '{name}.ko*'" for name in COMMON_MODULES)
    return [
        f"cp {here}/boot/vmlinuz-* {here}/vmlinuz",
        f"cp {here}/bin/busybox {here}/root/bin/",
        f"find {here}/lib/modules \\( {names} \\) -exec cp {{}} {modules} \\;",
        f"find {modules} -name '*.xz' -exec unxz {{}} +",
        f"cd {modules} && for name in {' '.join(COMMON_MODULES)}; do ls $name.ko; done >order",
    ]


def _headers_lines(directory: Path) -> list[str]:
    """The kbuild tools beside the headers, see `unpack.unpack_headers`."""
    source, tools = _quoted(directory / "usr/src"), _quoted(directory / "usr/lib")
    links = "for link in linux-headers-*/scripts linux-headers-*/tools"
    point = 'ln -sfn "../$(echo linux-kbuild-*)/${link#*/}" "$link"'
    return [
        f"rm {source}/linux-kbuild-* && mv {tools}/linux-kbuild-* {source}",
        f"cd {source} && {links}; do {point}; done",
        f"tar -C {source} -cf {_quoted(directory / 'headers.tar')} .",
    ]


def _build_lines(
    recipe: ModuleRecipe, release: str, compiler: Compiler, directory: Path, patches: Sequence[Path]
) -> list[str]:
    """Source, patches and build of one variant; the sandbox takes and gives tar archives."""
    work = directory / recipe.variant
    inner, tree = _quoted(work), _quoted(work / "tree")
    tarball = f"{_quoted(directory / 'usr/src')}/linux-source-*.tar.xz"
    target = directory / "root/modules" / recipe.variant / BINDER.file
    build = module.build_command(recipe, release, compiler, directory / "headers.tar").by_hand()
    lines = [
        f"mkdir -p {tree} && tar -xf {tarball} -C {tree} --strip-components=1 --wildcards '*/{recipe.scope}'"
    ]
    for path in patches:
        lines.append(f"cp {_quoted(path)} {inner}/patch")
        lines.append(
            f"tar -C {inner} -cf - tree patch | {patch.apply_command().by_hand()} | tar -C {tree} -xf -"
        )
    lines.append(f"tar -C {tree} -cf - . | {build} >{_quoted(target)}")
    return lines


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
