# SPDX-License-Identifier: Apache-2.0
"""Faults of huge pages in real guests: which size served them, and what that cost."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from orchestrator.errors import ExitCode
from orchestrator.record.journal import read_journal, trial_results
from orchestrator.record.result import BenchmarkRow
from tests.guest.conftest import Oomlab

pytestmark = pytest.mark.guest

Rows = dict[tuple[str, str, str], tuple[BenchmarkRow, Mapping[str, int]]]
"""By variant, memory and name: a benchmark's figures, and what it cost."""


@pytest.fixture(scope="module")
def rows(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Rows:
    oomlab = Oomlab(checkout, tmp_path_factory.mktemp("huge"))
    completed = oomlab("run", "thp-fragmented", "--set", "trials.blocks=1", "--out", "run")
    assert completed.returncode == ExitCode.MET, completed.stderr.decode()
    results = trial_results(read_journal(oomlab.directory / "run" / "journal.jsonl"))
    found: Rows = {}
    for result in results:
        costs = {(cost.phase, cost.benchmark): cost.figures for cost in result.costs}
        for row in result.benchmarks:
            found[result.variant, row.when, row.name] = row, costs[row.when, row.name]
    return found


def test_with_memory_relaxed_every_fault_gets_a_page_of_its_size(rows: Rows) -> None:
    for variant in ("madvise", "defer", "never"):
        small, usual = (rows[variant, "relaxed", f"BM_thp_fault/{size}"][0] for size in (65536, 2097152))
        for row in (small, usual):
            assert (row.iterations, row.failed, row.error) == (50, 0, None)
        assert small.real_ns < usual.real_ns / 8, "a thirty-second of the memory is zeroed"
        assert usual.counters["thp_fault_alloc"] == 50
        assert "thp_fault_alloc" not in small.counters
        assert small.settings["size"] == "madvise"


def test_where_blocks_are_short_success_is_bought_by_compaction(rows: Rows) -> None:
    (direct, spent), (deferred, woken), (never, saved) = (
        rows[variant, "target", "BM_thp_fault/2097152"] for variant in ("madvise", "defer", "never")
    )
    assert [row.settings["defrag"] for row in (direct, deferred, never)] == ["madvise", "defer", "never"]
    assert spent["direct_compactions_succeeded"] > 0
    assert woken["direct_compactions"] == saved["direct_compactions"] == saved["direct_reclaims"] == 0
    assert woken["pages_scanned_kswapd"] > saved["pages_scanned_kswapd"] == 0
    served = [row.iterations - row.failed for row in (direct, deferred, never)]
    assert served[0] > max(served[1:])
    assert 0 < min(served[1:]) <= max(served[1:]) < 15
    assert direct.failed_ns is not None
    assert never.failed_ns is not None
    assert direct.failed_ns > 10 * never.failed_ns, "a fault that falls back has tried first"
    assert never.counters["thp_fault_fallback"] == never.failed
