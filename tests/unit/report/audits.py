# SPDX-License-Identifier: Apache-2.0
"""The audit of a run that `factory` makes, as `orchestrator.analysis.audit` would have put it."""

from __future__ import annotations

from orchestrator.analysis.audit import AuditSummary, AuditTotal, Disturbance
from orchestrator.clock import Clock
from orchestrator.stage import TrialPhase


def audit_summary(clock: Clock, gfp_flags: str) -> AuditSummary:
    """kcalloc asks in vain, kvcalloc falls back; relaxed both are served at once."""
    totals = [
        _total("kcalloc", "relaxed", gfp_flags, 400, 0, 0),
        _total("kvcalloc", "relaxed", gfp_flags, 400, 0, 0),
        _total("kcalloc", "trigger", gfp_flags, 120, 0, 1),
        _total("kvcalloc", "trigger", gfp_flags, 160, 440, 0),
    ]
    disturbances = [
        Disturbance(
            variant=variant, pairs=3, unit="ns" if clock == "realtime" else "instructions", untraced=90_000.0,
            traced=99_000.0, percent=(8.0, 10.0, 12.5), same_outcome=3, taken_kb=1_016,
        )
        for variant in ("kcalloc", "kvcalloc")
    ]  # fmt: skip
    return AuditSummary(totals=tuple(totals), disturbances=tuple(disturbances))


def _total(
    variant: str, phase: TrialPhase, gfp_flags: str, contiguous: int, fell_back: int, refused: int
) -> AuditTotal:
    requests = contiguous + fell_back + refused
    return AuditTotal(
        variant=variant, phase=phase, forks=3, made=requests, requests=requests, orders=(3,),
        gfp_flags=(gfp_flags,), contiguous=contiguous, fell_back=fell_back, refused=refused, reclaims=40,
        reclaim_us=9_000, reclaimed_pages=3, compactions=60, compact_us=30_000, compacted=4, deferred=11,
        other_reclaims=0, other_reclaim_us=0, other_compactions=0, other_compact_us=0, oom_kills=refused,
    )  # fmt: skip
