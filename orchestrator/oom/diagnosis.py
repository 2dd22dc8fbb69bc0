# SPDX-License-Identifier: Apache-2.0
"""What was free when a request failed, and why the request could not use it.

Follows `__zone_watermark_ok` (mm/page_alloc.c): a zone serves a request of order n when its free memory,
less what is set aside and less (1 << n) - 1 pages, stays above the *min* watermark and the lowmem
reserve, and, for n > 0, when a block of order n or more lies in a list that the request may use. CMA blocks
serve movable requests only, highatomic blocks only GFP_ATOMIC, which may also go below *min*: half of it
for __GFP_HIGH, and a quarter of the rest for a request that cannot wait. Kernels up to 6.12 set the whole
highatomic reserve aside, later ones what is free in it ("mm/page_alloc: keep track of free highatomic",
6.13), which 6.16 prints. The dump is printed a moment after the failure: it can show more than there was
then.
"""

from __future__ import annotations

import re
from typing import Literal

from orchestrator.oom.gfp import printed_or_decoded, version_of
from orchestrator.oom.records import Buddy, MemoryEvent, Record, Zone

Cause = Literal["fragmentation", "no-block", "shortage", "cgroup-limit", "not-visible", "unknown"]

_ZONES_64 = ("DMA", "DMA32", "Normal", "Movable", "Device")
_ZONES_32 = ("DMA", "Normal", "HighMem", "Movable")

_COUNTS_FREE_HIGHATOMIC = (6, 13)
_MAX_ORDER = 40

_NODE = re.compile(r"Node ([0-9]{1,9}) ")
_NODES = re.compile(r"[0-9]{1,9}(?:-[0-9]{1,9})?(?:,[0-9]{1,9}(?:-[0-9]{1,9})?)*")


class ZoneFinding(Record):
    """One zone as the failed request saw it."""

    name: str
    free_kb: int
    min_kb: int | None
    low_kb: int | None
    high_kb: int | None
    above_min: bool | None
    """Whether the watermark lets it pass: what it may use of the free memory is above `needed_kb`."""
    set_aside_kb: int = 0
    """Free memory that this request may not use: the highatomic reserve, CMA."""
    own_kb: int = 0
    """The pages of the request itself but one, (1 << order) - 1, which the kernel takes off first."""
    needed_kb: int | None = None
    """What must stay free: min, as far as it holds for this request, and the lowmem reserve."""
    blocks: tuple[int, ...] = ()
    usable_blocks: int | None = None
    """Blocks of the order or more in usable lists (an upper bound when lists are mixed); None: not shown."""
    reserved_blocks: int = 0
    """Blocks of the order or more in lists that the request may not use: CMA, highatomic."""


class Diagnosis(Record):
    """The finding for a whole event."""

    cause: Cause
    order: int | None
    zones: tuple[ZoneFinding, ...] = ()


def diagnose(event: MemoryEvent) -> Diagnosis:
    """Explains an event as far as its text allows; `unknown` when no zone line was in it."""
    if event.type == "memcg-oom":
        return Diagnosis(cause="cgroup-limit", order=event.order)
    highest = _highest_zone(event)
    names = _zone_order(event)
    findings = [
        _finding(name, zone, event, highest, names)
        for name, zone in event.zones.items()
        if name.split()[-1] in names[: names.index(highest) + 1] and _on_allowed_node(name, event.nodemask)
    ]
    cause = _cause(event, findings, event.order)
    if cause == "shortage" and any(name not in event.zones for name in event.buddy):
        cause = "unknown"  # the lines of some zones were left out of the text
    return Diagnosis(cause=cause, order=event.order, zones=tuple(findings))


def _on_allowed_node(zone_name: str, nodemask: str | None) -> bool:
    """Whether a zone such as "Node 1 Normal" is in a mask such as "0-2,4"; True where either is not shown."""
    node = _NODE.match(zone_name)
    if node is None or nodemask is None or not _NODES.fullmatch(nodemask):
        return True
    ranges = [part.partition("-") for part in nodemask.split(",")]
    return any(int(first) <= int(node[1]) <= int(last or first) for first, _, last in ranges)


def _zone_order(event: MemoryEvent) -> tuple[str, ...]:
    """The zones of this kernel by number; Normal's lowmem reserve tells where HighMem is not shown."""
    kinds = {name.split()[-1]: zone for name, zone in event.zones.items()}
    normal = kinds.get("Normal")
    is_32 = "HighMem" in kinds or ("DMA32" not in kinds and normal is not None and _own_number(normal) == 1)
    return _ZONES_32 if is_32 else _ZONES_64


def _own_number(zone: Zone) -> int | None:
    """A zone's number by its lowmem reserve, which is 0 up to it; None where nothing is reserved."""
    reserve = zone.lowmem_reserve_pages or ()
    return next((index - 1 for index, pages in enumerate(reserve) if pages), None)


def _is_movable(event: MemoryEvent) -> bool:
    return any("MOVABLE" in flag for flag in _flags(event))


def _flags(event: MemoryEvent) -> list[str]:
    return printed_or_decoded(event.gfp_flags, event.gfp_mask, event.kernel).split("|")


def _highest_zone(event: MemoryEvent) -> str:
    """The highest zone that the request may use (gfp_zone); Normal when the flags are not known."""
    flags = _flags(event)
    names = _zone_order(event)
    if "GFP_DMA" in flags or "__GFP_DMA" in flags:
        return "DMA"
    if "GFP_DMA32" in flags or "__GFP_DMA32" in flags:
        return "DMA32" if "DMA32" in names else "Normal"
    if "HighMem" in names and any("HIGH" in flag and flag != "__GFP_HIGH" for flag in flags):
        return "Movable" if _is_movable(event) else "HighMem"
    return "Movable" if "GFP_HIGHUSER_MOVABLE" in flags else "Normal"


