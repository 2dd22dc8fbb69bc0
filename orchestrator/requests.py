# SPDX-License-Identifier: Apache-2.0
"""How the trigger's allocation requests were made and served, from tracefs histograms.

The guest agent arms `hist` triggers on `kmem:kmalloc` and `kmem:mm_page_alloc` for the
trigger's processes. The gfp flags prove which variant really ran:
kcalloc asks without __GFP_NORETRY, kvcalloc with it and falls back to vmalloc.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

from orchestrator.control import VmallocInfo
from orchestrator.histogram import HistogramRow, parse_histogram
from orchestrator.oom.gfp import KernelSeries, decode, mask_of, series_of
from orchestrator.result import RequestPaths

NORETRY = "__GFP_NORETRY"
_ALLOCATOR = "__kmalloc"
"""In 6.12 a large kmalloc is traced twice (mm/slub.c): by __kmalloc_large_node_noprof(), which takes
its caller within the allocator for the call site, and by that caller for its own."""


def summarise_requests(
    tables: Mapping[str, str], vmalloc: VmallocInfo | None, *, release: str, array_bytes: int | None
) -> RequestPaths | None:
    """The trigger's page-array requests in numbers; None when the guest sent no histograms.

    `array_bytes` is the size of the array that one mmap asks for (None: not a binder trigger).
    """
    series = series_of(release)
    if series is None or "kmalloc" not in tables:
        return None
    sizes = () if array_bytes is None else (array_bytes,)
    arrays = array_requests(tables.get("kmalloc", ""), sizes, series)
    failed = array_requests(tables.get("kmalloc_failed", ""), sizes, series)
    flags: Counter[str] = Counter()
    for row in (*arrays, *failed):
        flags[decode(row.number("gfp_flags"), series)] += row.hits
    noretry = mask_of(NORETRY, series)
    return RequestPaths(
        gfp_flags=dict(flags),
        contiguous=sum(row.hits for row in arrays),
        fell_back=sum(row.hits for row in failed if row.number("gfp_flags") & noretry),
        refused=sum(row.hits for row in failed if not row.number("gfp_flags") & noretry),
        insists=any(not row.number("gfp_flags") & noretry for row in (*arrays, *failed)),
        vmalloc_areas=vmalloc.areas if vmalloc else None,
        page_orders=_page_orders(tables, series),
    )


def array_requests(text: str, sizes: Collection[int], series: KernelSeries) -> list[HistogramRow]:
    """The rows of a kmalloc histogram that are requests for page arrays of these sizes, in bytes.

    A descriptor table may have the very size of a page array, but is charged to its process.
    """
    accounted = 0 if series == "4.3" else mask_of("__GFP_ACCOUNT", series)
    return [
        row
        for row in parse_histogram(text)
        if row.number("bytes_req") in sizes
        and not row.number("gfp_flags") & accounted
        and not row.keys.get("call_site", "").startswith(_ALLOCATOR)
    ]


def _page_orders(tables: Mapping[str, str], series: KernelSeries) -> dict[str, int]:
    orders: Counter[str] = Counter()
    noretry = mask_of(NORETRY, series)
    for table in ("page_alloc", "page_alloc_failed"):
        for row in parse_histogram(tables.get(table, "")):
            suffix = " noretry" if row.number("gfp_flags") & noretry else ""
            orders[f"order {row.number('order')}{suffix}"] += row.hits
    return dict(sorted(orders.items()))
