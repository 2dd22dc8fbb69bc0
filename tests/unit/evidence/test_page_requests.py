# SPDX-License-Identifier: Apache-2.0
"""Requests to the page allocator by order, from histograms that real guests sent (Debian 6.1 and 6.12)."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.evidence.page_requests import page_requests
from orchestrator.protocol.records import Histogram, parse_record
from orchestrator.record.result import PageRequests

DATA = Path(__file__).parents[2] / "data" / "audit"
RELEASES = {"6.1-arm64": "6.1.0-50-arm64", "6.12-arm64": "6.12.117+deb12-arm64"}
FRAGMENTS = "GFP_NOWAIT|__GFP_IO|__GFP_FS|__GFP_NOWARN|__GFP_NORETRY|__GFP_COMP"
"""skb_page_frag_refill() (net/core/sock.c): GFP_KERNEL without direct reclaim; kswapd may be woken."""


def recorded(name: str) -> list[Histogram]:
    records = map(parse_record, (DATA / f"{name}.jsonl").read_bytes().splitlines())
    return [record for record in records if isinstance(record, Histogram)]


@pytest.mark.parametrize(
    ("guest", "small_order", "requests", "served", "woke"),
    [("6.1-arm64", 1, 6716, 5370, 46), ("6.12-arm64", 2, 5934, 5482, 3)],
)
def test_socket_buffers_ask_for_order_3_wake_kswapd_and_do_not_wait(
    guest: str, small_order: int, requests: int, served: int, woke: int
) -> None:
    small, large = page_requests(recorded(f"{guest}-network"), release=RELEASES[guest])
    assert large == PageRequests(
        phase="trigger", order=3, gfp_flags=FRAGMENTS, requests=requests, served=served, waits=False,
        kswapd_wakeups=woke,
    )  # fmt: skip
    assert (small.order, small.kswapd_wakeups) == (small_order, 0)


def test_what_may_reclaim_is_told_apart() -> None:
    rows = page_requests(recorded("6.1-arm64-kcalloc"), release=RELEASES["6.1-arm64"])
    assert {row.waits for row in rows if row.order == 3} == {True}


def test_requests_of_order_0_are_known_by_whom_they_woke_alone() -> None:
    text = "{ order:          0, gfp_flags:       3264 } hitcount:          7\n"
    record = Histogram(t_us=1, event="histogram", phase="trigger", table="kswapd_wakeups", text=text)
    (row,) = page_requests([record], release="6.1.0-50-arm64")
    assert (row.order, row.requests, row.served, row.kswapd_wakeups) == (0, None, 0, 7)


def test_phases_are_kept_apart_and_other_tables_left_out() -> None:
    text = "{ order:          3, gfp_flags:       3264 } hitcount:          7\n"

    def record(phase: str, table: str) -> Histogram:
        return Histogram.model_validate(
            {"t_us": 1, "event": "histogram", "phase": phase, "table": table, "text": text}
        )

    found = page_requests(
        [record("trigger", "page_alloc"), record("after", "page_alloc_failed"), record("after", "reclaim")],
        release="6.1.0-50-arm64",
    )
    assert [(row.phase, row.requests, row.served) for row in found] == [("trigger", 7, 7), ("after", 7, 0)]


def test_nothing_comes_of_a_kernel_whose_flags_are_not_known() -> None:
    assert page_requests(recorded("6.1-arm64-network"), release="x") == ()
