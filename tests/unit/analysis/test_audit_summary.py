# SPDX-License-Identifier: Apache-2.0
"""The audit of a whole run: every count of every traced fork, once, by variant and phase."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.analysis.audit import AuditSummary, AuditTotal, Disturbance, summarise_audit
from orchestrator.outcome import Outcome
from orchestrator.record.result import AuditPhase, AuditRow, LatencySummary, RequestSummary, TrialResult
from orchestrator.stage import TrialPhase
from tests.unit.analysis.trials import trial

ROW = AuditRow(
    phase="trigger", order=3, gfp_flags="GFP_KERNEL", requests=21, contiguous=2, fell_back=3, refused=4,
    reclaims=5, reclaim_us=6, reclaimed_pages=7, compactions=8, compact_us=9, compacted=10, deferred=11,
)  # fmt: skip
PHASE = AuditPhase(
    phase="trigger", made=22, requests=21, other_reclaims=12, other_reclaim_us=13, other_compactions=14,
    other_compact_us=15, oom_kills=16, taken_kb=17, dropped=18,
)  # fmt: skip


def traced(variant: str = "first", block: int = 1, p50_ns: int = 0, **changes: Any) -> TrialResult:
    fields: dict[str, Any] = {"stage": "audit-trigger", "audit": (ROW,), "audit_phases": (PHASE,)}
    return trial(variant, block, p50_ns or None, **(fields | changes))


def summary(*trials: TrialResult, timed: bool = True) -> AuditSummary:
    found = summarise_audit(["first", "second"], trials, "realtime", timed=timed)
    assert found is not None
    return found


def disturbance(*trials: TrialResult, timed: bool = True) -> Disturbance:
    return summary(*trials, timed=timed).disturbances[0]


def test_every_count_is_of_its_own_name() -> None:
    found = summary(traced(), traced(block=2), traced("second"))
    first, second = found.totals
    assert first == AuditTotal(
        variant="first", phase="trigger", forks=2, made=44, requests=42, orders=(3,),
        gfp_flags=("GFP_KERNEL",), contiguous=4, fell_back=6, refused=8, reclaims=10, reclaim_us=12,
        reclaimed_pages=14, compactions=16, compact_us=18, compacted=20, deferred=22, other_reclaims=24,
        other_reclaim_us=26, other_compactions=28, other_compact_us=30, oom_kills=32,
    )  # fmt: skip
    assert (second.variant, second.forks, second.refused) == ("second", 1, 4)
    assert found.dropped == 3 * 18


def test_totals_come_phase_by_phase() -> None:
    phases: tuple[TrialPhase, ...] = ("after", "trigger", "target", "relaxed")
    wholes = tuple(PHASE.model_copy(update={"phase": phase}) for phase in phases)
    totals = summary(*(traced(name, audit_phases=wholes) for name in ("second", "first"))).totals
    assert [(each.phase, each.variant) for each in totals] == [
        (phase, name) for phase in ("relaxed", "target", "trigger", "after") for name in ("first", "second")
    ]
    assert [each.contiguous for each in totals] == [0, 0, 0, 0, 2, 2, 0, 0]


def test_one_fork_that_does_not_say_leaves_the_number_of_mmaps_open() -> None:
    silent = traced(audit_phases=(PHASE.model_copy(update={"made": None}),))
    assert summary(traced(), silent).totals[0].made is None


def test_only_evidence_under_this_clock_counts() -> None:
    lost = traced(outcome=Outcome.LOST)
    other = traced(clock="deterministic")
    assert summary(traced(), lost, other).totals[0].forks == 1
    assert summarise_audit(["first"], [lost, other, trial("first", 1)], "realtime", timed=True) is None


def test_the_forks_of_a_block_are_one_untraced_figure() -> None:
    untraced = [trial("first", 1, p50_ns) for p50_ns in (100, 900, 200)]
    found = disturbance(*untraced, traced(p50_ns=300), trial("first", 2, 7), traced(block=3, p50_ns=9))
    assert (found.variant, found.pairs, found.unit) == ("first", 1, "ns")
    assert (found.untraced, found.traced) == (200, 300)
    assert found.percent == pytest.approx((50, 50, 50))
    assert found.taken_kb == 17


def test_a_blocks_trace_is_alike_if_any_of_its_forks_ended_so() -> None:
    alive, dead = trial("first", 1), trial("first", 1, outcome=Outcome.OOM)
    assert disturbance(alive, dead, traced()).same_outcome == 1
    assert disturbance(dead, traced()).same_outcome == 0


def test_figures_that_are_none_give_no_disturbance() -> None:
    nothing = LatencySummary(count=1, p50_ns=0, p99_ns=0, max_ns=0)
    mmaps = RequestSummary(planned=1, succeeded=1, failed=0, in_flight=0, errnos={}, latency=nothing)
    without = trial("first", 1).model_copy(update={"requests": None})
    for untraced in (trial("first", 1), trial("first", 1, requests=mmaps), without):
        found = disturbance(untraced, traced(p50_ns=9))
        assert (found.pairs, found.percent, found.untraced, found.traced) == (1, None, None, None)
    assert disturbance(trial("first", 1, 100), traced()).percent is None
    assert disturbance(trial("first", 1, 100), traced(p50_ns=120), timed=False).percent is None


def test_the_most_memory_that_tracing_took_is_told() -> None:
    more = traced(block=2, audit_phases=(PHASE.model_copy(update={"taken_kb": 99}),))
    assert disturbance(traced(), more).taken_kb == 99
    assert summary(traced()).disturbances[1].taken_kb == 0
