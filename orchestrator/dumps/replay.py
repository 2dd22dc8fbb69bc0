# SPDX-License-Identifier: Apache-2.0
"""A scenario that replays the memory of a dump. Pure.

A dump is what a Mem-Info report shows without an event, so what makes a guest of a report makes one of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from orchestrator.dumps.dump import Dump
from orchestrator.dumps.section import Kind
from orchestrator.errors import InputError
from orchestrator.kernels.modules import BINDER
from orchestrator.memory.tables import zone_counts
from orchestrator.memory.zoneinfo import ZoneInfo
from orchestrator.oom.records import Buddy, MemoryEvent, Zone
from orchestrator.oom.usage import COMPOSITION
from orchestrator.reproduce.draft import Draft, picture_of
from orchestrator.reproduce.fact import Fact, inferred, read, unknown
from orchestrator.reproduce.memory import Plan, plan_memory
from orchestrator.scenario.dump import yaml_text
from orchestrator.scenario.loading.profile import Profile
from orchestrator.units import KIB

_LINES = {
    "active_anon": "Active(anon)", "inactive_anon": "Inactive(anon)", "active_file": "Active(file)",
    "inactive_file": "Inactive(file)", "unevictable": "Unevictable", "slab_reclaimable": "SReclaimable",
    "slab_unreclaimable": "SUnreclaim", "pagetables": "PageTables", "kernel_stack": "KernelStack",
    "shadow_call_stack": "ShadowCallStack", "mapped": "Mapped", "shmem": "Shmem",
}  # fmt: skip
"""The lines of a Mem-Info report, by their names in /proc/meminfo (fs/proc/meminfo.c)."""
_OF_PICTURE = ("vm.min_free_kbytes", "vm.watermark_scale_factor")
"""What a picture's watermarks set when the trigger starts."""
_NOT_FOR_ALL = {"HighAtomic": "H", "CMA": "C", "Isolate": "I"}
_GUEST_PAGE_KB = 4
_ORDERS = 11
_BASE = "debian-6.1"
_VARIANTS = {
    "kcalloc": {"base": _BASE},
    "kvcalloc": {"base": _BASE, "scope": BINDER.scope, "patches": ["binder-kvcalloc-6.1.patch"]},
}
_LARGE_PAGE_KB = 16
_LARGE_ORDER = 2
"""Of a page of 16 KiB, in pages of 4 KiB."""
_BASE_16K = "debian-6.12-16k"
_VARIANTS_16K = {
    "kcalloc": {"base": _BASE_16K, "scope": BINDER.scope, "patches": ["binder-kcalloc-6.12.patch"]},
    "kvcalloc": {"base": _BASE_16K},
}
_MAPS = 600
_ROOM = 6
"""A dump's lines and free list are nearly all of its memory, unlike an OOM report's: so much more, a sixth,
is room for a kernel that keeps other amounts for itself. What is left over is taken out of play.
"""


def make_replay(dump: Dump, profile: Profile, scale: int | None) -> Draft:
    """The scenario, and the profile to lie beside it; InputError where a guest cannot have such a memory."""
    facts: list[Fact] = []
    event = _event(dump, profile, facts)
    plan = plan_memory(event, scale, picture=True)
    facts += plan.facts
    picture = picture_of(event, plan, facts)
    large = _has_large_pages(dump, profile)
    if large and "free_blocks" in picture:
        picture["free_blocks"] = picture["free_blocks"][_LARGE_ORDER:] or [0]
    data: dict[str, Any] = {
        "name": f"{profile.name}-replay",
        "description": f"The memory of {profile.name} as its files show it, at 1/{plan.scale}.",
        "device": _device(dump, profile, plan, facts),
        "variants": _VARIANTS_16K if large else _VARIANTS,
        "fragmentation": {"target": {"picture": picture}},
        "trigger": {"kind": "binder-mmap", "size": "4MiB", "count": _MAPS, "hold": True},
        "deadlines": {"target": "5min"},
        "trials": {"blocks": 1},
    }
    facts += [unknown("what was brought", "the first counts", note) for note in dump.notes]
    facts.sort(key=lambda fact: ("read", "inferred", "unknown").index(fact.origin))
    return Draft(data, tuple(facts), {f"{profile.name}.yaml": profile_text(profile)}, "oomlab device import")


def profile_text(profile: Profile) -> str:
    """The profile's file."""
    data = profile.model_dump(mode="json", exclude={"name"})
    return yaml_text({key: data[key] for key in data if data[key]})


def _device(dump: Dump, profile: Profile, plan: Plan, facts: list[Fact]) -> dict[str, Any]:
    """The guest: the profile's device, of the size that the scale leaves, with watermarks by the picture."""
    own = profile.device.get("sysctls", {}).items()
    device: dict[str, Any] = {
        "arch": profile.device["arch"],
        "memory": f"{plan.memory_mib + max(plan.memory_mib // _ROOM, _apart_mib(plan))}MiB",
        "cma": f"{plan.cma_mib}MiB" if plan.cma_mib else 0,
        "sysctls": {name: value for name, value in own if name not in _OF_PICTURE} | plan.sysctls,
        # Else the kernel zeroes each page that it hands out, the huge ones of the ballast included.
        "cmdline": ["init_on_alloc=0"],
    }
    if "zram" in profile.device:
        free_kb = dump.meminfo.get("SwapFree", 0) // plan.scale
        if free_kb >= KIB:
            device["zram"] = f"{free_kb // KIB}MiB"
        why = "the swap that was free, divided by the scale; what is swapped out is in no line"
        facts.append(inferred("zram", device.get("zram", "none"), why))
    return device


