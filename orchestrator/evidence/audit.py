# SPDX-License-Identifier: Apache-2.0
"""The allocation audit of one trial: page-array requests, and what the kernel did for them. Pure.

The guest's histograms (images/guest/trigger/audit.c) say which order and gfp flags a reclaim or compaction
was for (events `vmscan:mm_vmscan_direct_reclaim_begin` and `compaction:mm_compaction_try_to_compact_pages`).
So it is attributed to the page array when it has the array's order and, like the array,
__GFP_NORETRY or not; order 0 is everybody's, and stays with the phase. What vmalloc served is seen
(orchestrator/record/fallback.py): in place of a failed request, or without any.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator.evidence.histogram import HistogramRow, dropped_hits, numbered_rows
from orchestrator.evidence.requests import NORETRY, accounted, array_requests
from orchestrator.oom.gfp import KernelSeries, decode, mask_of, series_of
from orchestrator.protocol.records import AuditEnd, Histogram
from orchestrator.record.fallback import Request, concluded_fallbacks, seen_fallbacks
from orchestrator.record.result import AuditPhase, AuditRow
from orchestrator.stage import TrialPhase

_COMPACT_SUCCESS = 8
"""enum compact_result (include/linux/compaction.h), from 5.9 on."""
_NS_PER_US = 1000
_LEAST_BYTES = 2048
"""Smaller arrays (of maps below 256 KiB) are not traced: LEAST_BYTES of images/guest/trigger/audit.c."""


_NUMBERS: Mapping[str, tuple[str, ...]] = {
    "vmalloc": ("size", "gfp_flags"),
    "reclaim": ("order", "gfp_flags"),
    "compact": ("order", "gfp_flags"),
    "compact_deferred": ("order",),
}
"""By table, the keys that are numbers."""


@dataclass(frozen=True)
class PhaseContext:
    """What the host knows of a phase besides its histograms."""

    array_sizes: Collection[int] = ()
    """Sizes in bytes of the page arrays that its requests ask for."""
    unserved: int = 0
    """How many of its requests found no memory, or were in flight when their process was killed."""


@dataclass
class _Effort:
    """Reclaim or compaction for one kind of request."""

    count: int = 0
    ns: int = 0
    pages: int = 0
    successes: int = 0

    def add(self, row: HistogramRow) -> None:
        self.count += row.hits
        self.ns += row.sums.get("ns", 0)
        self.pages += row.sums.get("pages", 0)
        if row.keys.get("status") == str(_COMPACT_SUCCESS):
            self.successes += row.hits

    @property
    def us(self) -> int:
        return round(self.ns / _NS_PER_US)


_Kind = tuple[int, bool]
"""Order of a request, and whether it gives up early (__GFP_NORETRY)."""


def _efforts() -> defaultdict[_Kind, _Effort]:
    return defaultdict(_Effort)


@dataclass
class _Phase:
    """The tables of one phase, added up."""

    series: KernelSeries
    served: dict[Request, int] = field(default_factory=lambda: defaultdict(int))
    failed: dict[Request, int] = field(default_factory=lambda: defaultdict(int))
    vmalloc: dict[Request, int] = field(default_factory=lambda: defaultdict(int))
    vmalloc_seen: bool = False
    reclaims: dict[_Kind, _Effort] = field(default_factory=_efforts)
    compactions: dict[_Kind, _Effort] = field(default_factory=_efforts)
    deferred: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    oom_kills: int = 0
    dropped: int = 0

    def kind(self, order: int, gfp_flags: int) -> _Kind:
        return order, bool(gfp_flags & mask_of(NORETRY, self.series))


def audit_trial(
    records: Sequence[Histogram], ends: Sequence[AuditEnd], facts: Mapping[TrialPhase, PhaseContext],
    *, release: str, page_bytes: int,
) -> tuple[tuple[AuditRow, ...], tuple[AuditPhase, ...]]:  # fmt: skip
    """Rows and phases of one trial, in the order in which they were traced.

    Nothing comes of a kernel whose gfp flags are not known by number.
    """
    series = series_of(release)
    if series is None:
        return (), ()
    rows: list[AuditRow] = []
    phases: list[AuditPhase] = []
    for name in dict.fromkeys(record.phase for record in records):
        phase, known = _Phase(series), facts.get(name, PhaseContext())
        for record in records:
            if record.phase == name:
                _take(phase, record, page_bytes, known.array_sizes)
        end = next((end for end in ends if end.phase == name), None)
        own = list(
            _rows(phase, name, *_fallbacks(phase, None if end is None else end.requests, known.unserved))
        )
        made = None if end is None or min(known.array_sizes, default=0) < _LEAST_BYTES else end.requests
        rows += own
        phases.append(_whole(phase, name, own, made, end.taken_kb if end is not None else 0))
    return tuple(rows), tuple(phases)


def _take(phase: _Phase, record: Histogram, page_bytes: int, array_sizes: Collection[int]) -> None:
    phase.dropped += dropped_hits(record.text)
    if record.table in ("kmalloc", "kmalloc_failed"):
        counts = phase.served if record.table == "kmalloc" else phase.failed
        for row in array_requests(record.text, array_sizes, phase.series):
            order = _order_of(row.number("bytes_req"), page_bytes)
            counts[order, row.number("gfp_flags")] += row.hits
        return
    phase.vmalloc_seen |= record.table == "vmalloc"
    for row in numbered_rows(record.text, *_NUMBERS.get(record.table, ())):
        match record.table:
            case "vmalloc":
                _take_vmalloc(phase, row, page_bytes, array_sizes)
            case "reclaim":
                phase.reclaims[phase.kind(row.number("order"), row.number("gfp_flags"))].add(row)
            case "compact":
                phase.compactions[phase.kind(row.number("order"), row.number("gfp_flags"))].add(row)
            case "compact_deferred":
                phase.deferred[row.number("order")] += row.hits
            case "oom_victims":
                phase.oom_kills += row.hits


def _take_vmalloc(phase: _Phase, row: HistogramRow, page_bytes: int, array_sizes: Collection[int]) -> None:
    size, flags = row.number("size"), row.number("gfp_flags")
    if size in array_sizes and not flags & accounted(phase.series):
        phase.vmalloc[_order_of(size, page_bytes), flags] += row.hits


def _order_of(size_bytes: int, page_bytes: int) -> int:
    """As in orchestrator/binder.py: the smallest block that the array can come from."""
    return (-(-size_bytes // page_bytes) - 1).bit_length()


def _fallbacks(
    phase: _Phase, requests: int | None, unserved: int
) -> tuple[dict[Request, int], dict[Request, int]]:
    """How many failed requests vmalloc served, and what it served without one, by order and gfp flags."""
    if phase.vmalloc_seen:
        return seen_fallbacks(phase.vmalloc, phase.failed, unserved, phase.series)
    contiguous = sum(phase.served.values())
    made = contiguous + sum(phase.failed.values()) if requests is None else requests
    return concluded_fallbacks(made - unserved, contiguous, phase.failed, phase.series), {}


def _rows(
    phase: _Phase, name: TrialPhase, shares: Mapping[Request, int], alone: Mapping[Request, int]
) -> Iterator[AuditRow]:
    """Requests by order and flags. `shares` of the failed ones fell back to vmalloc; `alone` never tried."""
    requests = sorted(dict.fromkeys((*phase.served, *phase.failed, *alone)))
    attributed = _attributed(phase, requests)
    for request in requests:
        order, flags = request
        contiguous, unasked = phase.served.get(request, 0), alone.get(request, 0)
        fell_back = shares.get(request, 0) + unasked
        count = contiguous + phase.failed.get(request, 0) + unasked
        work = attributed.get(request, _Work())
        yield AuditRow(
            phase=name,
            order=order,
            gfp_flags=decode(flags, phase.series),
            requests=count,
            contiguous=contiguous,
            fell_back=fell_back,
            refused=count - contiguous - fell_back,
            reclaims=work.reclaim.count,
            reclaim_us=work.reclaim.us,
            reclaimed_pages=work.reclaim.pages,
            compactions=work.compact.count,
            compact_us=work.compact.us,
            compacted=work.compact.successes,
            deferred=work.deferred,
        )


@dataclass(frozen=True)
class _Work:
    """What the kernel did on the way to serving requests."""

    reclaim: _Effort = field(default_factory=_Effort)
    compact: _Effort = field(default_factory=_Effort)
    deferred: int = 0


def _attributed(phase: _Phase, requests: Sequence[Request]) -> dict[Request, _Work]:
    """Which request the traced work was for; order 0 is everybody's.

    Of requests that differ in nothing that a reclaim shows, the first is given all of it; a deferral does
    not say for which flags, so that the first request of its order is given all of them.
    """
    found: dict[Request, _Work] = {}
    kinds: set[_Kind] = set()
    for request in requests:
        order, flags = request
        kind = phase.kind(order, flags)
        tried = request in phase.served or request in phase.failed
        if order == 0 or not tried or kind in kinds:
            continue
        is_first = order not in {each for each, _ in kinds}
        kinds.add(kind)
        found[request] = _Work(
            phase.reclaims.get(kind, _Effort()),
            phase.compactions.get(kind, _Effort()),
            phase.deferred.get(order, 0) if is_first else 0,
        )
    return found


def _whole(
    phase: _Phase, name: TrialPhase, rows: Sequence[AuditRow], made: int | None, taken_kb: int
) -> AuditPhase:
    reclaims, compactions = phase.reclaims.values(), phase.compactions.values()
    return AuditPhase(
        phase=name,
        made=made,
        requests=sum(row.requests for row in rows),
        other_reclaims=sum(effort.count for effort in reclaims) - sum(row.reclaims for row in rows),
        other_reclaim_us=sum(effort.us for effort in reclaims) - sum(row.reclaim_us for row in rows),
        other_compactions=sum(effort.count for effort in compactions) - sum(row.compactions for row in rows),
        other_compact_us=sum(effort.us for effort in compactions) - sum(row.compact_us for row in rows),
        oom_kills=phase.oom_kills,
        taken_kb=max(taken_kb, 0),
        dropped=phase.dropped,
        vmalloc_seen=phase.vmalloc_seen,
    )
