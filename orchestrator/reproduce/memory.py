# SPDX-License-Identifier: Apache-2.0
"""From the memory that a report shows to a guest's: its size, watermarks and free list. Pure.

Composition and size of the device are divided by a scale; what is left for a request (the free list)
and the watermarks stay as they are, because the request does not see how much is in use elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from orchestrator.oom.records import MemoryEvent, Zone
from orchestrator.reproduce.fact import Fact, inferred, read, unknown
from orchestrator.scenario.picture_demand import units_of
from orchestrator.text.amounts import count_of
from orchestrator.units import KIB

DEFAULT_MEMORY_KB = 512 * KIB
"""A guest of this size is fragmented in seconds; the default scale makes no larger one."""
_LEAST_MEMORY_KB = 160 * KIB
_UNKNOWN_MEMORY_KB = 256 * KIB
_MOST_FREE_KB = 128 * KIB
_OWN_KB = 26 * KIB
_OWN_PER_MILLE = 25
"""What the guest's kernel keeps for itself, measured on 6.1 arm64: 32.6 MB of 256 MiB, 37.5 of 452."""
_LEAST_FREE_KB = 6 * KIB
_ROOM_KB = 3 * KIB
"""Free memory must stay so far above *low* that the state can be built and holds still."""
_MOST_SCALE_FACTOR = 3000
"""vm.watermark_scale_factor's upper limit: SYSCTL_THREE_THOUSAND (kernel/sysctl.c)."""
_USUAL_ORDERS = 11
_COUNTED_ELSEWHERE = ("mapped", "shmem", "free_cma")


@dataclass(frozen=True)
class ReportedFreeList:
    """Blocks per order that an ordinary kernel request could have; `kb` is their sum."""

    blocks: tuple[int, ...]
    kb: int

    def units(self, order: int) -> int:
        """Requests of an order that these blocks could serve."""
        found = units_of(self.blocks)
        return found[order] if order < len(found) else 0


@dataclass(frozen=True)
class Plan:
    """The guest's memory. Sizes in kB; `free` is None where the text shows no zones."""

    scale: int
    memory_mib: int
    cma_mib: int
    sysctls: dict[str, int]
    free: ReportedFreeList | None
    watermarks_kb: tuple[int | None, int | None, int | None]
    usage_kb: dict[str, int]
    """The composition that a picture rebuilds, divided by the scale; empty without one."""
    facts: tuple[Fact, ...] = field(default=())


