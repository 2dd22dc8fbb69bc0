# SPDX-License-Identifier: Apache-2.0
"""What the run loop asks for: a kernel and an initramfs for every variant, from the cache or made now."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache as memoize
from pathlib import Path

from orchestrator.arch import ARCHS, Arch
from orchestrator.bases import BASES, DEFAULT_BASE, Base, find_base
from orchestrator.errors import HostError
from orchestrator.host.programs import Need, Stage, missing, needs_of, require
from orchestrator.kernels.build import module as modules
from orchestrator.kernels.build.guest_agent import AGENT_FILE, agent_key, build_agent
from orchestrator.kernels.build.module import ModuleRecipe
from orchestrator.kernels.build.patch import Patch
from orchestrator.kernels.build.toolchain import Compiler, find_compiler
from orchestrator.kernels.cache import Cache, CacheEntry, Pruned
from orchestrator.kernels.debian.fetch import FetchedBase, fetch_base, forget_archive, recorded_base
from orchestrator.kernels.debian.fetch import find_base as find_fetched
from orchestrator.kernels.debian.recorded import fetch_recorded, recorded_packages
from orchestrator.kernels.debian.resolve import ResolvedBase
from orchestrator.kernels.initramfs import INITRAMFS_FILE, build_initramfs, initramfs_key
from orchestrator.kernels.lock import Lock, LockedBase, require_locked_files
from orchestrator.kernels.manifest import ArtefactManifest, VariantArtefacts
from orchestrator.kernels.modules import BINDER
from orchestrator.kernels.pins import (
    Pins,
    WantedVariant,
    find_pinned,
    require_identical,
    require_same_variants,
)
from orchestrator.kernels.variants import CheckedVariant, VariantRecipe, checked_by_base, recorded_variants
from orchestrator.paths import cache_dir

Progress = Callable[[str], None]

_Modules = dict[str, tuple[CacheEntry, str]]
"""By variant: the entry that holds its module, and the file's name in it."""


@dataclass(frozen=True)
class GuestImages:
    """What QEMU boots for a variant. Variants of one base share all of it."""

    kernel: Path
    initramfs: Path
    release: str
    page_size_bytes: int
    manifest: ArtefactManifest
    patches: tuple[Patch, ...] = ()


@memoize
def _cache(root: Path) -> Cache:
    """One cache object a process: entries it handed out stay safe from `images prune` while it runs."""
    return Cache(root)


def prepare_images(
    arch: str,
    variants: Sequence[VariantRecipe],
    *,
    progress: Progress,
    pins: Pins | None = None,
    lock: Lock | None = None,
    refresh: bool = False,
) -> dict[str, GuestImages]:
    """Kernel and initramfs by variant name; with a warm cache neither network nor a child process is needed.

    `pins` are of an earlier run: exactly its files, out of the cache or made again. With a `lock` the guests
    are made from what it names. `refresh` looks for newer distribution kernels. Raises InputError (unknown
    base, bad patch, broken build) and HostError (no archive, no compiler, no space, other files than pinned).
    """
    checked = checked_by_base(arch, variants)
    if pins is None:
        require(image_needs(arch, variants))
    images: dict[str, GuestImages] = {}
    for base_name, group in checked.items():
        base, architecture = find_base(base_name, arch)
        if pins is not None:
            guest = _pinned(base, architecture, group, pins, progress)
        elif lock is not None:
            guest = _locked(base, architecture, group, lock.bases[base_name], progress)
        else:
            guest = _prepare_base(base, architecture, group, progress, refresh=refresh)
        images |= {item.recipe.name: guest for item in group}
    return images


def image_needs(arch: str, variants: Sequence[VariantRecipe]) -> tuple[Need, ...]:
    """The programs that `prepare_images` needs here: all of them, unless it would find its work done.

    Raises InputError as it does for names and patch headers.
    """
    checked = checked_by_base(arch, variants)
    scopes = [scope for scope in map(_scope_of, checked.values()) if scope]
    needs = needs_of(arch, *_stages(*scopes[:1]))
    if missing(needs) and _all_cached(checked, arch):
        return needs_of(arch, "compiler")
    return needs


def _stages(scope: str | None = None) -> tuple[Stage, ...]:
    """What has to be done for guests; with a scope their modules are built here."""
    made: tuple[Stage, ...] = ("compiler", "agent", "fetch", "pack")
    return (*made, "build", "patch") if scope else made


