# SPDX-License-Identifier: Apache-2.0
"""How much a scenario's kernels ask of the allocator, as far as that is known before they are there."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from orchestrator.arch import ARCHS
from orchestrator.bases import Base, DebianPackages, SourceBuild
from orchestrator.binder import KernelFigures
from orchestrator.errors import OomlabError
from orchestrator.files.reading import read_bounded
from orchestrator.kernels.modules import BINDER
from orchestrator.kernels.traits.page_array import HEADER_FILE, Element, element_in_source
from orchestrator.scenario.models import Scenario, Variant
from orchestrator.units import MIB, USUAL_PAGE_BYTES

_MOST_BYTES = 16 * MIB


def known_elements(scenario: Scenario) -> dict[str, int]:
    """By variant the size of an element of binder's page array, in bytes.

    Of directories that a kernel is to be built from, and of kernels that were fetched from a suite which
    moves on. Starts nothing; of all others the run tells, which has them at hand.
    """
    if not scenario.trigger.array_bytes(KernelFigures(USUAL_PAGE_BYTES)):
        return {}  # it does not matter
    found: dict[str, int] = {}
    for name, variant in scenario.variants.items():
        original = scenario.variants[variant.twin_of] if variant.twin_of else variant
        element = _element(scenario.bases[name], scenario.device.arch)
        if element is not None and element.size_bytes is not None and not _may_change_it(original):
            found[name] = element.size_bytes
    return found


def _element(base: Base, arch: str) -> Element | None:
    made_from = base.made_from
    if isinstance(made_from, SourceBuild) and made_from.tree.revision is None:
        return _in_directory(Path(made_from.tree.source))
    if isinstance(made_from, DebianPackages) and not made_from.series:
        return _in_cache(base, arch)
    return None


def _in_directory(tree: Path) -> Element | None:
    """Of a tree that is taken as it lies there."""
    with suppress(OomlabError, OSError):
        header = read_bounded(tree / BINDER.scope / HEADER_FILE, _MOST_BYTES)
        return element_in_source(header.decode(errors="replace"), str(tree))
    return None


def _in_cache(base: Base, arch: str) -> Element | None:
    from orchestrator.kernels.base import KernelRequest  # all of this is slow to load, and rarely asked for
    from orchestrator.kernels.cache import Cache
    from orchestrator.kernels.kept_traits import known_element
    from orchestrator.paths import cache_dir

    with suppress(OomlabError):
        return known_element(Cache(cache_dir()), KernelRequest(base, ARCHS[arch]))
    return None


def _may_change_it(variant: Variant) -> bool:
    """Whether its patches speak of the header that says how large an element is."""
    with suppress(OomlabError, OSError):
        return any(HEADER_FILE.encode() in read_bounded(patch, _MOST_BYTES) for patch in variant.patches)
    return True
