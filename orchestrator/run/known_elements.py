# SPDX-License-Identifier: Apache-2.0
"""How much a scenario's kernels ask of the allocator, as far as that is known before they are there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from orchestrator.bases import SourceBuild
from orchestrator.binder import KernelFigures
from orchestrator.errors import OomlabError
from orchestrator.kernels.cache import Cache
from orchestrator.kernels.kept_traits import known_element
from orchestrator.kernels.modules import BINDER
from orchestrator.kernels.traits.page_array import HEADER_FILE, Element, element_in_source
from orchestrator.kernels.variants import KernelGroup, by_kernel
from orchestrator.paths import cache_dir
from orchestrator.run.environment import variant_recipes
from orchestrator.scenario.models import Scenario
from orchestrator.units import USUAL_PAGE_BYTES

_MOST_BYTES = 1 << 20


def known_elements(scenario: Scenario) -> dict[str, int]:
    """By variant the size of an element of binder's page array, in bytes.

    Of kernels that were fetched or built before, and of directories that one is to be built from. Starts
    nothing; what cannot be read is left for the run to say.
    """
    if not scenario.trigger.array_bytes(KernelFigures(USUAL_PAGE_BYTES)):
        return {}  # it does not matter
    found: dict[str, int] = {}
    with suppress(OomlabError):
        for group in by_kernel(scenario.device.arch, variant_recipes(scenario)):
            found |= dict(_of_group(group))
    twins = {name: variant.twin_of for name, variant in scenario.variants.items() if variant.twin_of}
    return found | {name: found[twin] for name, twin in twins.items() if twin in found}


def _of_group(group: KernelGroup) -> Iterator[tuple[str, int]]:
    element = _in_directory(group) or known_element(Cache(cache_dir()), group.request)
    if element is None or element.size_bytes is None:
        return
    for item in group.variants:
        if not item.touches(HEADER_FILE):
            yield item.recipe.name, element.size_bytes


def _in_directory(group: KernelGroup) -> Element | None:
    """Of a tree that is taken as it lies there."""
    made_from = group.request.base.made_from
    if not isinstance(made_from, SourceBuild) or made_from.tree.revision is not None:
        return None
    header = Path(made_from.tree.source) / BINDER.scope / HEADER_FILE
    try:
        with header.open("rb") as file:
            return element_in_source(
                file.read(_MOST_BYTES).decode(errors="replace"), str(made_from.tree.source)
            )
    except OSError:
        return None