def plan_memory(event: MemoryEvent, scale: int | None, *, picture: bool = False) -> Plan:
    """The memory of a guest that is to show what `event` shows, at `scale` (None: chosen here).

    A picture sets the watermarks itself, when the trigger starts.
    """
    facts: list[Fact] = []
    managed_kb = _managed_kb(event, facts)
    free = _free_list(event, facts)
    marks = _watermarks(event, facts)
    cma_mib = _cma_mib(event, facts)
    tightest_kb = max([free.kb if free else 0, *(mark or 0 for mark in marks)])
    divisor = _power_of_two(tightest_kb, _MOST_FREE_KB)
    if divisor > 1:
        free, marks = _divided(free, marks, divisor, facts)
        tightest_kb //= divisor
    chosen = scale or _default_scale(managed_kb, tightest_kb + cma_mib * KIB)
    usage_kb = {name: kb // chosen for name, kb in event.usage_kb.items()} if picture else {}
    lines_kb = sum(kb for name, kb in usage_kb.items() if name not in _COUNTED_ELSEWHERE)
    guest_kb = max(
        managed_kb // chosen,
        _LEAST_MEMORY_KB,
        tightest_kb * 2 + cma_mib * KIB,
        (lines_kb + tightest_kb) * 21 // 20 + cma_mib * KIB if lines_kb else 0,
    )
    facts.append(_scale_fact(chosen, scale, managed_kb, guest_kb, divisor))
    memory_mib = -(-(guest_kb + _OWN_KB) * 1000 // ((1000 - _OWN_PER_MILLE) * KIB))
    sysctls = {"vm.watermark_boost_factor": 0, "vm.compaction_proactiveness": 0}
    sysctls |= {} if picture else _watermark_sysctls(marks, free, guest_kb, facts)
    facts.append(
        inferred(
            "defences",
            "watermark boost and proactive compaction off",
            "they would undo the fragmentation while it is being made",
        )
    )
    return Plan(chosen, memory_mib, cma_mib, sysctls, free, marks, usage_kb, tuple(facts))


def _managed_kb(event: MemoryEvent, facts: list[Fact]) -> int:
    zones = event.zones.values()
    names = ", ".join(event.zones)
    for name, sizes in (
        ("managed", [zone.managed_kb for zone in zones]),
        ("present", [zone.present_kb for zone in zones]),
    ):
        total_kb = sum(size for size in sizes if size)
        if total_kb:
            facts.append(read("memory", f"{total_kb} kB {name}", f"zones {names}"))
            return total_kb
    facts.append(unknown("memory", f"{_UNKNOWN_MEMORY_KB // KIB} MiB", "the text shows no size of a zone"))
    return _UNKNOWN_MEMORY_KB


def _free_list(event: MemoryEvent, facts: list[Fact]) -> ReportedFreeList | None:
    """Blocks of the zones in reach, without those that only atomic or movable requests may have."""
    blocks = [0] * _USUAL_ORDERS
    set_aside: list[str] = []
    for name, buddy in event.buddy.items():
        if not _in_reach(name, event):
            facts.append(_reach_fact(name, event))
            continue
        shift = (buddy.smallest_block_kb // 4).bit_length() - 1
        for order, (count, types) in enumerate(zip(buddy.counts, buddy.migratetypes, strict=True)):
            if types and set(types) <= set("HCI"):
                set_aside += [f"{count} of order {order} ({types})"] if count else []
            else:
                # In pages of 4 KiB; what is larger than a guest has comes in several blocks.
                own = min(order + shift, _USUAL_ORDERS - 1)
                blocks[own] += count << (order + shift - own)
        facts.append(read("free list", " ".join(map(str, buddy.counts)), f"{name}, blocks per order"))
    kb = sum(4 * count << order for order, count in enumerate(blocks))
    if not event.buddy:
        free_kb = sum(zone.free_kb for zone in _zones_in_reach(event))
        if not free_kb:
            facts.append(unknown("free list", "a plain one, or as the boot leaves it", "the text shows none"))
            return None
        facts.append(unknown("free list", f"{free_kb} kB in single pages", "the text shows their sum only"))
        return ReportedFreeList((free_kb // 4, *[0] * (_USUAL_ORDERS - 1)), free_kb)
    if set_aside:
        facts.append(_reserve_fact(set_aside))
    return ReportedFreeList(tuple(blocks), kb)


def _in_reach(zone: str, event: MemoryEvent) -> bool:
    """Whether the request may have pages of a zone (`Node 0 HighMem`): gfp_zone() of include/linux/gfp.h.

    A mask that is not in the text is taken for GFP_KERNEL, which most requests are.
    """
    flags = (event.gfp_flags or "").split("|")
    name = zone.split()[-1]
    if "GFP_DMA" in flags or "__GFP_DMA" in flags:
        return name == "DMA"
    if "GFP_DMA32" in flags or "__GFP_DMA32" in flags:
        return name in ("DMA", "DMA32")
    high = not {"__GFP_HIGHMEM", "GFP_HIGHUSER", "GFP_HIGHUSER_MOVABLE"}.isdisjoint(flags)
    movable = high and not {"__GFP_MOVABLE", "GFP_HIGHUSER_MOVABLE"}.isdisjoint(flags)
    return {"HighMem": high, "Movable": movable}.get(name, True)


def _zones_in_reach(event: MemoryEvent) -> list[Zone]:
    return [zone for name, zone in event.zones.items() if _in_reach(name, event)]


def _reach_fact(zone: str, event: MemoryEvent) -> Fact:
    asked = event.gfp_flags or "GFP_KERNEL (taken, the text shows no mask)"
    why = f"a request with {asked} cannot have pages of {zone}, whatever is free there"
    return inferred("free list", f"without {zone}", why)


def _reserve_fact(set_aside: Sequence[str]) -> Fact:
    return inferred(
        "free list",
        f"without {', '.join(set_aside)}",
        "this request may not have them. Kernels from 6.8 on and Debian's 6.1 give the highatomic reserve up"
        " before they kill (ac3f3b0a5551): with these blocks the request would succeed"
        if "H" in "".join(set_aside)
        else "this request may not have them",
    )


def _watermarks(event: MemoryEvent, facts: list[Fact]) -> tuple[int | None, int | None, int | None]:
    zones = _zones_in_reach(event)

    def total(of: str) -> int | None:
        values = [getattr(zone, of) for zone in zones]
        return sum(values) if values and None not in values else None

    marks = (total("min_kb"), total("low_kb"), total("high_kb"))
    if marks[0] is None:
        facts.append(unknown("watermarks", "the guest's own", "the text shows none"))
        return (None, None, None)
    shown = ", ".join(f"{name} {mark} kB" for name, mark in zip(("min", "low", "high"), marks, strict=True))
    facts.append(read("watermarks", shown, f"{count_of('zone', len(zones))} together"))
    extra_kb = _extra_free_kb(zones)
    if extra_kb:
        facts.append(
            inferred(
                "extra_free_kbytes", extra_kb, "low - min is so much more than high - low: Android's setting"
            )
        )
    return marks


def _extra_free_kb(zones: Sequence[Zone]) -> int:
    """Android's tunable lifts low and high alike; without it low - min equals high - low."""
    gaps = [
        (zone.low_kb - zone.min_kb) - (zone.high_kb - zone.low_kb)
        for zone in zones
        if zone.min_kb is not None and zone.low_kb is not None and zone.high_kb is not None
    ]
    extra_kb = sum(gap for gap in gaps if gap > 0)
    return extra_kb if extra_kb > KIB else 0


def _cma_mib(event: MemoryEvent, facts: list[Fact]) -> int:
    free_kb = sum(zone.free_cma_kb or 0 for zone in event.zones.values())
    if not free_kb:
        return 0
    cma_mib = min(free_kb // KIB, _MOST_FREE_KB // KIB)
    value = f"{cma_mib} MiB" if cma_mib >= 4 else "none"
    facts.append(
        read("CMA", f"{free_kb} kB free", f"only movable requests may have it; the guest gets {value}")
    )
    return cma_mib // 4 * 4


def divided_blocks(blocks: Sequence[int], divisor: int) -> tuple[int, ...]:
    """The free list of a `divisor`th of the memory.

    What is left over of an order is halved into the order below: of every order as many requests can be
    served as a `divisor`th of before, rounded down. Else a few large blocks would be lost, and all in them.
    """
    scaled, left = [], 0
    for count in reversed(blocks):
        whole, left = divmod(count + 2 * left, divisor)
        scaled.append(whole)
    return tuple(reversed(scaled))


def _divided(
    free: ReportedFreeList | None,
    marks: tuple[int | None, int | None, int | None],
    divisor: int,
    facts: list[Fact],
) -> tuple[ReportedFreeList | None, tuple[int | None, int | None, int | None]]:
    facts.append(
        inferred(
            "free list and watermarks",
            f"divided by {divisor}",
            f"more than {_MOST_FREE_KB // KIB} MiB do not fit a guest that is ready soon",
        )
    )
    if free is not None:
        blocks = divided_blocks(free.blocks, divisor)
        free = ReportedFreeList(blocks, sum(4 * count << order for order, count in enumerate(blocks)))
    low, middle, high = (None if mark is None else mark // divisor for mark in marks)
    return free, (low, middle, high)


def _default_scale(managed_kb: int, tightest_kb: int) -> int:
    """The least power of two that makes a guest of DEFAULT_MEMORY_KB, or one that holds what is absolute."""
    return _power_of_two(managed_kb, max(DEFAULT_MEMORY_KB, tightest_kb * 2))


def _power_of_two(value: int, most: int) -> int:
    divisor = 1
    while value // divisor > most:
        divisor *= 2
    return divisor


def _scale_fact(chosen: int, asked: int | None, managed_kb: int, guest_kb: int, divisor: int) -> Fact:
    why = "asked for with --scale" if asked else "such a guest is ready in less than 30 s"
    size = f"{guest_kb // KIB} MiB for its pages"
    if guest_kb > managed_kb // chosen:
        why += f"; not less than {size}"
    kept = f"are divided by {divisor} only" if divisor > 1 else "stay absolute"
    return inferred(
        "scale", f"1/{chosen}", f"{why}. It divides the size ({size}); free list and watermarks {kept}"
    )


def _watermark_sysctls(
    marks: tuple[int | None, int | None, int | None],
    free: ReportedFreeList | None,
    guest_kb: int,
    facts: list[Fact],
) -> dict[str, int]:
    min_kb, low_kb, _ = marks
    if min_kb is None or min_kb <= 0:
        return {}
    free_kb = max(free.kb, _LEAST_FREE_KB) if free else 64 * KIB
    most_min_kb = (free_kb - _ROOM_KB) * 4 // 5  # low is at least min + min / 4
    own_min_kb = max(min(min_kb, most_min_kb), 512)
    if own_min_kb < min_kb:
        facts.append(
            inferred(
                "vm.min_free_kbytes", own_min_kb, f"{min_kb} kB leave no room below the free memory shown"
            )
        )
    else:
        facts.append(read("vm.min_free_kbytes", own_min_kb, "min, all zones together"))
    sysctls = {"vm.min_free_kbytes": own_min_kb}
    if low_kb is None or own_min_kb < min_kb:
        return sysctls
    if low_kb + _ROOM_KB > free_kb:
        facts.append(_low_fact(low_kb))
        return sysctls
    factor = min(round((low_kb - min_kb) * 10_000 / guest_kb), _MOST_SCALE_FACTOR)
    if factor > 10:  # the kernel's default
        why = f"low - min = {low_kb - min_kb} kB of {guest_kb} kB"
        facts.append(inferred("vm.watermark_scale_factor", factor, why))
        sysctls["vm.watermark_scale_factor"] = factor
    return sysctls


def _low_fact(low_kb: int) -> Fact:
    return inferred(
        "low and high",
        "the kernel's own",
        f"low ({low_kb} kB) was above what was free: kswapd was at work, and would be while the state is"
        " built. The request is judged by min",
    )


def unit_bounds(free: ReportedFreeList, order: int, most: int) -> Iterator[dict[str, int]]:
    """Bounds on usable units for the requested order and those below, as a scenario has them.

    At the requested order `most` may be left at most; below it about as much as was.
    """
    for below in range(1, order):
        units = free.units(below)
        slack = max(8, units // 10)
        yield {"order": below, "min": max(0, units - slack), "max": units + slack}
    if order > 0:
        yield {"order": order, "max": most}
