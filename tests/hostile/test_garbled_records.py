# SPDX-License-Identifier: Apache-2.0
"""Records that no agent sends, but a kernel or command that writes to the control line, end no run."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.outcome import Outcome
from orchestrator.record.result import TrialResult
from tests.unit.evidence.guest_output import (
    benchmark,
    hello,
    judged,
    passed,
    record,
    target,
    trigger_end,
    trigger_start,
)

TABLES = (
    "kmalloc", "kmalloc_failed", "vmalloc", "reclaim", "compact", "compact_deferred", "oom_victims",
    "page_alloc", "page_alloc_failed", "unheard-of",
)  # fmt: skip
KEYS = ("order", "gfp_flags", "bytes_req", "size", "status", "call_site")
ODD = ["", "x", "0x10", "1e9", "007", "[ff] f+0x1"]
VALUES = st.one_of(st.integers(-(2**70), 2**70).map(str), st.sampled_from(ODD))
ROWS = st.tuples(
    st.sampled_from(TABLES), st.dictionaries(st.sampled_from(KEYS), VALUES), st.integers(0, 2**70)
)


def requests(table: str, text: str) -> Any:
    return record("histogram", table=table, text=text)


def result(*more: Any) -> TrialResult:
    return judged([hello(), target(), trigger_start(), *more, trigger_end(), record("end", oom_kill_total=0)])


@given(st.lists(ROWS, max_size=6))
def test_any_histogram_is_judged(rows: list[tuple[str, dict[str, str], int]]) -> None:
    tables = []
    for table, keys, hits in rows:
        text = ", ".join(f"{key}: {value}" for key, value in keys.items())
        tables.append(requests(table, f"{{ {text} }} hitcount: {hits}\n"))
    assert result(*tables).outcome is Outcome.PASSED


@pytest.mark.parametrize("name", ["", "BM_mmap_binder", "BM_mmap_binder/x", "BM_x/4/map:y", "BM_x/-1"])
def test_a_benchmark_of_any_name_is_judged(name: str) -> None:
    rows = record("histogram", phase="target", table="kmalloc", text="{ bytes_req: 1 } hitcount: 1\n")
    assert result(benchmark(name), rows).benchmarks[0].name == name


@pytest.mark.parametrize("text", ["x y z", "oom_kill", "", "oom_kill 1 2\n", "\0"])
def test_counters_that_are_none_are_left_out(text: str) -> None:
    samples = [record("sample", when=when, file="vmstat", text=text) for when in ("trigger", "after")]
    assert result(*samples).vmstat_delta == {}


def test_as_many_latencies_as_errors_or_no_record() -> None:
    with pytest.raises(ValueError, match="2 latencies beside 1 error"):
        record("latencies", process=0, first=0, latency_ns=[1, 2], errno=[0])
    assert passed()
