# SPDX-License-Identifier: Apache-2.0
"""Requests are counted once, whatever the kernel calls its allocator's functions."""

from __future__ import annotations

import pytest

from orchestrator.requests import summarise_requests
from orchestrator.result import RequestPaths

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


def summary(release: str, served: str, failed: str) -> RequestPaths:
    tables = {"kmalloc": served, "kmalloc_failed": failed}
    paths = summarise_requests(tables, None, release=release, array_bytes=ARRAY_BYTES)
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
    )
    assert (paths.contiguous, paths.fell_back, paths.refused, paths.insists) == (202, 398, 0, False)


@pytest.mark.parametrize(
    ("release", "inner"), [("6.1.0-56-arm64", ()), ("6.12.100-arm64", ("__kmalloc_noprof",))]
)
def test_kcalloc_has_nothing_to_fall_back_on(release: str, inner: tuple[str, ...]) -> None:
    sites = ("binder_alloc_mmap_handler [binder_linux]", *inner)
    paths = summary(
        release,
        histogram(*((name, KCALLOC, 202) for name in sites)),
        histogram(*((name, KCALLOC, 1) for name in sites)),
    )
    assert (paths.contiguous, paths.fell_back, paths.refused, paths.insists) == (202, 0, 1, True)
