# SPDX-License-Identifier: Apache-2.0
"""What the run loop asks for: a kernel and an initramfs for every variant, from the cache or made now."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cache as memoize
from pathlib import Path

from orchestrator.bases import DEFAULT_BASE, bases_for, find_base
from orchestrator.errors import HostError, InputError
from orchestrator.guest_files.archive import GuestFiles
from orchestrator.host.programs import Need, Stage, missing, needs_of, require
from orchestrator.kernels.base import (
    BUSYBOX_FILE,
    IMAGE_FILE,
    MODULES,
    SCRIPT_FILE,
    DriverPlace,
    Kernel,
    KernelRequest,
    Progress,
)
from orchestrator.kernels.build import module as modules
from orchestrator.kernels.build.guest_agent import AGENT_FILE, agent_key, build_agent
from orchestrator.kernels.build.module import ModuleRecipe
from orchestrator.kernels.build.toolchain import Compiler, find_compiler
from orchestrator.kernels.cache import Cache, CacheEntry, Pruned
from orchestrator.kernels.cpio import behind
from orchestrator.kernels.features import KernelFeatures
from orchestrator.kernels.initramfs import INITRAMFS_FILE, ModuleEntry, build_initramfs, initramfs_key
from orchestrator.kernels.kept_traits import kernel_traits, known_traits
from orchestrator.kernels.lock import Lock, LockedBase, require_locked_files
from orchestrator.kernels.manifest import ArtefactManifest
from orchestrator.kernels.modules import BINDER
from orchestrator.kernels.patch_file import Patch
from orchestrator.kernels.pins import (
    Pins,
    WantedVariant,
    find_pinned,
    require_identical,
    require_same_files,
    require_same_variants,
    require_test_module,
)
from orchestrator.kernels.sources import forget_choices, source_of
from orchestrator.kernels.test_modules import describe_test_module, find_test_module, obtain_test_module
from orchestrator.kernels.traits.traits import KernelTraits
from orchestrator.kernels.variant_artefacts import describe_variant
from orchestrator.kernels.variants import (
    CheckedVariant,
    KernelGroup,
    VariantRecipe,
    by_kernel,
    recorded_variants,
)
from orchestrator.paths import cache_dir

_Modules = dict[str, ModuleEntry]
"""By variant: the entry that holds its module, and the file's name in it. None has one that is built in."""


@dataclass(frozen=True)
class GuestImages:
    """What is booted for a variant. Variants of one kernel share all of it."""

    kernel: Path
    initramfs: Path
    release: str
    page_size_bytes: int
    manifest: ArtefactManifest
    patches: tuple[Patch, ...] = ()
    features: KernelFeatures | None = field(default=None, compare=False)
    """What the kernel can do; None of an earlier run's, which ran."""
    agent_file: Path | None = None
    """The agent by itself, where it is in the cache; it is in the initramfs in any case."""
    script: Path | None = None
    """Commands that are in the initramfs as `SCRIPT_FILE`."""
    files: GuestFiles = field(default_factory=GuestFiles, compare=False)
    """The user's, for a device that they have to be pushed to; likewise in the initramfs."""

    @property
    def agent(self) -> Path:
        """The agent by itself, for a device that it has to be pushed to. HostError where it is not kept."""
        if self.agent_file is None:
            checksum = self.manifest.agent_sha256[:12]
            raise HostError(
                f"the agent of the earlier run (SHA-256 {checksum}...) is not in the cache",
                hint="run without --artefacts-from to take what is made now",
            )
        return self.agent_file

    def with_script(self, script: bytes, directory: Path) -> GuestImages:
        """The same with commands for the guest's shell; both files are made in `directory`."""
        initramfs, path = directory / INITRAMFS_FILE, directory / SCRIPT_FILE
        path.write_bytes(script)
        initramfs.write_bytes(behind(self.initramfs.read_bytes(), {SCRIPT_FILE: script}))
        return replace(self, initramfs=initramfs, script=path)

    @property
    def binder(self) -> DriverPlace:
        """Where the driver under test is, for the guest to know whether a module is to be loaded."""
        origins = {variant.module_origin for variant in self.manifest.variants}
        return "built-in" if "built-in" in origins else "module"


@memoize
def _cache(root: Path) -> Cache:
    """One cache object a process: entries it handed out stay safe from `images prune` while it runs."""
    return Cache(root)


