# SPDX-License-Identifier: Apache-2.0
"""Requests to the page allocator by order, over a variant's traced forks. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pydantic import Field

from orchestrator.frozen import Frozen
from orchestrator.record.result import PageRequests, TrialResult


class OrderTotal(Frozen):
    """Requests of one order that a variant's traced triggers made of the page allocator."""

    order: int = Field(description="of 2^order contiguous pages each")
    gfp_flags: tuple[str, ...] = Field(description="with which they were made")
    forks: int = Field(description="traced forks that they are summed over; in a cold run traced boots")
    requests: int = Field(description="how many")
    served: int = Field(description="of them, at that order")
    fell_back: int = Field(description="failed, without direct reclaim: made again at a smaller order")
    failed: int = Field(description="failed otherwise")
    kswapd_wakeups: int = Field(description="of them, those that woke a sleeping kswapd")


def order_totals(trials: Iterable[TrialResult], *, falls_back: bool) -> tuple[OrderTotal, ...]:
    """By order, from 1 up, of the triggers among traced `trials` of one variant.

    `falls_back`: what the trigger's requests come to without direct reclaim (TriggerKind.falls_back).
    """
    traced = [trial for trial in trials if trial.stage == "audit-trigger"]
    rows = [row for trial in traced for row in trial.page_requests if row.phase == "trigger" and row.order]
    return tuple(
        _total([row for row in rows if row.order == order], order, len(traced), falls_back=falls_back)
        for order in sorted({row.order for row in rows})
    )


def _total(rows: Sequence[PageRequests], order: int, forks: int, *, falls_back: bool) -> OrderTotal:
    requests, served = sum(row.requests or 0 for row in rows), sum(row.served for row in rows)
    fell_back = sum((row.requests or 0) - row.served for row in rows if falls_back and not row.waits)
    return OrderTotal(
        order=order,
        gfp_flags=tuple(dict.fromkeys(row.gfp_flags for row in rows)),
        forks=forks,
        requests=requests,
        served=served,
        fell_back=fell_back,
        failed=requests - served - fell_back,
        kswapd_wakeups=sum(row.kswapd_wakeups for row in rows),
    )
