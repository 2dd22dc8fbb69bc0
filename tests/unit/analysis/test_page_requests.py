# SPDX-License-Identifier: Apache-2.0
"""Requests by order over a variant's traced forks: what was not served fell back or failed."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.analysis.page_requests import OrderTotal, order_totals
from orchestrator.record.result import PageRequests, TrialResult
from orchestrator.report.rows import variant_rows
from orchestrator.scenario.triggers.base import TriggerKind
from orchestrator.scenario.triggers.kinds import KINDS
from orchestrator.verdict.variant import variant_verdict
from tests.unit.evidence.guest_output import judged, passed


def row(order: int = 3, **changes: Any) -> PageRequests:
    fields = {"phase": "trigger", "gfp_flags": "A", "requests": 10, "served": 7, "waits": False}
    return PageRequests.model_validate({"order": order, "kswapd_wakeups": 2} | fields | changes)


def traced(*rows: PageRequests, stage: str = "audit-trigger") -> TrialResult:
    return judged(passed()).model_copy(update={"stage": stage, "page_requests": rows})


@pytest.mark.parametrize(("falls_back", "fell_back", "failed"), [(True, 3, 1), (False, 0, 4)])
def test_what_may_not_wait_and_is_not_served_fell_back_where_the_kind_says_so(
    falls_back: bool, fell_back: int, failed: int
) -> None:
    rows = row(), row(gfp_flags="B", waits=True, requests=5, served=4, kswapd_wakeups=0)
    (found,) = order_totals([traced(*rows)], falls_back=falls_back)
    assert found == OrderTotal(
        order=3, gfp_flags=("A", "B"), forks=1, requests=15, served=11, fell_back=fell_back, failed=failed,
        kswapd_wakeups=2,
    )  # fmt: skip


def test_forks_are_added_up_and_order_0_and_other_phases_left_out() -> None:
    trials = [traced(row()), traced(row(), row(1), row(0, requests=None, served=0), row(phase="after"))]
    trials.append(traced(row(), stage="trigger"))
    found = order_totals(trials, falls_back=True)
    assert [(each.order, each.requests, each.forks) for each in found] == [(1, 10, 2), (3, 20, 2)]


def labels(falls_back: bool | None) -> dict[str, list[str]]:
    rows = [traced(row(), row(1)), traced()]
    verdicts = [variant_verdict([each], None, "realtime", timed=True, falls_back=falls_back) for each in rows]
    return {label: cells for label, cells in variant_rows(verdicts) if label.startswith("order ")}


def test_reports_have_a_row_an_order_where_orders_are_the_point() -> None:
    assert labels(falls_back=True) == {
        "order 3: succeeded / fell back / failed, traced": ["7 / 3 / 0", "none"],
        "order 1: succeeded / fell back / failed, traced": ["7 / 3 / 0", "none"],
    }
    assert labels(falls_back=None) == {}


def test_of_all_kinds_sockets_fall_back_and_one_of_the_calls() -> None:
    assert [name for name, kind in KINDS.items() if kind.falls_back is not TriggerKind.falls_back] == [
        "network",
        "syscall",
    ]
