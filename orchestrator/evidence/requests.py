# SPDX-License-Identifier: Apache-2.0
"""How the trigger's allocation requests were made, and satisfied, from the audit and tracefs histograms.

The guest agent arms `hist` triggers on `kmem:kmalloc` and `kmem:mm_page_alloc` for the
trigger's processes. The gfp flags prove which variant really ran: kcalloc asks without
__GFP_NORETRY, kvcalloc with it. How requests were served they do not show (orchestrator/record/fallback.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from orchestrator.evidence.histogram import HistogramRow, numbered_rows
from orchestrator.oom.gfp import KernelSeries, mask_of, series_of
from orchestrator.protocol.records import VmallocInfo
from orchestrator.record.result import AuditRow, RequestPaths

NORETRY = "__GFP_NORETRY"
_ALLOCATOR = "__kmalloc"
"""In 6.12 a large kmalloc is traced twice (mm/slub.c): by __kmalloc_large_node_noprof(), which takes
its caller within the allocator for the call site, and by that caller for its own."""


def summarise_requests(
    rows: Sequence[AuditRow], tables: Mapping[str, str], vmalloc: VmallocInfo | None, *, release: str
) -> RequestPaths | None:
    """The trigger's page-array requests in numbers; None when the guest sent no histograms.

    `rows` are those of its audit in the trigger's phase: all counts of requests come from there.
    """
    series = series_of(release)
    if series is None or "kmalloc" not in tables:
        return None
    flags: Counter[str] = Counter()
    for row in rows:
        flags[row.gfp_flags] += row.requests
    return RequestPaths(
        gfp_flags=dict(flags),
        contiguous=sum(row.contiguous for row in rows),
        fell_back=sum(row.fell_back for row in rows),
        refused=sum(row.refused for row in rows),
        insists=any(NORETRY not in row.gfp_flags for row in rows),
        vmalloc_areas=vmalloc.areas if vmalloc else None,
        page_orders=_page_orders(tables, series),
    )


def array_requests(text: str, sizes: Collection[int], series: KernelSeries) -> list[HistogramRow]:
    """The rows of a kmalloc histogram that are requests for page arrays of these sizes, in bytes.

    A descriptor table may have the very size of a page array, but is charged to its process.
    """
    return [
        row
        for row in numbered_rows(text, "bytes_req", "gfp_flags")
        if row.number("bytes_req") in sizes
        and not row.number("gfp_flags") & accounted(series)
        and not row.keys.get("call_site", "").startswith(_ALLOCATOR)
    ]


def accounted(series: KernelSeries) -> int:
    """The gfp flag of what is charged to its process; page arrays are not."""
    return 0 if series == "4.3" else mask_of("__GFP_ACCOUNT", series)


def _page_orders(tables: Mapping[str, str], series: KernelSeries) -> dict[str, int]:
    orders: Counter[str] = Counter()
    noretry = mask_of(NORETRY, series)
    for table in ("page_alloc", "page_alloc_failed"):
        for row in numbered_rows(tables.get(table, ""), "order", "gfp_flags"):
            suffix = " noretry" if row.number("gfp_flags") & noretry else ""
            orders[f"order {row.number('order')}{suffix}"] += row.hits
    return dict(sorted(orders.items()))
