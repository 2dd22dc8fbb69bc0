# SPDX-License-Identifier: Apache-2.0
"""How the trigger's allocation requests were made and served, from tracefs histograms.

The guest agent arms `hist` triggers on `kmem:kmalloc` and `kmem:mm_page_alloc` for the
trigger's processes; the text is that of a trace event's `hist` file
(kernel: Documentation/trace/histogram.rst). The gfp flags prove which variant really ran:
kcalloc asks without __GFP_NORETRY, kvcalloc with it and falls back to vmalloc.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from orchestrator.control import VmallocInfo
from orchestrator.oom.gfp import KernelSeries, decode, mask_of, series_of
from orchestrator.result import RequestPaths

_ROW = re.compile(r"^\{(?P<keys>.*)\}\s*hitcount:\s*(?P<hits>\d+)\s*$")
_SYMBOL = re.compile(r"^\[[0-9a-f]+\]\s*")
_NORETRY = "__GFP_NORETRY"
_ALLOCATOR = "__kmalloc"
"""In 6.12 a large kmalloc is traced twice (mm/slub.c): by __kmalloc_large_node_noprof(), which takes
its caller within the allocator for the call site, and by that caller for its own."""


@dataclass(frozen=True)
class HistogramRow:
    """One row of a histogram: its keys as text, and how often it was hit."""

    keys: Mapping[str, str]
    hits: int

    def number(self, key: str) -> int:
        """A numeric key; ValueError when it is not one, KeyError when it is missing."""
        return int(self.keys[key], 0)


def parse_histogram(text: str) -> list[HistogramRow]:
    """The rows of a `hist` file; lines that are none (comments, totals) are skipped."""
    return [
        HistogramRow(dict(_keys(match["keys"])), int(match["hits"]))
        for line in text.splitlines()
        if (match := _ROW.match(line.strip()))
    ]


def _keys(text: str) -> Iterator[tuple[str, str]]:
    for part in text.split(","):
        name, _, value = part.partition(":")
        yield name.strip(), _SYMBOL.sub("", value.strip())


def summarise_requests(
    tables: Mapping[str, str], vmalloc: VmallocInfo | None, *, release: str, array_bytes: int | None
) -> RequestPaths | None:
    """The trigger's page-array requests in numbers; None when the guest sent no histograms.

    `array_bytes` is the size of the array that one mmap asks for (None: not a binder trigger).
    """
    series = series_of(release)
    if series is None or "kmalloc" not in tables:
        return None
    arrays = _array_requests(tables, "kmalloc", array_bytes)
    failed = _array_requests(tables, "kmalloc_failed", array_bytes)
    flags: Counter[str] = Counter()
    for row in (*arrays, *failed):
        flags[decode(row.number("gfp_flags"), series)] += row.hits
    noretry = mask_of(_NORETRY, series)
    return RequestPaths(
        gfp_flags=dict(flags),
        contiguous=sum(row.hits for row in arrays),
        fell_back=sum(row.hits for row in failed if row.number("gfp_flags") & noretry),
        refused=sum(row.hits for row in failed if not row.number("gfp_flags") & noretry),
        insists=any(not row.number("gfp_flags") & noretry for row in (*arrays, *failed)),
        vmalloc_areas=vmalloc.areas if vmalloc else None,
        page_orders=_page_orders(tables, series),
    )


def _array_requests(tables: Mapping[str, str], name: str, array_bytes: int | None) -> list[HistogramRow]:
    return [
        row
        for row in parse_histogram(tables.get(name, ""))
        if array_bytes is not None
        and row.number("bytes_req") == array_bytes
        and not row.keys.get("call_site", "").startswith(_ALLOCATOR)
    ]


def _page_orders(tables: Mapping[str, str], series: KernelSeries) -> dict[str, int]:
    orders: Counter[str] = Counter()
    noretry = mask_of(_NORETRY, series)
    for table in ("page_alloc", "page_alloc_failed"):
        for row in parse_histogram(tables.get(table, "")):
            suffix = " noretry" if row.number("gfp_flags") & noretry else ""
            orders[f"order {row.number('order')}{suffix}"] += row.hits
    return dict(sorted(orders.items()))