def prepare_images(
    arch: str,
    variants: Sequence[VariantRecipe],
    *,
    progress: Progress,
    files: GuestFiles | None = None,
    pins: Pins | None = None,
    lock: Lock | None = None,
    refresh: bool = False,
) -> dict[str, GuestImages]:
    """Kernel and initramfs by variant name; with a warm cache neither network nor a child process is needed.

    `files` of the user's are in the guests' root. `pins` are of an earlier run: exactly its files, out of the
    cache or made again. With a `lock` the guests are made from what it names. `refresh` looks for newer
    distribution kernels. Raises InputError (unknown base, bad patch, broken build) and HostError (no archive,
    no compiler, no space, other files than pinned).
    """
    groups = by_kernel(arch, variants, files)
    if pins is None:
        require(image_needs(arch, variants, files))
    images: dict[str, GuestImages] = {}
    for group in groups:
        if pins is not None:
            guest = _pinned(group, pins, progress)
        elif lock is not None:
            guest = _locked(group, lock.bases[group.request.name], progress)
        else:
            kernel = source_of(group.request.base).obtain(
                _cache(cache_dir()), group.request, progress, refresh=refresh
            )
            guest = _make(group, kernel, progress)
        images |= {item.recipe.name: guest for item in group.variants}
    return images


def image_needs(
    arch: str, variants: Sequence[VariantRecipe], files: GuestFiles | None = None
) -> tuple[Need, ...]:
    """The programs that `prepare_images` needs here: all of them, unless it would find its work done.

    Raises InputError as it does for names and patch headers.
    """
    groups = by_kernel(arch, variants, files)
    needs = needs_of(arch, *dict.fromkeys(stage for group in groups for stage in _stages(group.request)))
    if missing(needs) and _all_cached(groups):
        return needs_of(arch, "compiler")
    return needs


def _stages(request: KernelRequest) -> tuple[Stage, ...]:
    """What has to be done for guests; with a scope their modules are built here."""
    made: tuple[Stage, ...] = ("compiler", "agent", "pack", *source_of(request.base).stages)
    if request.scope is not None:
        return (*made, "build", "patch")
    return (*made, "build") if request.test_module is not None else made


def _all_cached(groups: Sequence[KernelGroup]) -> bool:
    try:
        return all(cached_images(group) for group in groups)
    except HostError:  # without a compiler nothing has a name
        return False


def prepare_probe(arch: str, *, base: str = DEFAULT_BASE, progress: Progress) -> GuestImages:
    """Kernel and initramfs without any variant, for the guest that proves an accelerator."""
    request = KernelRequest(*find_base(base, arch))
    kernel = source_of(request.base).obtain(_cache(cache_dir()), request, progress)
    return _make(KernelGroup(request), kernel, progress)


def probe_base(arch: str) -> str | None:
    """A base whose kernel is in the cache, so that a probe guest needs no network; None without one."""
    cache = _cache(cache_dir())
    for name in bases_for(arch):
        request = KernelRequest(*find_base(name, arch))
        if source_of(request.base).known(cache, request) is not None:
            return name
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
        forget_choices(cache)
    return pruned


def cached_images(group: KernelGroup) -> GuestImages | None:
    """The images when all of them are in the cache; starts nothing and makes nothing."""
    cache, request = _cache(cache_dir()), group.request
    compiler = find_compiler(request.arch, request.base.compiler_major)
    kernel = source_of(request.base).known(cache, request)
    agent = cache.find("agent", agent_key(compiler))
    if kernel is None or agent is None:
        return None
    built: _Modules = {}
    for item in group.variants if _has_modules(kernel, request) else ():
        found = _find_module(cache, kernel, request, item, compiler)
        if found is None:
            return None
        built[item.recipe.name] = found
    own = find_test_module(cache, kernel, request, compiler)
    if own is None and request.test_module is not None:
        return None
    initramfs = cache.find("initramfs", initramfs_key(kernel, agent, _checksums(built), group.files, own))
    traits = known_traits(cache, request, kernel)
    return _guest(group, kernel, agent, built, initramfs, traits, own) if initramfs else None


def _make(group: KernelGroup, kernel: Kernel, progress: Progress) -> GuestImages:
    """All that a kernel's guests boot beside it, from the cache or made now."""
    cache, request = _cache(cache_dir()), group.request
    compiler = find_compiler(request.arch, request.base.compiler_major)
    agent = build_agent(cache, request.arch, compiler, progress)
    built = _modules(cache, kernel, group, compiler, progress)
    files = {name: (entry.file(file), entry.sha256(file)) for name, (entry, file) in built.items()}
    own = obtain_test_module(cache, kernel, request, compiler, progress)
    initramfs = build_initramfs(cache, kernel, agent, files, group.files, progress, own)
    traits = kernel_traits(cache, request, kernel)
    return _guest(group, kernel, agent, built, initramfs, traits, own)


