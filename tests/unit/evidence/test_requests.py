# SPDX-License-Identifier: Apache-2.0
"""Page arrays are counted once, whatever the kernel calls its allocator's functions, and never twice over."""

from __future__ import annotations

import pytest

from orchestrator.evidence.audit import PhaseContext, audit_trial
from orchestrator.evidence.requests import summarise_requests
from orchestrator.oom.gfp import decode
from orchestrator.protocol.records import Histogram, VmallocInfo
from orchestrator.record.fallback import settled
from orchestrator.record.result import AuditPhase, AuditRow, RequestPaths, RequestSummary, TrialResult
from tests.unit.evidence.guest_output import judged, passed

ARRAY_BYTES = 32768
KCALLOC, KVCALLOC = 3520, 77248  # GFP_KERNEL|__GFP_ZERO, and with __GFP_NOWARN|__GFP_NORETRY


def histogram(*rows: tuple[str, int, int]) -> str:
    """Rows of (call site, gfp flags, hits) as arm64 kernels print them."""
    lines = [
        f"{{ call_site: [ffff800080352c64] {site:<45}, gfp_flags: {flags:10}, bytes_req: {ARRAY_BYTES:10} }} "
        f"hitcount: {hits:10}\n"
        for site, flags, hits in rows
    ]
    return "# event histogram\n#\n\n" + "".join(lines) + "\nTotals:\n    Hits: 404\n"


def summary(release: str, served: str, failed: str, unserved: int) -> RequestPaths:
    tables = {"kmalloc": served, "kmalloc_failed": failed}
    records = [Histogram(event="requests", t_us=0, table=table, text=text) for table, text in tables.items()]
    facts = {"trigger": PhaseContext((ARRAY_BYTES,), unserved)}
    rows, _ = audit_trial(records, (), facts, release=release, page_bytes=4096)  # type: ignore[arg-type]
    paths = summarise_requests(rows, tables, None, release=release)
    assert paths is not None
    return paths


@pytest.mark.parametrize(
    ("release", "site", "inner"),
    [
        ("6.1.0-56-arm64", "kvmalloc_node", ()),
        ("6.12.100-arm64", "__kvmalloc_node_noprof", ("__kmalloc_node_noprof",)),
    ],
)
def test_kvcalloc_falls_back_as_often_as_kmalloc_fails(
    release: str, site: str, inner: tuple[str, ...]
) -> None:
    paths = summary(
        release,
        histogram(*((name, KVCALLOC, 202) for name in (site, *inner))),
        histogram(*((name, KVCALLOC, 398) for name in (site, *inner))),
        unserved=0,
    )
    assert (paths.contiguous, paths.fell_back, paths.refused, paths.insists) == (202, 398, 0, False)
    assert paths.gfp_flags == {"GFP_KERNEL|__GFP_NOWARN|__GFP_NORETRY|__GFP_ZERO": 600}


@pytest.mark.parametrize(
    ("release", "inner"), [("6.1.0-56-arm64", ()), ("6.12.100-arm64", ("__kmalloc_noprof",))]
)
def test_kcalloc_has_nothing_to_fall_back_on(release: str, inner: tuple[str, ...]) -> None:
    sites = ("binder_alloc_mmap_handler [binder_linux]", *inner)
    paths = summary(
        release,
        histogram(*((name, KCALLOC, 202) for name in sites)),
        histogram(*((name, KCALLOC, 1) for name in sites)),
        unserved=1,
    )
    assert (paths.contiguous, paths.fell_back, paths.refused, paths.insists) == (202, 0, 1, True)


