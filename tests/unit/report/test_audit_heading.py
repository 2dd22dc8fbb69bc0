# SPDX-License-Identifier: Apache-2.0
"""The audit's table says whose requests it counts."""

from __future__ import annotations

import pytest

from orchestrator.analysis.audit import AuditSummary, Disturbance
from orchestrator.report.audit import _asked_for


def summary(noun: str) -> AuditSummary:
    disturbance = Disturbance(
        variant="a", noun=noun, pairs=1, unit="ns", untraced=None, traced=None, percent=None,
        same_outcome=1, taken_kb=0,
    )  # fmt: skip
    return AuditSummary(totals=(), disturbances=(disturbance,))


@pytest.mark.parametrize(
    ("noun", "words"),
    [
        ("mmap", "page arrays of binder mmaps"),
        ("request", "page arrays of binder mmaps"),  # benchmarks without a trigger that counts
        ("allocation", "requests of kmalloc or kvmalloc"),
    ],
)
def test_page_arrays_are_binder_s_alone(noun: str, words: str) -> None:
    assert _asked_for(summary(noun)) == words
