# SPDX-License-Identifier: Apache-2.0
"""The kernels under test as recipes: read, checked, and told in the words of records and locks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from orchestrator.arch import ARCHS
from orchestrator.bases import Base, DebianPackages, SourceBuild, bases_for, require_arch
from orchestrator.errors import InputError
from orchestrator.guest_files.archive import GuestFiles
from orchestrator.kernels.base import KernelRequest
from orchestrator.kernels.build.patch import OutsideScope, check_headers, read_patch, touches
from orchestrator.kernels.lock import LockedVariant
from orchestrator.kernels.manifest import ArtefactManifest, PatchFile
from orchestrator.kernels.modules import BINDER, TestModule, find_driver
from orchestrator.kernels.patch_file import Patch
from orchestrator.kernels.pins import Pins, recorded_patches
from orchestrator.text.plain import named
from orchestrator.units import USUAL_PAGE_BYTES, format_size

_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*$")


@dataclass(frozen=True)
class VariantRecipe:
    """A kernel under test: a base, and patches to one directory of it, or to all of what is built whole.

    `test_module` is what the trigger makes its requests by, if it needs one.
    """

    name: str
    base: Base
    scope: str | None = None
    patches: tuple[Path, ...] = ()
    settings: str = ""
    """What its guests are told besides, in words: not made here, and yet it tells variants apart."""
    test_module: TestModule | None = None


@dataclass(frozen=True)
class CheckedVariant:
    """A recipe with its patches read. `build_scope`: its module is built here; else they are the kernel's."""

    recipe: VariantRecipe
    patches: tuple[Patch, ...]
    build_scope: str | None

    @property
    def patch_files(self) -> tuple[PatchFile, ...]:
        """The patches as the manifest records them."""
        return tuple(PatchFile(name=named(patch.name), sha256=patch.sha256) for patch in self.patches)

    def touches(self, file_name: str) -> bool:
        """Whether its patches name a file that is called so."""
        return touches(self.patches, file_name)


def check_variants(arch: str, variants: Sequence[VariantRecipe]) -> list[CheckedVariant]:
    """The recipes of one base with their patches read and their headers checked; touches no cache.

    When any variant's module is built from source, those of all variants of that kernel are, with the same
    compiler: otherwise an unpatched variant would differ from a patched one by more than the patch. Raises
    InputError.
    """
    scopes = {variant.scope for variant in variants if variant.scope is not None}
    if len(scopes) > 1:
        raise InputError(f"variants of one base have different scopes: {', '.join(sorted(scopes))}")
    shared_scope = next(iter(scopes), None)
    checked: list[CheckedVariant] = []
    for variant in variants:
        _check_variant(arch, variant, [item.recipe.name for item in checked])
        patches = tuple(read_patch(path) for path in variant.patches)
        build_scope = None if _is_compiled_in(variant, patches) else shared_scope
        for patch in patches:
            _check_headers(patch, build_scope, variant.base)
        checked.append(CheckedVariant(variant, patches, build_scope))
    return checked


def _check_headers(patch: Patch, scope: str | None, base: Base) -> None:
    try:
        check_headers(patch, scope or "")
    except OutsideScope as error:
        hint = error.hint if scope is None else f"{error.hint}. {_whole_kernel(base)}"
        raise InputError(error.message, hint=hint) from None


def _whole_kernel(base: Base) -> str:
    """What to write so that a patch may touch anything."""
    made = base.made_from
    if isinstance(made, SourceBuild):
        return "Without `scope` patches are compiled into the kernel, and may touch anything"
    if not isinstance(made, DebianPackages):
        return ""
    tree = f"source: {made.source_name}" + ("" if made.series else f", suite: {made.origins[0].suite}")
    if base.page_size_bytes != USUAL_PAGE_BYTES:
        tree += f", page_size: {format_size(base.page_size_bytes)}"
    instead = f"`base: {{{tree}, config: small}}`"
    option = f"add `--base-tree {made.source_name}`, or " if made.series else ""
    return f"To build the whole kernel with it, {option}write {instead} and no scope for every variant"