def _all_cached(checked: Mapping[str, Sequence[CheckedVariant]], arch: str) -> bool:
    try:
        return all(cached_images(*find_base(base, arch), group) for base, group in checked.items())
    except HostError:  # without a compiler nothing has a name
        return False


def prepare_probe(arch: str, *, base: str = DEFAULT_BASE, progress: Progress) -> GuestImages:
    """Kernel and initramfs without any variant, for the guest that proves an accelerator."""
    found, architecture = find_base(base, arch)
    return _prepare_base(found, architecture, (), progress)


def probe_base(arch: str) -> str | None:
    """A base whose kernel is in the cache, so that a probe guest needs no network; None without one."""
    cache, architecture = _cache(cache_dir()), ARCHS[arch]
    for base in BASES.values():
        resolved = recorded_base(cache, base, architecture) if arch in base.archs else None
        if resolved is not None and find_fetched(cache, resolved, None) is not None:
            return base.name
    return None


def list_images() -> list[CacheEntry]:
    """All entries of the cache, the least recently used first."""
    return _cache(cache_dir()).entries()


def prune_images(
    *, unused_for_s: float | None = None, keep_bytes: int | None = None, everything: bool = False
) -> Pruned:
    """Remove entries: unused for so long, the oldest beyond a total size, or all; see `Cache.prune`.

    With all entries go the package index and the choice of versions: the next run takes the newest.
    """
    cache = _cache(cache_dir())
    pruned = cache.prune(unused_for_s=unused_for_s, keep_bytes=keep_bytes, everything=everything)
    if everything and not pruned.in_use:
        forget_archive(cache)
    return pruned


def cached_images(base: Base, arch: Arch, variants: Sequence[CheckedVariant]) -> GuestImages | None:
    """The images when all of them are in the cache; starts nothing and makes nothing."""
    cache = _cache(cache_dir())
    compiler = find_compiler(arch, base.compiler_major)
    resolved = recorded_base(cache, base, arch)
    fetched = find_fetched(cache, resolved, _scope_of(variants)) if resolved else None
    agent = cache.find("agent", agent_key(compiler))
    if fetched is None or agent is None:
        return None
    built: _Modules = {}
    for item in variants:
        found = _find_module(cache, fetched, base, arch, item, compiler)
        if found is None:
            return None
        built[item.recipe.name] = found
    key = initramfs_key(fetched.kernel, fetched.busybox, agent, _checksums(built))
    initramfs = cache.find("initramfs", key)
    return _guest(base, arch, fetched, agent, built, initramfs, variants) if initramfs else None


def _prepare_base(
    base: Base,
    arch: Arch,
    variants: Sequence[CheckedVariant],
    progress: Progress,
    *,
    refresh: bool = False,
    recorded: ResolvedBase | None = None,
) -> GuestImages:
    cache = _cache(cache_dir())
    compiler = find_compiler(arch, base.compiler_major)
    scope = _scope_of(variants)
    if recorded is not None:
        fetched = fetch_recorded(cache, base, arch, recorded, scope=scope, progress=progress)
    else:
        fetched = fetch_base(cache, base, arch, scope=scope, progress=progress, refresh=refresh)
    agent = build_agent(cache, arch, compiler, progress)
    built = _modules(cache, fetched, base, arch, variants, compiler, progress)
    files = {name: (entry.file(file), entry.sha256(file)) for name, (entry, file) in built.items()}
    initramfs = build_initramfs(cache, fetched.kernel, fetched.busybox, agent, files, progress)
    return _guest(base, arch, fetched, agent, built, initramfs, variants)


def _guest(
    base: Base,
    arch: Arch,
    fetched: FetchedBase,
    agent: CacheEntry,
    built: _Modules,
    initramfs: CacheEntry,
    variants: Sequence[CheckedVariant],
) -> GuestImages:
    resolved = fetched.resolved
    manifest = ArtefactManifest(
        base=base.name,
        arch=arch.name,
        release=resolved.release,
        page_size_bytes=base.page_size_bytes,
        packages=resolved.packages if _scope_of(variants) else (resolved.image, resolved.busybox),
        kernel_sha256=fetched.kernel.sha256("vmlinuz"),
        busybox_sha256=fetched.busybox.sha256("busybox"),
        agent_sha256=agent.sha256(AGENT_FILE),
        agent_compiler=agent.meta.facts["compiler"],
        initramfs_sha256=initramfs.sha256(INITRAMFS_FILE),
        variants=tuple(_describe(item, *built[item.recipe.name]) for item in variants),
    )
    kernel, root = fetched.kernel.file("vmlinuz"), initramfs.file(INITRAMFS_FILE)
    return GuestImages(kernel, root, resolved.release, base.page_size_bytes, manifest, _patches(variants))