def _guest(
    group: KernelGroup,
    kernel: Kernel,
    agent: CacheEntry,
    built: _Modules,
    initramfs: CacheEntry,
    traits: KernelTraits | None,
    own: ModuleEntry | None,
) -> GuestImages:
    manifest = ArtefactManifest(
        base=group.request.name,
        arch=group.request.arch.name,
        release=kernel.release,
        page_size_bytes=kernel.page_size_bytes,
        packages=kernel.packages,
        kernel_sha256=kernel.image.sha256(IMAGE_FILE),
        busybox_sha256=kernel.busybox.sha256(BUSYBOX_FILE),
        agent_sha256=agent.sha256(AGENT_FILE),
        agent_compiler=agent.meta.facts["compiler"],
        initramfs_sha256=initramfs.sha256(INITRAMFS_FILE),
        built=kernel.built,
        given=kernel.given,
        test_module=describe_test_module(own),
        variants=tuple(describe_variant(item, built.get(item.recipe.name)) for item in group.variants),
        files=group.files.records,
        traits=traits,
    )
    return GuestImages(
        kernel.image.file(IMAGE_FILE),
        initramfs.file(INITRAMFS_FILE),
        kernel.release,
        kernel.page_size_bytes,
        manifest,
        _patches(group.variants),
        kernel.features,
        agent.file(AGENT_FILE),
        files=group.files,
    )


def _patches(variants: Sequence[CheckedVariant]) -> tuple[Patch, ...]:
    return tuple(dict.fromkeys(patch for item in variants for patch in item.patches))


def _modules(
    cache: Cache, kernel: Kernel, group: KernelGroup, compiler: Compiler, progress: Progress
) -> _Modules:
    built: _Modules = {}
    headers: Path | None = None
    with ExitStack() as stack:
        for item in group.variants if _has_modules(kernel, group.request) else ():
            found = _find_module(cache, kernel, group.request, item, compiler)
            if found is None:
                tree = modules.module_tree(kernel)
                headers = headers or stack.enter_context(modules.headers_archive(cache, tree))
                recipe = _module_recipe(group.request, item)
                entry = modules.build_module(cache, kernel, recipe, compiler, headers, progress)
                found = (entry, BINDER.file)
            built[item.recipe.name] = found
    return built


def _has_modules(kernel: Kernel, request: KernelRequest) -> bool:
    """Whether the driver is a module; InputError where it is built in and a module is asked for."""
    if kernel.binder == "built-in" and request.scope is not None:
        raise InputError(
            f"{request.base.name} has {BINDER.module} built in: no module of it can be loaded",
            hint="leave out `scope`: patches are then compiled into the kernel",
        )
    return kernel.binder == "module"


def _find_module(
    cache: Cache, kernel: Kernel, request: KernelRequest, item: CheckedVariant, compiler: Compiler
) -> tuple[CacheEntry, str] | None:
    """The kernel's own module, or one built before; None when it must be built."""
    if item.build_scope is None:
        return kernel.image, f"{MODULES}/{BINDER.file}"
    recipe = _module_recipe(request, item)
    entry = cache.find("module", modules.module_key(modules.module_tree(kernel), recipe, compiler))
    return (entry, BINDER.file) if entry else None


def _module_recipe(request: KernelRequest, item: CheckedVariant) -> ModuleRecipe:
    assert item.build_scope is not None
    return ModuleRecipe(item.recipe.name, request.base, request.arch, item.build_scope, item.patches)


def _checksums(built: _Modules) -> dict[str, str]:
    return {name: entry.sha256(file) for name, (entry, file) in built.items()}


def _pinned(group: KernelGroup, pins: Pins, progress: Progress) -> GuestImages:
    """The guests of an earlier run: as they lie in the cache, or made again and found identical."""
    base, arch, name = group.request.base, group.request.arch, group.request.name
    record = pins.of(name, arch.name)
    wanted = [WantedVariant(item.recipe.name, item.recipe.scope, item.patch_files) for item in group.variants]
    require_same_variants(record, wanted)
    require_same_files(record, group.files.records)
    require_test_module(record, group.request.test_module)
    cache = _cache(cache_dir())
    found = find_pinned(cache, record)
    if found is not None:
        pinned_agent = cache.find_file("agent", AGENT_FILE, record.agent_sha256)
        return GuestImages(
            *found, record.release, record.page_size_bytes, record, _patches(group.variants),
            agent_file=pinned_agent.file(AGENT_FILE) if pinned_agent is not None else None,
            files=group.files,
        )  # fmt: skip
    progress(f"{name} {arch.name}: not in the cache as it was; making it again from what the run recorded")
    again = recorded_variants(record, pins, group)
    require(needs_of(arch.name, *_stages(again.request)))
    kernel = source_of(base).obtain_recorded(cache, again.request, record, progress)
    guest = _make(again, kernel, progress)
    require_identical(record, guest.manifest)
    return guest


def _locked(group: KernelGroup, locked: LockedBase, progress: Progress) -> GuestImages:
    base = group.request.base
    kernel = source_of(base).obtain_recorded(_cache(cache_dir()), group.request, locked, progress)
    guest = _make(group, kernel, progress)
    require_locked_files(group.request.name, locked, guest.manifest)
    return guest
