# SPDX-License-Identifier: Apache-2.0
"""The driver of a variant as the manifest records it."""

from __future__ import annotations

from orchestrator.kernels.cache import CacheEntry
from orchestrator.kernels.initramfs import ModuleEntry
from orchestrator.kernels.manifest import VariantArtefacts
from orchestrator.kernels.traits.page_array import HEADER_FILE, Element, element_of_facts, unknown
from orchestrator.kernels.variants import CheckedVariant


def describe_variant(item: CheckedVariant, module: ModuleEntry | None) -> VariantArtefacts:
    """`module`: what holds it; None where the kernel has the driver built in."""
    name, scope, patches = item.recipe.name, item.recipe.scope, item.patch_files
    if module is None:
        return VariantArtefacts(name=name, scope=scope, patches=patches, module_origin="built-in")
    entry, file = module
    return VariantArtefacts(
        name=name,
        scope=scope,
        patches=patches,
        module_sha256=entry.sha256(file),
        module_origin="distribution" if item.build_scope is None else "built",
        compiler=entry.meta.facts.get("compiler"),
        element=_own_element(item, entry),
    )


def _own_element(item: CheckedVariant, entry: CacheEntry) -> Element | None:
    """The page array's element where patches may have changed it; None: they did not."""
    if not item.touches(HEADER_FILE):
        return None
    told = element_of_facts(entry.meta.facts)
    return told or unknown(f"the variant's patches touch {HEADER_FILE}")
