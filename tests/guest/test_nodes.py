# SPDX-License-Identifier: Apache-2.0
"""Two NUMA nodes: one is fragmented, the other is not, and twice to the same byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.analysis.controls import TRANSCRIPTS
from orchestrator.outcome import Outcome
from orchestrator.record.directory import RunDirectory
from orchestrator.record.journal import BlockEnded, read_journal, trial_results
from orchestrator.record.result import BlockResult, TrialResult
from orchestrator.run.engine import RunOptions, run_scenario
from orchestrator.scenario.loading.loader import load_text
from tests.guest.conftest import Quiet

pytestmark = pytest.mark.guest

TEXT = """
name: one-node-of-two
device:
  arch: arm64
  memory: 160MiB
  nodes: [96MiB, 64MiB]
  sysctls: {vm.watermark_boost_factor: 0, vm.compaction_proactiveness: 0}
variants: {kcalloc: {base: debian-6.1}}
fragmentation:
  target:
    usable_units: [{order: 3, max: 40, node: 0}, {order: 3, min: 300, node: 1}]
    free: {min: 16MiB}
  stressors: [pipes]
trigger: {kind: binder-mmap, size: 4MiB, count: 200, hold: true}
trials: {blocks: 1, seed: 5, clock: deterministic}
audit: false
"""


def finished(directory: Path, text: str = TEXT) -> tuple[RunDirectory, BlockResult, TrialResult]:
    loaded = load_text(text, Path("nodes.yaml"))
    judged = run_scenario(loaded, Quiet(), RunOptions(command="test", out=directory))
    entries = read_journal(judged.directory.journal)
    (block,) = [entry.result for entry in entries if isinstance(entry, BlockEnded)]
    (trial,) = trial_results(entries)
    return judged.directory, block, trial


def test_what_one_node_lacks_the_other_serves_and_all_of_it_repeats(tmp_path: Path) -> None:
    (first, block, trial), (second, again, once_more) = (
        finished(tmp_path / name) for name in ("first", "second")
    )
    assert block.target is not None
    near, far = block.target.nodes
    assert near.usable_units is not None
    assert far.usable_units is not None
    assert near.usable_units[3] <= 40
    assert far.usable_units[3] >= 300
    # The processor is on node 0, which has no more than 40 blocks for 200 requests.
    assert trial.outcome is Outcome.PASSED
    assert (block.fingerprint, block.ram_sha256) == (again.fingerprint, again.ram_sha256)
    for file in TRANSCRIPTS:
        said = [
            run.path / "trials" / each.directory / file for run, each in ((first, trial), (second, once_more))
        ]
        assert said[0].read_bytes() == said[1].read_bytes()


def test_a_node_that_the_kernel_alone_fills_costs_no_process_its_life(tmp_path: Path) -> None:
    units = "[{order: 3, max: 40, node: 0}, {order: 3, min: 300, node: 1}]"
    text = TEXT.replace("[96MiB, 64MiB]", "[32MiB, 128MiB]").replace(units, "{order: 3, max: 300}")
    _, block, _ = finished(tmp_path / "run", text)
    assert block.target is not None
    assert (block.target.reason, block.frozen) == ("reached", True)
    assert block.target.nodes[0].free_kb is not None
    assert block.target.nodes[0].free_kb < 4096