def _apart_mib(plan: Plan) -> int:
    """Room for the pages that keep free blocks apart: about as many as are free, and in no line."""
    return -(-plan.free.kb * 5 // (4 * KIB)) if plan.free is not None else 0


def _has_large_pages(dump: Dump, profile: Profile) -> bool:
    """Whether a base kernel has this device's pages of 16 KiB."""
    return dump.page_kb == _LARGE_PAGE_KB and profile.device["arch"] == "arm64"


def _event(dump: Dump, profile: Profile, facts: list[Fact]) -> MemoryEvent:
    nodes = {zone.node for zone in dump.zones} | {row.node for row in dump.free_lists}
    if len(nodes) > 1:
        why = "/proc/meminfo adds them up, and a memory picture is of one node"
        facts.append(inferred("NUMA nodes", f"{len(nodes)} added up to one", why))
    if not dump.meminfo or not dump.free_lists:
        lacks = Kind.MEMINFO if not dump.meminfo else Kind.BUDDYINFO
        raise InputError(
            f"a replay needs {lacks}, and it was not found",
            hint="docs/device-import.md has the line that collects all; --profile-only does without",
        )
    page_kb = dump.page_kb
    if page_kb is None:
        facts.append(unknown("page size", "4 KiB", "no /proc/zoneinfo beside /proc/meminfo shows it"))
        page_kb = _GUEST_PAGE_KB
    elif _has_large_pages(dump, profile):
        why = f"the base {_BASE_16K} has the device's pages, and the same orders"
        facts.append(inferred("page size", f"{page_kb} KiB", why))
    elif page_kb != _GUEST_PAGE_KB:
        order = (page_kb // _GUEST_PAGE_KB).bit_length() - 1
        why = f"the device has {page_kb} KiB: its blocks of order 0 are of order {order} here"
        facts.append(inferred("page size", f"{_GUEST_PAGE_KB} KiB", why))
    facts.append(read("composition", dump.where(Kind.MEMINFO), "line by line"))
    usage = {name: dump.meminfo[line] for name, line in _LINES.items() if line in dump.meminfo}
    return MemoryEvent(
        type="show-mem", line=1, zones=dict(_zones(dump, page_kb)), buddy=dict(_buddy(dump, page_kb, facts)),
        usage_kb={name: usage[name] for name in COMPOSITION if name in usage},
    )  # fmt: skip


def _zones(dump: Dump, page_kb: int) -> Iterator[tuple[str, Zone]]:
    for zone in dump.zones:
        yield _name(zone), Zone(
            free_kb=(zone.nr_free_pages or zone.free) * page_kb,
            # As printed they hold the boost (mm/vmstat.c), which passes by itself.
            min_kb=(zone.min - zone.boost) * page_kb, low_kb=(zone.low - zone.boost) * page_kb,
            high_kb=(zone.high - zone.boost) * page_kb,
            present_kb=zone.present * page_kb, managed_kb=zone.managed * page_kb,
            free_cma_kb=zone.nr_free_cma * page_kb,
        )  # fmt: skip
    if not dump.zones:
        least = dump.sysctls.get("vm.min_free_kbytes", "")
        min_kb = int(least) if re.fullmatch(r"\d{1,9}", least) else None  # all zones' min together
        yield "all", Zone(min_kb=min_kb, free_kb=dump.meminfo["MemFree"], managed_kb=dump.meminfo["MemTotal"],
                          free_cma_kb=dump.meminfo.get("CmaFree"))  # fmt: skip


def _name(zone: ZoneInfo) -> str:
    return f"Node {zone.node} {zone.zone}"


def _buddy(dump: Dump, page_kb: int, facts: list[Fact]) -> Iterator[tuple[str, Buddy]]:
    types = dump.page_types
    if types is None or types.capped:
        why = "no /proc/pagetypeinfo (it takes root)" if types is None else "it stopped counting at 100000"
        facts.append(unknown("migrate types", "every free block is for any request", why))
        for row in dump.free_lists:
            if zone_counts(row.zone):
                yield f"Node {row.node} {row.zone}", _blocks(row.counts, page_kb, "")
        return
    for free in types.free:
        if zone_counts(free.zone) and any(free.counts):
            letter = _NOT_FOR_ALL.get(free.migrate_type, "")
            # The zone last: a name that ends in Movable is that of the zone, which kernel requests never get.
            name = f"Node {free.node} {free.migrate_type} of {free.zone}"
            yield name, _blocks(free.counts, page_kb, letter)


def _blocks(counts: tuple[int, ...], page_kb: int, letter: str) -> Buddy:
    """In blocks of the guest's pages; what is larger than its largest is several of those."""
    shift = (page_kb // _GUEST_PAGE_KB).bit_length() - 1
    blocks = [0] * _ORDERS
    for order, count in enumerate(counts):
        at = min(order + shift, _ORDERS - 1)
        blocks[at] += count << (order + shift - at)
    return Buddy(counts=tuple(blocks), smallest_block_kb=_GUEST_PAGE_KB, migratetypes=(letter,) * _ORDERS)
