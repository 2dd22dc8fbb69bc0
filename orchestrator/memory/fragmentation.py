# SPDX-License-Identifier: Apache-2.0
"""How much contiguous memory a kernel request can still get.

The primary measure is `usable_units`: what an unmovable GFP_KERNEL request could be given at an order
without compaction. The two indexes repeat the kernel's own integer arithmetic (mm/vmstat.c:
unusable_show_print, __fragmentation_index, the same in 6.1 and 6.12; the idea is Mel Gorman's, "Supporting
superpage allocation without additional hardware support", ISMM 2008). The kernel's indexes ignore migrate
types and so count blocks that the request may not use; the ones here can be fed either way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from orchestrator.memory.pagetypeinfo import FreeList, PageTypeInfo
from orchestrator.memory.tables import zone_counts
from orchestrator.units import USUAL_PAGE_BYTES

# CMA pages serve movable requests only, HighAtomic ones only atomic or OOM-victim requests.
USABLE_TYPES = ("Unmovable", "Reclaimable", "Movable")


def order_of(size_bytes: int, page_size_bytes: int = USUAL_PAGE_BYTES) -> int:
    """The order of the smallest block that holds `size_bytes` (get_order); ValueError below 1."""
    if size_bytes < 1 or page_size_bytes < 1:
        raise ValueError("sizes must be positive")
    return ((size_bytes - 1) // page_size_bytes).bit_length()


def units(counts: Sequence[int], order: int) -> int:
    """Blocks of `order` that a free list contains, larger blocks split; a capped count is a lower bound."""
    return sum(count << (index - order) for index, count in enumerate(counts) if index >= order)


def free_pages(counts: Sequence[int]) -> int:
    """Pages in a free list."""
    return units(counts, 0)


def counts_of(
    info: PageTypeInfo, migrate_types: Iterable[str] = USABLE_TYPES, node: int | None = None
) -> tuple[int, ...]:
    """Free blocks per order, summed over the zones a kernel request may use and the given types.

    Of one NUMA node, or of all together.
    """
    wanted = set(migrate_types)
    lists = [
        entry.counts
        for entry in info.free
        if entry.migrate_type in wanted and zone_counts(entry.zone) and node in (None, entry.node)
    ]
    length = max((len(entry.counts) for entry in info.free), default=0)
    return tuple(sum(counts[order] for counts in lists if order < len(counts)) for order in range(length))


def usable_units(info: PageTypeInfo, order: int) -> int:
    """Blocks of `order` that an unmovable kernel request could be given now."""
    return units(counts_of(info), order)


def usable_units_per_order(info: PageTypeInfo, node: int | None = None) -> tuple[int, ...]:
    """`usable_units` for every order the kernel prints, index = order; of one node, or of all together."""
    counts = counts_of(info, node=node)
    return tuple(units(counts, order) for order in range(len(counts)))


def cma_units(info: PageTypeInfo, order: int) -> int:
    """Blocks of `order` in CMA lists: free, but for movable requests only."""
    return units(counts_of(info, ("CMA",)), order)


def highatomic_units(info: PageTypeInfo, order: int) -> int:
    """Blocks of `order` in the reserve for high-order atomic requests."""
    return units(counts_of(info, ("HighAtomic",)), order)


def unusable_free_index(counts: Sequence[int], order: int) -> int:
    """Thousandths of the free memory that a request of `order` cannot use: 0 all usable, 1000 none."""
    pages = free_pages(counts)
    if pages == 0:
        return 1000
    return (pages - (units(counts, order) << order)) * 1000 // pages


def fragmentation_index(counts: Sequence[int], order: int) -> int:
    """Why a request of `order` fails: near 0 for want of memory, near 1000 for fragmentation.

    -1000 when it would succeed, 0 when nothing is free.
    """
    blocks = sum(counts)
    if blocks == 0:
        return 0
    if units(counts, order):
        return -1000
    return 1000 - (1000 + free_pages(counts) * 1000 // (1 << order)) // blocks


def indexes(counts: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """(unusable_free_index, fragmentation_index) for every order."""
    return tuple(
        (unusable_free_index(counts, order), fragmentation_index(counts, order))
        for order in range(len(counts))
    )


def free_list_of(info: PageTypeInfo, node: int, zone: str, migrate_type: str) -> FreeList | None:
    """One list of the file, None when it has no such line."""
    for entry in info.free:
        if (entry.node, entry.zone, entry.migrate_type) == (node, zone, migrate_type):
            return entry
    return None
