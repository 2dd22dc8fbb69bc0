# SPDX-License-Identifier: Apache-2.0
"""What the report says of the allocation audit, and of what tracing disturbed."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from orchestrator.analysis.audit import AuditSummary, summarise_audit
from orchestrator.clock import Clock
from orchestrator.outcome import Outcome
from orchestrator.record.result import (
    AuditPhase,
    AuditRow,
    LatencySummary,
    PageRequests,
    RequestSummary,
    TrialResult,
)
from orchestrator.report.audit import print_audit
from orchestrator.stage import Stage
from orchestrator.verdict.verdict import PassVerdict, compute_verdict
from tests.unit.evidence.guest_output import ACCELERATORS
from tests.unit.verdict.test_verdict import scenario, survived

ROW = AuditRow(
    phase="trigger", order=3, gfp_flags="GFP_KERNEL|__GFP_NORETRY", requests=600, contiguous=170,
    fell_back=430, refused=0, reclaims=440, reclaim_us=110_056, compactions=36, compact_us=30_875,
    deferred=843,
)  # fmt: skip
PHASE = AuditPhase(
    phase="trigger", made=600, requests=600, other_reclaims=5, other_reclaim_us=1500, other_compactions=0,
    other_compact_us=0, oom_kills=0, taken_kb=1008,
)  # fmt: skip


def trial(block: int, p50_ns: int, stage: Stage = "trigger", clock: Clock = "realtime") -> TrialResult:
    latency = LatencySummary(count=600, p50_ns=p50_ns, p99_ns=9 * p50_ns, max_ns=10 * p50_ns)
    mmaps = RequestSummary(planned=600, succeeded=600, failed=0, in_flight=0, errnos={}, latency=latency)
    changes = {"trial": block, "block": block, "stage": stage, "clock": clock, "requests": mmaps}
    return survived().model_copy(update=changes)


def traced(block: int, p50_ns: int, phase: AuditPhase = PHASE, clock: Clock = "realtime") -> TrialResult:
    changes = {"audit": (ROW,), "audit_phases": (phase,)}
    return trial(block, p50_ns, "audit-trigger", clock).model_copy(update=changes)


def summary(*trials: TrialResult, clock: Clock = "realtime", timed: bool = True) -> AuditSummary:
    found = summarise_audit(["kvcalloc"], trials, clock, timed=timed)
    assert found is not None
    return found


def printed(*trials: TrialResult) -> str:
    verdict = compute_verdict(scenario(), [], trials, accelerators=ACCELERATORS)
    return text_of(verdict.passes[0])


def text_of(each: PassVerdict) -> str:
    console = Console(file=StringIO(), width=80)
    print_audit(each, console)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_forks_are_added_up() -> None:
    (total,) = summary(traced(1, 100), traced(2, 100)).totals
    assert (total.forks, total.made, total.requests, total.orders) == (2, 1200, 1200, (3,))
    assert (total.contiguous, total.fell_back, total.reclaims, total.deferred) == (340, 860, 880, 1686)
    assert (total.other_reclaims, total.reclaim_us) == (10, 220_112)


def test_tracing_is_held_against_the_untraced_fork_of_the_same_block() -> None:
    trials = [trial(1, 100), traced(1, 110), trial(2, 200), traced(2, 260), trial(3, 7), traced(4, 9)]
    (one,) = summary(*trials).disturbances
    assert (one.pairs, one.untraced, one.traced, one.same_outcome) == (2, 150, 185, 2)
    assert one.percent == pytest.approx((10, 20, 30))


def test_guests_that_disturbed_one_another_say_nothing_of_tracing() -> None:
    (one,) = summary(trial(1, 100), traced(1, 110), timed=False).disturbances
    assert (one.pairs, one.percent, one.untraced) == (1, None, None)


def test_under_the_deterministic_clock_instructions_are_counted() -> None:
    trials = (trial(1, 4000, clock="deterministic"), traced(1, 5000, clock="deterministic"))
    (one,) = summary(*trials, clock="deterministic").disturbances
    assert (one.unit, one.untraced, one.traced) == ("instructions", 1000, 1250)


def test_the_report_shows_paths_prices_and_disturbance() -> None:
    text = printed(trial(1, 100_000), traced(1, 120_000))
    assert "170 / 430 / 0" in text
    assert "440, 110.1 ms" in text
    assert "36, 30.9 ms" in text
    assert "843" in text
    assert (
        "one mmap of kvcalloc takes +20.0 % (p50 of 1 block: 100.0 to 120.0 us, the machine's noise included)"
        in text
    )
    assert "1008 kB of a guest's memory" in text
    assert "were made and" not in text


def test_nothing_is_said_of_page_arrays_where_none_was_asked_for() -> None:
    none = PHASE.model_copy(update={"made": None, "requests": 0})
    text = printed(trial(1, 100), traced(1, 100, none).model_copy(update={"audit": ()}))
    assert "page arrays" not in text
    assert "contiguous" not in text
    assert "5, 1.5 ms" in text


def test_an_audit_that_is_not_whole_says_so() -> None:
    partial = PHASE.model_copy(update={"made": 601, "dropped": 2})
    died = traced(1, 100, partial).model_copy(update={"outcome": Outcome.OOM})
    text = printed(trial(1, 100), died)
    assert "601 requests made and 600 page arrays traced" in text
    assert "tracing changed the outcome in 1 of 1 block\n" in text
    assert "2 traced events not in the audit" in text


def test_without_an_audit_the_proof_is_missed_aloud() -> None:
    assert "no proof by gfp flags" in printed(trial(1, 100))


def test_who_woke_kswapd_is_said_where_no_page_arrays_are_the_point() -> None:
    woke = PageRequests(
        phase="trigger", order=3, gfp_flags="A", requests=9, served=1, waits=False, kswapd_wakeups=46
    )
    phase = PHASE.model_copy(update={"made": None, "requests": 0})
    fork = traced(1, 1000, phase).model_copy(update={"audit": (), "page_requests": (woke,)})
    assert "46 by order 3" in printed(fork)
    assert "kswapd woken" not in printed(traced(1, 1000))
