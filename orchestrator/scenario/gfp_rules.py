# SPDX-License-Identifier: Apache-2.0
"""Which requests for memory a kernel takes: gfp flags by name, and what no caller may combine. Pure.

What a kernel answers with a warning or a BUG, or drops without a word, is no test of it. The rules are from
gfp_zone() and gfp_migratetype() of include/linux/gfp.h; __alloc_pages_slowpath() and rmqueue() of
mm/page_alloc.c; kmalloc_fix_flags() of mm/slab_common.c; kvmalloc_node() of mm/util.c; dma_alloc_attrs() of
kernel/dma/mapping.c (6.1 and 6.12).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from orchestrator.oom.gfp import KernelSeries, former_names, mask_of, names_of
from orchestrator.text.nearest import nearest

Api = Literal["alloc_pages", "kmalloc", "kvmalloc", "dma_alloc_coherent"]

_SERIES: KernelSeries = "6.12"
"""Names that the kernels of today have."""


@dataclass(frozen=True)
class Request:
    """A request as a scenario has it. `gfp`: names that are known, with | between them."""

    api: Api
    order: int
    gfp: str
    in_reclaim: bool = False

    def has(self, *names: str) -> bool:
        """Whether any of these bits is in the mask."""
        return bool(mask_of(self.gfp, _SERIES) & mask_of("|".join(names), _SERIES))

    def has_all(self, *names: str) -> bool:
        """Whether all of these bits are."""
        wanted = mask_of("|".join(names), _SERIES)
        return mask_of(self.gfp, _SERIES) & wanted == wanted

    def without(self, *names: str) -> str:
        """The mask as it is written, without these flags."""
        return "|".join(name for name in self.gfp.split("|") if name not in names) or "GFP_KERNEL"


@dataclass(frozen=True)
class Objection:
    """What stands against a request: the key to blame, why, and the nearest value that would do."""

    key: str
    why: str
    instead: str


def unknown_flag(gfp: str) -> Objection | None:
    """What of a mask is no name of a flag; None: all of it is."""
    known = names_of(_SERIES)
    for name in gfp.split("|"):
        if name in known:
            continue
        if name in former_names(_SERIES):
            now = former_names(_SERIES)[name]
            instead = "|".join(filter(None, (now if each == name else each for each in gfp.split("|"))))
            return Objection("gfp", f"{name} is not in the kernels of today", instead or "GFP_KERNEL")
        near = nearest(name, known) or "GFP_KERNEL"
        instead = "|".join(near if each == name else each for each in gfp.split("|"))
        return Objection("gfp", f"'{name}' is no gfp flag", instead)
    return None


def objections(request: Request) -> Iterator[Objection]:
    """What a kernel would warn of, refuse or drop; nothing for a request that it takes as it is."""
    for rule in _RULES:
        found = rule(request)
        if found is not None and found.key == "gfp" and rule(replace(request, gfp=found.instead)):
            yield replace(found, instead="GFP_KERNEL")  # what is in the way is part of another name
        elif found is not None:
            yield found


def _zones(request: Request) -> Objection | None:
    zones = [name for name in ("__GFP_DMA", "__GFP_DMA32", "__GFP_HIGHMEM") if request.has(name)]
    if len(zones) < 2:
        return None
    others = {zone.removeprefix("__") for zone in zones[1:]} | set(zones[1:])
    why = f"{' and '.join(zones)} together name no zone (gfp_zone(): GFP_ZONE_BAD)"
    return Objection("gfp", why, request.without(*others))


def _mobility(request: Request) -> Objection | None:
    if not request.has_all("__GFP_MOVABLE", "__GFP_RECLAIMABLE"):
        return None
    why = "a page is movable or reclaimable, not both (gfp_migratetype() warns)"
    return Objection("gfp", why, request.without("__GFP_RECLAIMABLE"))


def _atomic_that_waits(request: Request) -> Objection | None:
    names = request.gfp.split("|")
    if "GFP_ATOMIC" not in names or not request.has("__GFP_DIRECT_RECLAIM"):
        return None
    why = "GFP_ATOMIC cannot wait, and other flags of the mask do (6.1 warns, and takes GFP_ATOMIC off)"
    return Objection("gfp", why, request.without("GFP_ATOMIC") + "|__GFP_HIGH")


def _nofail_large(request: Request) -> Objection | None:
    if not request.has("__GFP_NOFAIL") or request.order <= 1 or request.api == "kvmalloc":
        return None
    return Objection("order", "__GFP_NOFAIL above order 1: the kernel warns, and may never return", "1")


def _nofail_that_cannot_wait(request: Request) -> Objection | None:
    if not request.has("__GFP_NOFAIL") or request.has("__GFP_DIRECT_RECLAIM"):
        return None
    why = "__GFP_NOFAIL tries for ever, and this mask may not wait: the kernel warns"
    return Objection("gfp", why, "GFP_KERNEL|__GFP_NOFAIL")


def _nofail_in_reclaim(request: Request) -> Objection | None:
    if not (request.in_reclaim and request.has("__GFP_NOFAIL")):
        return None
    return Objection("in_reclaim", "reclaim itself may not ask with __GFP_NOFAIL: the kernel warns", "false")


def _kvmalloc_that_cannot_wait(request: Request) -> Objection | None:
    if request.api != "kvmalloc" or request.has("__GFP_DIRECT_RECLAIM"):
        return None
    why = "kvmalloc falls back to vmalloc, which waits: a mask that may not is not supported"
    return Objection("api", why, "kmalloc")


def _slab_zones(request: Request) -> Objection | None:
    if request.api not in ("kmalloc", "kvmalloc") or not request.has("__GFP_DMA32", "__GFP_HIGHMEM"):
        return None
    why = f"{request.api} takes no __GFP_HIGHMEM and no __GFP_DMA32 (kmalloc_fix_flags() warns)"
    return Objection("api", why, "alloc_pages")


def _coherent_zones(request: Request) -> Objection | None:
    zones = ("__GFP_DMA", "__GFP_DMA32", "__GFP_HIGHMEM", "__GFP_COMP")
    if request.api != "dma_alloc_coherent" or not request.has(*zones):
        return None
    why = "dma_alloc_coherent() drops the flags of zones (the device decides), and warns of __GFP_COMP"
    return Objection("gfp", why, request.without(*zones, "GFP_DMA", "GFP_DMA32"))


_RULES: tuple[Callable[[Request], Objection | None], ...] = (
    _zones,
    _mobility,
    _atomic_that_waits,
    _nofail_large,
    _nofail_that_cannot_wait,
    _nofail_in_reclaim,
    _kvmalloc_that_cannot_wait,
    _slab_zones,
    _coherent_zones,
)
