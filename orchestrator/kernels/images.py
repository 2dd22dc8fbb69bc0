# SPDX-License-Identifier: Apache-2.0
"""What the run loop asks for: a kernel and an initramfs for every variant, from the cache or made now."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache as memoize
from pathlib import Path

from orchestrator.errors import HostError, InputError
from orchestrator.kernels import module as modules
from orchestrator.kernels.agent import AGENT_FILE, agent_key, build_agent
from orchestrator.kernels.bases import ARCHS, BASES, Arch, Base, find_base, find_scope
from orchestrator.kernels.cache import Cache, CacheEntry, Pruned
from orchestrator.kernels.fetch import FetchedBase, fetch_base, forget_archive, recorded_base
from orchestrator.kernels.fetch import find_base as find_fetched
from orchestrator.kernels.initramfs import INITRAMFS_FILE, build_initramfs, initramfs_key
from orchestrator.kernels.manifest import ArtefactManifest, PatchFile, VariantArtefacts
from orchestrator.kernels.module import MODULE_FILE, ModuleRecipe
from orchestrator.kernels.patch import Patch, check_headers, read_patch
from orchestrator.kernels.pins import WantedVariant, find_pinned
from orchestrator.kernels.toolchain import Compiler, find_compiler
from orchestrator.paths import cache_dir
from orchestrator.programs import Need, Stage, missing, needs_of, require

Progress = Callable[[str], None]

PROBE_BASE = "debian-6.1"

_Modules = dict[str, tuple[CacheEntry, str]]
"""By variant: the entry that holds its module, and the file's name in it."""

_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*$")


@dataclass(frozen=True)
class VariantRecipe:
    """A kernel under test: a base, and patches to one directory of it."""

    name: str
    base: str
    scope: str | None = None
    patches: tuple[Path, ...] = ()


@dataclass(frozen=True)
class GuestImages:
    """What QEMU boots for a variant. Variants of one base share all of it."""

    kernel: Path
    initramfs: Path
    release: str
    page_size_bytes: int
    manifest: ArtefactManifest


@dataclass(frozen=True)
class CheckedVariant:
    """A recipe with its patches read, and whether its module is to be built here."""

    recipe: VariantRecipe
    patches: tuple[Patch, ...]
    build_scope: str | None

    @property
    def patch_files(self) -> tuple[PatchFile, ...]:
        """The patches as the manifest records them."""
        return tuple(PatchFile(name=patch.name, sha256=patch.sha256) for patch in self.patches)


@memoize
def _cache(root: Path) -> Cache:
    """One cache object a process: entries it handed out stay safe from `images prune` while it runs."""
    return Cache(root)


def prepare_images(
    arch: str,
    variants: Sequence[VariantRecipe],
    *,
    progress: Progress,
    pins: Sequence[ArtefactManifest] = (),
    refresh: bool = False,
) -> dict[str, GuestImages]:
    """Kernel and initramfs by variant name; with a warm cache neither network nor a child process is needed.

    `pins` are the manifests of an earlier run: exactly its files come out of the cache. `refresh` looks for
    newer distribution kernels. Raises InputError (unknown base, bad patch, broken build) and HostError
    (no archive, no compiler, no space, pinned files gone).
    """
    checked = _by_base(arch, variants)
    if not pins:
        require(image_needs(arch, variants))
    images: dict[str, GuestImages] = {}
    for base_name, group in checked.items():
        base, architecture = find_base(base_name, arch)
        if pins:
            guest = _pinned(base, architecture, group, pins)
        else:
            guest = _prepare_base(base, architecture, group, progress, refresh)
        images |= {item.recipe.name: guest for item in group}
    return images


def image_needs(arch: str, variants: Sequence[VariantRecipe]) -> tuple[Need, ...]:
    """The programs that `prepare_images` needs here: all of them, unless it would find its work done.

    Raises InputError as it does for names and patch headers.
    """
    checked = _by_base(arch, variants)
    stages: list[Stage] = ["compiler", "agent", "fetch", "pack"]
    if any(_scope_of(group) for group in checked.values()):
        stages += ["build", "patch"]
    needs = needs_of(arch, *stages)
    if missing(needs) and _all_cached(checked, arch):
        return needs_of(arch, "compiler")
    return needs


