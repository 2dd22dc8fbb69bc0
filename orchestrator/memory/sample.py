# SPDX-License-Identifier: Apache-2.0
"""The state of a guest's memory at one moment, built from the raw files that the agent sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from pydantic import Field

from orchestrator.memory.buddyinfo import parse_buddyinfo
from orchestrator.memory.fragmentation import counts_of, free_pages, indexes, usable_units_per_order
from orchestrator.memory.indexes import parse_indexes
from orchestrator.memory.meminfo import parse_meminfo
from orchestrator.memory.pagetypeinfo import PageTypeInfo, parse_pagetypeinfo
from orchestrator.memory.tables import Table, zone_counts
from orchestrator.memory.vmstat import parse_vmstat, recorded
from orchestrator.memory.zoneinfo import ZoneInfo, parse_zoneinfo
from orchestrator.units import KIB

_MOST_NODES = 128
"""As many as an emulator can have; a text with more is none of a guest of ours."""


class ZoneState(Table):
    """Watermarks and free memory of one zone, kB."""

    free_kb: int
    boost_kb: int
    min_kb: int
    low_kb: int
    high_kb: int
    present_kb: int
    managed_kb: int
    cma_kb: int
    free_cma_kb: int
    per_cpu_kb: int = Field(description="free pages that wait in per-CPU lists and in no free list")


class NodeState(Table):
    """One NUMA node where there are several. A field is None when its file was not sent."""

    node: int = Field(description="its number in the guest's kernel")
    free_kb: int | None = Field(None, description="as that of all nodes together")
    usable_units: tuple[int, ...] | None = Field(None, description="per order, likewise")
    free_blocks: dict[str, tuple[int, ...]] | None = Field(
        None, description="free blocks per migrate type and order, likewise"
    )


class MemorySample(Table):
    """One moment. A field is None when the file it comes from was not sent."""

    when: str
    t_us: int
    page_size_bytes: int
    free_kb: int | None = Field(None, description="free in the zones a kernel request may use, without CMA")
    usable_units: tuple[int, ...] | None = Field(None, description="per order, see memory.fragmentation")
    counts_capped: bool = Field(False, description="a list was too long for the kernel to count")
    free_blocks: dict[str, tuple[int, ...]] | None = Field(
        None, description="free blocks per migrate type and order, in the zones a kernel request may use"
    )
    buddy_blocks: tuple[int, ...] | None = Field(
        None, description="free blocks per order, of all zones and migrate types"
    )
    cma_free_kb: int | None = None
    highatomic_free_kb: int | None = None
    zones: dict[str, ZoneState] = Field(default_factory=dict)
    nodes: tuple[NodeState, ...] = Field(
        (), description="the NUMA nodes one by one, where there is more than one"
    )
    usable_indexes: tuple[tuple[int, int], ...] | None = Field(
        None, description="(unusable, fragmentation) in thousandths per order, usable lists only"
    )
    unusable_index: dict[str, tuple[float, ...]] | None = Field(None, description="the kernel's own")
    extfrag_index: dict[str, tuple[float, ...]] | None = Field(None, description="the kernel's own")
    vmstat: dict[str, int] | None = None
    meminfo_kb: dict[str, int] | None = None


def build_sample(when: str, t_us: int, page_size_bytes: int, texts: Mapping[str, str]) -> MemorySample:
    """A sample from raw files by name ("pagetypeinfo", "zoneinfo", ...); InputError if one is damaged."""
    fields: dict[str, Any] = {"when": when, "t_us": t_us, "page_size_bytes": page_size_bytes}
    page_kb = page_size_bytes // KIB
    zones: tuple[ZoneInfo, ...] = ()
    lists: PageTypeInfo | None = None
    if "meminfo" in texts:
        meminfo = parse_meminfo(texts["meminfo"])
        fields["meminfo_kb"] = meminfo
        fields["free_kb"] = meminfo.get("MemFree", 0) - meminfo.get("CmaFree", 0)
    if "zoneinfo" in texts:
        zones = parse_zoneinfo(texts["zoneinfo"])
        fields |= _zone_fields(zones, page_kb)
    if "buddyinfo" in texts:
        buddies = parse_buddyinfo(texts["buddyinfo"])
        fields["buddy_blocks"] = tuple(
            sum(counts) for counts in zip_longest(*(zone.counts for zone in buddies), fillvalue=0)
        )
    if "pagetypeinfo" in texts:
        lists = parse_pagetypeinfo(texts["pagetypeinfo"])
        fields |= _list_fields(lists, page_kb)
    if "vmstat" in texts:
        fields["vmstat"] = recorded(parse_vmstat(texts["vmstat"]))
    for name in ("unusable_index", "extfrag_index"):
        if name in texts:
            fields[name] = parse_indexes(texts[name])
    return MemorySample.model_validate(fields | {"nodes": _nodes(zones, lists, page_kb)})


def _nodes(zones: tuple[ZoneInfo, ...], lists: PageTypeInfo | None, page_kb: int) -> list[NodeState]:
    numbers = sorted({zone.node for zone in zones} | {entry.node for entry in (lists.free if lists else ())})
    if not 1 < len(numbers) <= _MOST_NODES:
        return []
    return [
        NodeState(
            node=node,
            free_kb=_free_kb([zone for zone in zones if zone.node == node], page_kb) if zones else None,
            usable_units=usable_units_per_order(lists, node) if lists else None,
            free_blocks=_blocks_by_type(lists, node) if lists else None,
        )
        for node in numbers
    ]


def build_samples(records: Iterable[Mapping[str, Any]], page_size_bytes: int) -> list[MemorySample]:
    """Samples from the agent's `sample` records (keys when, t_us, file, text), in order of appearance."""
    texts: dict[str, dict[str, str]] = {}
    started: dict[str, int] = {}
    for record in records:
        when = str(record["when"])
        texts.setdefault(when, {})[str(record["file"])] = str(record["text"])
        started.setdefault(when, int(record["t_us"]))
    return [build_sample(when, started[when], page_size_bytes, files) for when, files in texts.items()]