def _check_variant(arch: str, variant: VariantRecipe, taken: Sequence[str]) -> None:
    require_arch(variant.base, arch)
    if variant.scope is not None:
        find_driver(variant.scope)
    if variant.test_module is not None and not isinstance(variant.base.made_from, DebianPackages):
        raise InputError(
            f"variant {variant.name}: {variant.test_module.module}, by which the trigger makes its requests,"
            f" is built against packaged headers, and {variant.base.name} comes without",
            hint=f"take a distribution's kernel: {', '.join(bases_for(arch))}",
        )
    if variant.patches and variant.scope is None and not isinstance(variant.base.made_from, SourceBuild):
        raise InputError(
            f"variant {variant.name} has patches but no scope", hint=f"add `scope: {BINDER.scope}`"
        )
    if not _NAME.match(variant.name) or variant.name in ("common", *taken):
        raise InputError(f"'{variant.name}' cannot be used as the name of a variant")


def _is_compiled_in(variant: VariantRecipe, patches: Sequence[Patch]) -> bool:
    return bool(patches) and variant.scope is None


@dataclass(frozen=True)
class KernelGroup:
    """Variants that run one and the same kernel, each with a driver of its own.

    `files` of the user's are in the guests of all.
    """

    request: KernelRequest
    variants: tuple[CheckedVariant, ...] = ()
    files: GuestFiles = field(default_factory=GuestFiles)


def by_kernel(
    arch: str, variants: Sequence[VariantRecipe], files: GuestFiles | None = None
) -> list[KernelGroup]:
    """As `check_variants`, for recipes of any bases: a group runs one kernel, byte for byte."""
    by_base: dict[str, list[VariantRecipe]] = {}
    for variant in variants:
        by_base.setdefault(variant.base.name, []).append(variant)
    groups: dict[KernelRequest, list[CheckedVariant]] = {}
    for recipes in by_base.values():
        for item in check_variants(arch, recipes):
            groups.setdefault(_request(arch, item), []).append(item)
    return [KernelGroup(request, tuple(items), files or GuestFiles()) for request, items in groups.items()]


def _request(arch: str, item: CheckedVariant) -> KernelRequest:
    base = item.recipe.base
    patches = item.patches if _is_compiled_in(item.recipe, item.patches) else ()
    return KernelRequest(base, ARCHS[arch], item.build_scope, patches, item.recipe.test_module)


def recorded_variants(record: ArtefactManifest, pins: Pins, group: KernelGroup) -> KernelGroup:
    """The group with all variants that a record has: the modules of all of them are in the guest's root.

    Their patches are those that the run kept, or that the group has now. Raises HostError when one is
    nowhere, and InputError for a record that no run made.
    """
    base, arch = group.request.base, group.request.arch.name
    patches_now = [patch for item in group.variants for patch in item.patches]
    scopes = {variant.scope for variant in record.variants if variant.scope is not None}
    build_scope = next(iter(scopes), None)
    checked: list[CheckedVariant] = []
    for variant in record.variants:
        patches = recorded_patches(variant, pins.patches, patches_now)
        recipe = VariantRecipe(variant.name, base, variant.scope, test_module=group.request.test_module)
        _check_variant(arch, recipe, [item.recipe.name for item in checked])
        for patch in patches:
            check_headers(patch, variant.scope or "")
        checked.append(CheckedVariant(recipe, patches, build_scope))
    return KernelGroup(replace(group.request, scope=build_scope), tuple(checked), group.files)


def settings_by_name(variants: Sequence[VariantRecipe]) -> dict[str, str]:
    """What tells variants apart that run the same binary."""
    return {variant.name: variant.settings for variant in variants}


def locked_variants(arch: str, variants: Sequence[VariantRecipe]) -> dict[str, LockedVariant]:
    """What a lock says of these variants. Raises InputError as `prepare_images` does for patches."""
    return {
        item.recipe.name: LockedVariant(
            base=group.request.name, scope=item.recipe.scope, patches=item.patch_files
        )
        for group in by_kernel(arch, variants)
        for item in group.variants
    }
