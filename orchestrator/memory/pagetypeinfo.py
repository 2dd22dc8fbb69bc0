# SPDX-License-Identifier: Apache-2.0
"""/proc/pagetypeinfo: free blocks per migrate type, and pageblocks per type (mm/vmstat.c).

Each NUMA node has both by itself, one node after the other, under headers of its own. The kernel stops
counting a list at 100000 and prints ">100000": the true number is unknown then.
"""

from __future__ import annotations

import re

from orchestrator.memory.tables import Table, damaged, whole_number

_FREE_ROW = re.compile(r"^Node\s+(\d{1,9}), zone\s+(\S+), type\s+(\S+)\s+(\S.*?)\s*$")
_BLOCK_ROW = re.compile(r"^Node\s+(\d{1,9}), zone\s+(\S+)\s+(\d.*?)\s*$")
_FREE_HEADER = "Free pages count"
_BLOCK_HEADER = "Number of blocks type"


class FreeList(Table):
    """Free blocks of one migrate type in one zone, index = order."""

    node: int
    zone: str
    migrate_type: str
    counts: tuple[int, ...]
    capped_orders: tuple[int, ...] = ()
    """Orders where the kernel gave up counting: the number is a lower bound."""


class PageBlocks(Table):
    """Pageblocks of one zone by their migrate type."""

    node: int
    zone: str
    blocks: dict[str, int]


class PageTypeInfo(Table):
    """The whole file."""

    pageblock_order: int
    free: tuple[FreeList, ...]
    pageblocks: tuple[PageBlocks, ...] = ()

    @property
    def capped(self) -> bool:
        """Whether any count is only a lower bound."""
        return any(entry.capped_orders for entry in self.free)


def parse_pagetypeinfo(text: str) -> PageTypeInfo:
    """The file as a model; InputError when a line is damaged or no free list is in it."""
    order = 0
    free: list[FreeList] = []
    blocks: list[PageBlocks] = []
    types: list[str] | None = None
    for line in text.splitlines():
        if line.startswith("Page block order:"):
            order = whole_number(line.partition(":")[2].strip(), "pagetypeinfo", line)
        elif line.startswith(_FREE_HEADER):
            types = None
        elif line.startswith(_BLOCK_HEADER):
            types = line.removeprefix(_BLOCK_HEADER).split()
        elif line.startswith("Node"):
            if types is None:
                free.append(_free_row(line))
            else:
                blocks.append(_block_row(line, types))
    if not free:
        raise damaged("pagetypeinfo", text)
    return PageTypeInfo(pageblock_order=order, free=tuple(free), pageblocks=tuple(blocks))


def _free_row(line: str) -> FreeList:
    match = _FREE_ROW.match(line)
    if match is None:
        raise damaged("pagetypeinfo", line)
    words = match[4].split()
    counts = tuple(whole_number(word.removeprefix(">"), "pagetypeinfo", line) for word in words)
    capped = tuple(order for order, word in enumerate(words) if word.startswith(">"))
    return FreeList(
        node=int(match[1]), zone=match[2], migrate_type=match[3], counts=counts, capped_orders=capped
    )


def _block_row(line: str, types: list[str]) -> PageBlocks:
    match = _BLOCK_ROW.match(line)
    words = match[3].split() if match else []
    if match is None or len(words) != len(types):
        raise damaged("pagetypeinfo", line)
    numbers = [whole_number(word, "pagetypeinfo", line) for word in words]
    return PageBlocks(node=int(match[1]), zone=match[2], blocks=dict(zip(types, numbers, strict=True)))