def _finding(name: str, zone: Zone, event: MemoryEvent, highest: str, names: tuple[str, ...]) -> ZoneFinding:
    buddy = event.buddy.get(name)
    usable, reserved = _blocks_at(buddy, max(event.order or 0, 0), _usable_lists(event))
    set_aside_kb = _set_aside_kb(zone, event)
    least_kb = set_aside_kb - _highatomic_doubt_kb(zone, buddy, event)
    own_request = name.split()[-1] == highest  # the reserve holds against requests for higher zones only
    reserve_pages = 0 if own_request else _reserve_pages(zone, highest, names)
    page_kb = buddy.smallest_block_kb if buddy else 4
    own_kb = ((1 << min(max(event.order or 0, 0), _MAX_ORDER)) - 1) * page_kb
    needed_kb = None if zone.min_kb is None else _min_kb(zone.min_kb, event) + reserve_pages * page_kb
    return ZoneFinding(
        name=name,
        free_kb=zone.free_kb,
        min_kb=zone.min_kb,
        low_kb=zone.low_kb,
        high_kb=zone.high_kb,
        above_min=_passes(zone.free_kb - own_kb, set_aside_kb, least_kb, needed_kb),
        set_aside_kb=set_aside_kb,
        own_kb=own_kb,
        needed_kb=needed_kb,
        blocks=buddy.counts if buddy else (),
        usable_blocks=usable,
        reserved_blocks=reserved,
    )


def _is_atomic(event: MemoryEvent) -> bool:
    flags = _flags(event)
    return "GFP_ATOMIC" in flags and "__GFP_NOMEMALLOC" not in flags


def _usable_lists(event: MemoryEvent) -> set[str]:
    """Migrate types, by the letters of the kernel's dump, that may serve the request."""
    return set("UME") | ({"C"} if _is_movable(event) else set()) | ({"H"} if _is_atomic(event) else set())


def _passes(free_kb: int, most_kb: int, least_kb: int, needed_kb: int | None) -> bool | None:
    """Whether free memory suffices, with at most and at least so much of it set aside; None: it depends."""
    if needed_kb is None:
        return None
    passes = free_kb - most_kb > needed_kb
    return passes if passes == (free_kb - least_kb > needed_kb) else None


def _set_aside_kb(zone: Zone, event: MemoryEvent) -> int:
    return _highatomic_kb(zone, event) + (0 if _is_movable(event) else zone.free_cma_kb or 0)


def _highatomic_kb(zone: Zone, event: MemoryEvent) -> int:
    """What is set aside for atomic requests, at most."""
    if _is_atomic(event):
        return 0
    if zone.free_highatomic_kb is not None:
        return zone.free_highatomic_kb
    return zone.reserved_highatomic_kb or 0


def _highatomic_doubt_kb(zone: Zone, buddy: Buddy | None, event: MemoryEvent) -> int:
    """How much less it may be: 6.13 and later count what is free, which some of them do not print."""
    version = version_of(event.kernel or "")
    if zone.free_highatomic_kb is not None or version is None or version < _COUNTS_FREE_HIGHATOMIC:
        return 0
    rows = zip(buddy.counts, buddy.migratetypes, strict=True) if buddy else ()
    sizes = (count << order for order, (count, types) in enumerate(rows) if types == "H")
    surely_free_kb = sum(sizes) * (buddy.smallest_block_kb if buddy else 0)
    return max(_highatomic_kb(zone, event) - surely_free_kb, 0)


def _min_kb(min_kb: int, event: MemoryEvent) -> int:
    """The part of *min* that holds for this request."""
    flags = _flags(event)
    if "GFP_ATOMIC" in flags or "__GFP_HIGH" in flags:
        min_kb -= min_kb // 2
    if _is_atomic(event):
        min_kb -= min_kb // 4
    return min_kb


def _reserve_pages(zone: Zone, highest: str, names: tuple[str, ...]) -> int:
    """The lowmem reserve that holds against a request for `highest`, in pages.

    The list is indexed by zone number and is 0 up to the zone's own number, which gives the number away.
    """
    reserve = zone.lowmem_reserve_pages or ()
    own = _own_number(zone)
    if own is None or own < 0:
        return 0
    index = max(own + 1, names.index(highest))
    return reserve[min(index, len(reserve) - 1)]


def _blocks_at(buddy: Buddy | None, order: int, lists: set[str]) -> tuple[int | None, int]:
    """(usable, only in other lists) blocks of at least `order`; usable is None without a free list."""
    if buddy is None:
        return None, 0
    usable = reserved = 0
    for count, types in list(zip(buddy.counts, buddy.migratetypes, strict=True))[order:]:
        if types and not lists.intersection(types):
            reserved += count
        else:
            usable += count
    return usable, reserved


def _no_block(event: MemoryEvent, order: int) -> bool:
    """Whether the free lists alone, without a zone's line, show that no block was large enough."""
    lists = [buddy for name, buddy in event.buddy.items() if _on_allowed_node(name, event.nodemask)]
    return bool(lists) and not any(_blocks_at(buddy, order, _usable_lists(event))[0] for buddy in lists)


def _cause(event: MemoryEvent, findings: list[ZoneFinding], order: int | None) -> Cause:
    if order is not None and order > 0 and not findings and _no_block(event, order):
        return "no-block"
    if order is None or not findings or all(zone.above_min is None for zone in findings):
        return "unknown"
    open_zones = [zone for zone in findings if zone.above_min]
    if not open_zones:
        return "shortage"
    if order <= 0 or any(zone.usable_blocks for zone in open_zones):
        return "not-visible"
    if any(zone.usable_blocks is None for zone in open_zones):
        return "unknown"
    return "fragmentation"
