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

_DEFRAG = "/sys/kernel/mm/transparent_hugepage/defrag"
# Order-9 blocks are short; movable pages and page cache are in the way of more.
SHORT = f"""
name: short
device:
  arch: arm64
  memory: 384MiB
  sysctls: {{vm.watermark_boost_factor: 0, vm.compaction_proactiveness: 0}}
variants:
  direct: {{base: debian-6.12, sysfs: {{{_DEFRAG}: madvise}}}}
  never: {{base: debian-6.12, sysfs: {{{_DEFRAG}: never}}}}
fragmentation:
  target: {{usable_units: {{order: 9, max: 8}}, free: {{min: 96MiB}}, hard: unchecked}}
  stressors: [{{kind: page_cache, size: 32MiB}}, anonymous]
trigger: {{kind: command, command: "true"}}
benchmarks:
  - {{kind: thp, sizes: [64KiB, 2MiB], iterations: 30, when: [relaxed, target]}}
trials: {{clock: deterministic, blocks: 1}}
audit: false
"""


Rows = dict[tuple[str, str, str], tuple[BenchmarkRow, Mapping[str, int]]]
"""By variant, memory and name: a benchmark's figures, and what it cost."""


@pytest.fixture(scope="module")
def rows(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Rows:
    oomlab = Oomlab(checkout, tmp_path_factory.mktemp("huge"))
    (oomlab.directory / "short.yaml").write_text(SHORT)
    completed = oomlab("run", "short.yaml", "--out", "run")
    assert completed.returncode == ExitCode.MET, completed.stderr.decode()
    results = trial_results(read_journal(oomlab.directory / "run" / "journal.jsonl"))
    found: Rows = {}
    for result in results:
        costs = {(cost.phase, cost.benchmark): cost.figures for cost in result.costs}
        for row in result.benchmarks:
            found[result.variant, row.when, row.name] = row, costs[row.when, row.name]
    return found


def test_with_memory_relaxed_every_fault_gets_a_page_of_its_size(rows: Rows) -> None:
    for variant in ("direct", "never"):
        small, usual = (rows[variant, "relaxed", f"BM_thp_fault/{size}"][0] for size in (65536, 2097152))
        for row in (small, usual):
            assert (row.iterations, row.failed, row.error) == (30, 0, None)
        assert small.real_ns < usual.real_ns / 8, "a thirty-second of the memory is zeroed"
        assert usual.counters["thp_fault_alloc"] == 30
        assert "thp_fault_alloc" not in small.counters
        assert small.settings["size"] == "madvise"


def test_where_blocks_are_short_success_is_bought_by_compaction(rows: Rows) -> None:
    (direct, spent), (never, saved) = (
        rows[variant, "target", "BM_thp_fault/2097152"] for variant in ("direct", "never")
    )
    assert (direct.settings["defrag"], never.settings["defrag"]) == ("madvise", "never")
    assert spent["direct_compactions"] > 0
    assert saved["direct_compactions"] == saved["direct_reclaims"] == 0
    assert 0 < never.iterations - never.failed < 30
    assert direct.failed <= never.failed
    assert direct.failed_ns is not None
    assert never.failed_ns is not None
    assert direct.failed_ns > 10 * never.failed_ns, "a fault that falls back has tried first"
    assert never.counters["thp_fault_fallback"] == never.failed
