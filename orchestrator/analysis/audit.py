# SPDX-License-Identifier: Apache-2.0
"""The allocation audit of a whole run under one clock, and what the tracing itself disturbed. Pure."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from pydantic import Field

from orchestrator.clock import ICOUNT_SHIFT, Clock
from orchestrator.frozen import Frozen
from orchestrator.record.result import AuditPhase, AuditRow, PageRequests, TrialResult
from orchestrator.stage import TrialPhase

_PHASES: tuple[TrialPhase, ...] = ("relaxed", "target", "trigger", "after")


class AuditTotal(Frozen):
    """Everything that one variant requested in one phase, over all its traced forks."""

    variant: str = Field(description="its name")
    phase: TrialPhase = Field(description="when")
    forks: int = Field(description="traced forks; in a cold run traced boots")
    made: int | None = Field(description="requests that their processes say they made; null: they do not say")
    requests: int = Field(description="page arrays that were traced: as many, or the audit is not whole")
    orders: tuple[int, ...] = Field(description="their orders")
    gfp_flags: tuple[str, ...] = Field(description="their gfp flags")
    contiguous: int = Field(description="allocated as physically contiguous memory")
    fell_back: int = Field(description="allocated by vmalloc")
    refused: int = Field(description="failed")
    reclaims: int = Field(description="direct reclaims on the way")
    reclaim_us: int = Field(description="guest time in them, microseconds")
    reclaimed_pages: int = Field(description="pages that they freed")
    compactions: int = Field(description="compactions of a zone on the way")
    compact_us: int = Field(description="guest time in them, microseconds")
    compacted: int = Field(description="compactions that made a block of the order")
    deferred: int = Field(description="compactions that the kernel deferred, because others had failed")
    other_reclaims: int = Field(description="direct reclaims for anything else, vmalloc's pages included")
    other_reclaim_us: int = Field(description="guest time in them, microseconds")
    other_compactions: int = Field(description="compactions of a zone for anything else")
    other_compact_us: int = Field(description="guest time in them, microseconds")
    oom_kills: int = Field(description="processes that the OOM killer chose on behalf of these requests")
    kswapd_wakeups: dict[int, int] = Field(
        default_factory=dict, description="by order, how many page requests woke a sleeping kswapd"
    )


class Disturbance(Frozen):
    """What tracing did to one variant's trigger: traced forks against untraced ones of the same blocks.

    In a cold run these are boots of their own, and what is compared are the medians over them.
    """

    variant: str = Field(description="its name")
    noun: str = Field("request", description="what one request of the trigger is: `mmap`, `fork`")
    pairs: int = Field(description="blocks with both; 0 in a cold run")
    boots: int = Field(0, description="in a cold run: traced boots, beside untraced ones")
    unit: Literal["ns", "instructions"] = Field(description="of the two medians")
    untraced: float | None = Field(description="p50 of the requests without tracing: median over the blocks")
    traced: float | None = Field(description="the same with tracing")
    percent: tuple[float, float, float] | None = Field(
        description="least, median and most of the blocks' differences, in percent of the untraced p50; null"
        " in a cold run, which has but the two medians"
    )
    same_outcome: int = Field(
        description="blocks in which tracing did not change the outcome; in a cold run traced boots with an"
        " outcome that untraced ones had, too"
    )
    taken_kb: int = Field(description="memory of the guest that the tracing took, at most")


class AuditSummary(Frozen):
    """The allocation audit of a run under one clock."""

    totals: tuple[AuditTotal, ...] = Field(description="by phase, then variant")
    disturbances: tuple[Disturbance, ...] = Field(description="one for each variant")
    dropped: int = Field(0, description="events that the histograms had no room for")


def summarise_audit(
    variants: Iterable[str], trials: Sequence[TrialResult], clock: Clock, *, timed: bool
) -> AuditSummary | None:
    """The audit of the last attempts under `clock`; None when nothing was traced.

    `timed` is False where guests disturbed one another: then tracing's share is not known.
    """
    names = list(variants)
    trials = [trial for trial in trials if trial.clock == clock and trial.outcome.is_evidence]
    if not any(trial.audit_phases for trial in trials):
        return None
    totals = (
        _total(name, phase, [trial for trial in trials if trial.variant == name])
        for phase in _PHASES
        for name in names
    )
    return AuditSummary(
        totals=tuple(total for total in totals if total is not None),
        disturbances=tuple(
            _disturbance(name, [trial for trial in trials if trial.variant == name], clock, timed=timed)
            for name in names
        ),
        dropped=sum(phase.dropped for trial in trials for phase in trial.audit_phases),
    )


def _total(variant: str, phase: TrialPhase, trials: Sequence[TrialResult]) -> AuditTotal | None:
    rows = [row for trial in trials for row in trial.audit if row.phase == phase]
    wholes = [whole for trial in trials for whole in trial.audit_phases if whole.phase == phase]
    if not wholes:
        return None
    made = [whole.made for whole in wholes]

    def of_rows(name: str) -> int:
        return _sum(rows, name)

    def of_wholes(name: str) -> int:
        return _sum(wholes, name)

    return AuditTotal(
        variant=variant, phase=phase, forks=len(wholes),
        made=None if None in made else sum(count or 0 for count in made),
        requests=of_wholes("requests"),
        orders=tuple(sorted({row.order for row in rows})),
        gfp_flags=tuple(sorted({row.gfp_flags for row in rows})),
        contiguous=of_rows("contiguous"), fell_back=of_rows("fell_back"), refused=of_rows("refused"),
        reclaims=of_rows("reclaims"), reclaim_us=of_rows("reclaim_us"),
        reclaimed_pages=of_rows("reclaimed_pages"),
        compactions=of_rows("compactions"), compact_us=of_rows("compact_us"),
        compacted=of_rows("compacted"), deferred=of_rows("deferred"),
        other_reclaims=of_wholes("other_reclaims"), other_reclaim_us=of_wholes("other_reclaim_us"),
        other_compactions=of_wholes("other_compactions"), other_compact_us=of_wholes("other_compact_us"),
        oom_kills=of_wholes("oom_kills"),
        kswapd_wakeups=_wakeups(
            row for trial in trials for row in trial.page_requests if row.phase == phase
        ),
    )  # fmt: skip


def _wakeups(rows: Iterable[PageRequests]) -> dict[int, int]:
    woke: Counter[int] = Counter()
    for row in rows:
        woke[row.order] += row.kswapd_wakeups
    return {order: count for order, count in sorted(woke.items()) if count}


def _sum(records: Sequence[AuditRow | AuditPhase], name: str) -> int:
    return sum(getattr(record, name) for record in records)


def _disturbance(variant: str, trials: Sequence[TrialResult], clock: Clock, *, timed: bool) -> Disturbance:
    cold = any(trial.cold for trial in trials)
    pairs = list(_pairs(trials))
    per_ns = 1.0 if clock == "realtime" else 1 / (1 << ICOUNT_SHIFT)
    p50s = [
        (median * per_ns, traced.requests.latency.p50_ns * per_ns)
        for untraced, traced in pairs
        if timed and traced.requests and traced.requests.latency
        if (median := _median_p50(untraced)) is not None
    ]
    differences = sorted(100 * (traced / untraced - 1) for untraced, traced in p50s)
    taken_kb = (phase.taken_kb for trial in trials for phase in trial.audit_phases)
    return Disturbance(
        variant=variant,
        noun=next((trial.requests.noun for trial in trials if trial.requests is not None), "request"),
        pairs=0 if cold else len(pairs),
        boots=len(pairs) if cold else 0,
        unit="ns" if clock == "realtime" else "instructions",
        untraced=statistics.median(untraced for untraced, _ in p50s) if p50s else None,
        traced=statistics.median(traced for _, traced in p50s) if p50s else None,
        percent=(differences[0], statistics.median(differences), differences[-1])
        if differences and not cold
        else None,
        same_outcome=sum(
            any(traced.outcome is one.outcome for one in untraced) for untraced, traced in pairs
        ),
        taken_kb=max(taken_kb, default=0),
    )


def _pairs(trials: Sequence[TrialResult]) -> Iterator[tuple[list[TrialResult], TrialResult]]:
    """Each traced trigger with the untraced ones of its block; a cold one with all, for it has no block."""
    for traced in trials:
        if traced.stage != "audit-trigger":
            continue
        untraced = [
            one for one in trials if one.stage == "trigger" and (traced.cold or one.block == traced.block)
        ]
        if untraced:
            yield untraced, traced


def _median_p50(trials: Sequence[TrialResult]) -> float | None:
    latencies = [trial.requests.latency for trial in trials if trial.requests is not None]
    p50s = [latency.p50_ns for latency in latencies if latency is not None and latency.p50_ns]
    return statistics.median(p50s) if p50s else None