def earlier(ok: int, *rows: AuditRow, fell_back: int, audited: bool = True) -> TrialResult:
    """A traced trial as a program recorded it that took __GFP_NORETRY for a fallback."""
    paths = RequestPaths(
        gfp_flags={}, contiguous=446, fell_back=fell_back, refused=1354 - fell_back, insists=False,
        vmalloc_areas=None, page_orders={},
    )  # fmt: skip
    mmaps = RequestSummary(planned=1800, succeeded=ok, failed=1800 - ok, in_flight=0, errnos={}, latency=None)
    whole = AuditPhase(
        phase="trigger", made=1800, requests=1800, other_reclaims=0, other_reclaim_us=0,
        other_compactions=0, other_compact_us=0, oom_kills=0, taken_kb=0,
    )  # fmt: skip
    changes = {
        "page_arrays": paths,
        "requests": mmaps,
        "audit": rows,
        "audit_phases": (whole,) if audited else (),
    }
    return judged(passed()).model_copy(update=changes)


def row(flags: int, failed: int, *, fell_back: int, contiguous: int = 446) -> AuditRow:
    return AuditRow(
        phase="trigger", order=3, gfp_flags=decode(flags, "6.1"), requests=contiguous + failed,
        contiguous=contiguous, fell_back=fell_back, refused=failed - fell_back, reclaims=0, reclaim_us=0,
        compactions=0, compact_us=0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("result", "fell_back"),
    [
        (earlier(446, row(69056, 1354, fell_back=0), fell_back=1354), 0),  # kcalloc with __GFP_NORETRY
        (earlier(1800, row(28096, 1354, fell_back=0), fell_back=0), 1354),  # kvcalloc, __GFP_RETRY_MAYFAIL
        (earlier(1800, row(77248, 1354, fell_back=1354), fell_back=1354), 1354),
        (earlier(446, fell_back=1354, audited=False), 0),
        (earlier(1800, fell_back=1354, audited=False), 1354),
    ],
)
def test_earlier_runs_are_counted_as_today(result: TrialResult, fell_back: int) -> None:
    now = settled(result)
    assert now.page_arrays is not None
    assert (now.page_arrays.fell_back, now.page_arrays.refused) == (fell_back, 1354 - fell_back)
    assert [(each.fell_back, each.refused) for each in now.audit] == [(fell_back, 1354 - fell_back)][
        : len(now.audit)
    ]


def test_what_was_seen_is_not_settled_again() -> None:
    result = earlier(446, row(69056, 1354, fell_back=7), fell_back=7)
    seen = result.audit_phases[0].model_copy(update={"vmalloc_seen": True})
    result = result.model_copy(update={"audit_phases": (seen,)})
    assert settled(result) == result


def test_page_requests_are_counted_by_order_and_by_whether_they_give_up() -> None:
    """Those that failed, too: 3264 is GFP_KERNEL, 0x10000 __GFP_NORETRY."""
    row = "{{ order: {}, gfp_flags: {} }} hitcount: {}\n".format
    tables = {
        "kmalloc": "",
        "page_alloc": row(0, 3264, 7) + row(3, 3264, 2) + row(3, 3264 | 0x10000, 4) + row(3, 3520, 1),
        "page_alloc_failed": row(3, 3264 | 0x10000, 5) + row(9, 3264, 6),
    }
    paths = summarise_requests([], tables, None, release="6.1.0-56-arm64")
    assert paths is not None
    assert paths.page_orders == {"order 0": 7, "order 3": 3, "order 3 noretry": 9, "order 9": 6}
    assert (paths.insists, paths.vmalloc_areas) == (False, None)


def test_without_a_histogram_or_a_kernel_that_is_known_there_are_no_paths() -> None:
    assert summarise_requests([], {"page_alloc": ""}, None, release="6.1.0-56-arm64") is None
    assert summarise_requests([], {"kmalloc": ""}, None, release="2.4.37") is None


def test_the_drivers_own_areas_are_those_that_the_guest_counted() -> None:
    areas = VmallocInfo(event="vmallocinfo", t_us=0, areas=3, size_bytes=1)
    paths = summarise_requests([], {"kmalloc": ""}, areas, release="6.1.0-56-arm64")
    assert paths is not None
    assert paths.vmalloc_areas == 3
