# SPDX-License-Identifier: Apache-2.0
"""Which orders the traced processes asked of the page allocator, and whether it had them. Pure.

From the histograms of `kmem:mm_page_alloc` and `vmscan:mm_vmscan_wakeup_kswapd`
(images/guest/trigger/audit.c).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from orchestrator.evidence.evidence import Evidence
from orchestrator.evidence.histogram import numbered_rows
from orchestrator.oom.gfp import KernelSeries, decode, mask_of, series_of
from orchestrator.protocol.records import Hello, Histogram
from orchestrator.record.result import PageRequests
from orchestrator.stage import TrialPhase

_Kind = tuple[int, int]
"""Order and gfp flags."""


def traced_page_requests(evidence: Evidence) -> tuple[PageRequests, ...]:
    """Those of one trial, in the order in which its phases were traced; none without a trace."""
    hello = evidence.last(Hello)
    return () if hello is None else page_requests(evidence.every(Histogram), release=hello.release)


def page_requests(records: Sequence[Histogram], *, release: str) -> tuple[PageRequests, ...]:
    """By phase, order and flags. Nothing comes of a kernel whose gfp flags are not known by number."""
    series = series_of(release)
    if series is None:
        return ()
    phases = dict.fromkeys(record.phase for record in records)
    return tuple(row for phase in phases for row in _of_phase(records, phase, series))


def _of_phase(
    records: Sequence[Histogram], phase: TrialPhase, series: KernelSeries
) -> Iterator[PageRequests]:
    served, failed, woke = (
        _counts(records, phase, table) for table in ("page_alloc", "page_alloc_failed", "kswapd_wakeups")
    )
    waits = mask_of("__GFP_DIRECT_RECLAIM", series)
    for order, flags in sorted(served.keys() | failed.keys() | woke.keys()):
        kind = order, flags
        yield PageRequests(
            phase=phase,
            order=order,
            gfp_flags=decode(flags, series),
            requests=served[kind] + failed[kind] if order else None,
            served=served[kind],
            waits=bool(flags & waits),
            kswapd_wakeups=woke[kind],
        )


def _counts(records: Sequence[Histogram], phase: TrialPhase, table: str) -> Counter[_Kind]:
    counts: Counter[_Kind] = Counter()
    for record in records:
        if record.phase == phase and record.table == table:
            for row in numbered_rows(record.text, "order", "gfp_flags"):
                counts[row.number("order"), row.number("gfp_flags")] += row.hits
    return counts