def _zone_fields(zones: Sequence[ZoneInfo], page_kb: int) -> dict[str, Any]:
    states = {f"Node {zone.node} {zone.zone}": _zone_state(zone, page_kb) for zone in zones}
    return {"zones": states, "free_kb": _free_kb(zones, page_kb)}


def _free_kb(zones: Iterable[ZoneInfo], page_kb: int) -> int:
    """Free in the zones that a kernel request may use, without CMA."""
    return sum(zone.free - zone.nr_free_cma for zone in zones if zone_counts(zone.zone)) * page_kb


def _zone_state(zone: ZoneInfo, page_kb: int) -> ZoneState:
    return ZoneState(
        free_kb=zone.free * page_kb,
        boost_kb=zone.boost * page_kb,
        min_kb=zone.min * page_kb,
        low_kb=zone.low * page_kb,
        high_kb=zone.high * page_kb,
        present_kb=zone.present * page_kb,
        managed_kb=zone.managed * page_kb,
        cma_kb=zone.cma * page_kb,
        free_cma_kb=zone.nr_free_cma * page_kb,
        per_cpu_kb=sum(zone.per_cpu) * page_kb,
    )


def _list_fields(info: PageTypeInfo, page_kb: int) -> dict[str, Any]:
    return {
        "usable_units": usable_units_per_order(info),
        "counts_capped": info.capped,
        "free_blocks": _blocks_by_type(info),
        "cma_free_kb": free_pages(counts_of(info, ("CMA",))) * page_kb,
        "highatomic_free_kb": free_pages(counts_of(info, ("HighAtomic",))) * page_kb,
        "usable_indexes": indexes(counts_of(info)),
    }


def _blocks_by_type(info: PageTypeInfo, node: int | None = None) -> dict[str, tuple[int, ...]]:
    types = dict.fromkeys(entry.migrate_type for entry in info.free)
    return {name: counts_of(info, (name,), node) for name in types}