def _all_cached(checked: Mapping[str, Sequence[CheckedVariant]], arch: str) -> bool:
    try:
        return all(cached_images(*find_base(base, arch), group) for base, group in checked.items())
    except HostError:  # without a compiler nothing has a name
        return False


def _by_base(arch: str, variants: Sequence[VariantRecipe]) -> dict[str, list[CheckedVariant]]:
    by_base: dict[str, list[VariantRecipe]] = {}
    for variant in variants:
        by_base.setdefault(variant.base, []).append(variant)
    return {base: check_variants(arch, recipes) for base, recipes in by_base.items()}


def prepare_probe(arch: str, *, base: str = PROBE_BASE, progress: Progress) -> GuestImages:
    """Kernel and initramfs without any variant, for the guest that proves an accelerator."""
    found, architecture = find_base(base, arch)
    return _prepare_base(found, architecture, (), progress, refresh=False)


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


def check_variants(arch: str, variants: Sequence[VariantRecipe]) -> list[CheckedVariant]:
    """The recipes of one base with their patches read and their headers checked; touches no cache.

    When any variant of a base is built from source, all of them are, with the same compiler: otherwise an
    unpatched variant would differ from a patched one by more than the patch. Raises InputError.
    """
    scopes = {variant.scope for variant in variants if variant.scope is not None}
    if len(scopes) > 1:
        raise InputError(f"variants of one base have different scopes: {', '.join(sorted(scopes))}")
    build_scope = next(iter(scopes), None)
    checked: list[CheckedVariant] = []
    for variant in variants:
        _check_variant(arch, variant, [item.recipe.name for item in checked])
        patches = tuple(read_patch(path) for path in variant.patches)
        for patch in patches:
            check_headers(patch, variant.scope or "")
        checked.append(CheckedVariant(variant, patches, build_scope))
    return checked


def _check_variant(arch: str, variant: VariantRecipe, taken: Sequence[str]) -> None:
    find_base(variant.base, arch)
    if variant.scope is not None:
        find_scope(variant.scope)
    if variant.patches and variant.scope is None:
        raise InputError(
            f"variant {variant.name} has patches but no scope", hint="add `scope: drivers/android`"
        )
    if not _NAME.match(variant.name) or variant.name in ("common", *taken):
        raise InputError(f"'{variant.name}' cannot be used as the name of a variant")


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
    base: Base, arch: Arch, variants: Sequence[CheckedVariant], progress: Progress, refresh: bool
) -> GuestImages:
    cache = _cache(cache_dir())
    compiler = find_compiler(arch, base.compiler_major)
    scope = _scope_of(variants)
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
    return GuestImages(kernel, root, resolved.release, base.page_size_bytes, manifest)


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
                found = (entry, MODULE_FILE)
            built[item.recipe.name] = found
    return built


def _find_module(
    cache: Cache, fetched: FetchedBase, base: Base, arch: Arch, item: CheckedVariant, compiler: Compiler
) -> tuple[CacheEntry, str] | None:
    """The distribution's module, or one built before; None when it must be built."""
    if item.build_scope is None:
        return fetched.kernel, f"modules/{MODULE_FILE}"
    recipe = _module_recipe(base, arch, item)
    entry = cache.find("module", modules.module_key(fetched, recipe, compiler))
    return (entry, MODULE_FILE) if entry else None


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
    base: Base, arch: Arch, variants: Sequence[CheckedVariant], pins: Sequence[ArtefactManifest]
) -> GuestImages:
    wanted = [WantedVariant(item.recipe.name, item.recipe.scope, item.patch_files) for item in variants]
    manifest, kernel, initramfs = find_pinned(_cache(cache_dir()), pins, base.name, arch.name, wanted)
    return GuestImages(kernel, initramfs, manifest.release, manifest.page_size_bytes, manifest)