def _patches(variants: Sequence[CheckedVariant]) -> tuple[Patch, ...]:
    return tuple(dict.fromkeys(patch for item in variants for patch in item.patches))


def _modules(
    cache: Cache,
    fetched: FetchedBase,
    base: Base,
    arch: Arch,
    variants: Sequence[CheckedVariant],
    compiler: Compiler,
    progress: Progress,
) -> _Modules:
    built: _Modules = {}
    headers: Path | None = None
    with ExitStack() as stack:
        for item in variants:
            found = _find_module(cache, fetched, base, arch, item, compiler)
            if found is None:
                headers = headers or stack.enter_context(modules.headers_archive(cache, fetched))
                recipe = _module_recipe(base, arch, item)
                entry = modules.build_module(cache, fetched, recipe, compiler, headers, progress)
                found = (entry, BINDER.file)
            built[item.recipe.name] = found
    return built


def _find_module(
    cache: Cache, fetched: FetchedBase, base: Base, arch: Arch, item: CheckedVariant, compiler: Compiler
) -> tuple[CacheEntry, str] | None:
    """The distribution's module, or one built before; None when it must be built."""
    if item.build_scope is None:
        return fetched.kernel, f"modules/{BINDER.file}"
    recipe = _module_recipe(base, arch, item)
    entry = cache.find("module", modules.module_key(fetched, recipe, compiler))
    return (entry, BINDER.file) if entry else None


def _module_recipe(base: Base, arch: Arch, item: CheckedVariant) -> ModuleRecipe:
    assert item.build_scope is not None
    return ModuleRecipe(item.recipe.name, base, arch, item.build_scope, item.patches)


def _checksums(built: _Modules) -> dict[str, str]:
    return {name: entry.sha256(file) for name, (entry, file) in built.items()}


def _scope_of(variants: Sequence[CheckedVariant]) -> str | None:
    return variants[0].build_scope if variants else None


def _describe(item: CheckedVariant, entry: CacheEntry, file: str) -> VariantArtefacts:
    return VariantArtefacts(
        name=item.recipe.name,
        scope=item.recipe.scope,
        patches=item.patch_files,
        module_sha256=entry.sha256(file),
        module_origin="distribution" if item.build_scope is None else "built",
        compiler=entry.meta.facts.get("compiler"),
    )


def _pinned(
    base: Base, arch: Arch, variants: Sequence[CheckedVariant], pins: Pins, progress: Progress
) -> GuestImages:
    """The guests of an earlier run: as they lie in the cache, or made again and found identical."""
    record = pins.of(base.name, arch.name)
    wanted = [WantedVariant(item.recipe.name, item.recipe.scope, item.patch_files) for item in variants]
    require_same_variants(record, wanted)
    found = find_pinned(_cache(cache_dir()), record)
    if found is not None:
        return GuestImages(*found, record.release, record.page_size_bytes, record, _patches(variants))
    progress(
        f"{base.name} {arch.name}: not in the cache as it was; making it again from what the run recorded"
    )
    group = recorded_variants(record, pins, variants)
    require(needs_of(arch.name, *_stages(_scope_of(group))))
    packages = recorded_packages(base.name, arch.name, record.release, record.packages)
    guest = _prepare_base(base, arch, group, progress, recorded=packages)
    require_identical(record, guest.manifest)
    return guest


def _locked(
    base: Base, arch: Arch, variants: Sequence[CheckedVariant], locked: LockedBase, progress: Progress
) -> GuestImages:
    packages = recorded_packages(base.name, arch.name, locked.release, locked.packages)
    guest = _prepare_base(base, arch, variants, progress, recorded=packages)
    require_locked_files(base.name, locked, guest.manifest)
    return guest
