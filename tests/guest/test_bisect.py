# SPDX-License-Identifier: Apache-2.0
"""`git bisect run` on a real history of the real kernel: it names the commit that planted the fault."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.paths import cache_dir
from tests.guest import kernel_history
from tests.guest.kernel_history import BROKEN, CHANGES, FAULT, History

pytestmark = pytest.mark.guest

SCENARIO = """\
name: order-3
device: {arch: arm64, memory: 256MiB, sysctls: {vm.watermark_boost_factor: 0, vm.compaction_proactiveness: 0}}
variants:
  linux: {base: {source: linux-source-6.12, config: small}}
fragmentation:
  target: {usable_units: {order: 3, max: 300}, free: {min: 64MiB}, hard: required}
  stressors: [pipes]
trigger: {kind: binder-mmap, size: 4MiB, count: 600, hold: true}
expectations:
  linux: {outcome: passed, requests_failed: 0}
"""


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    with kernel_history.made(tmp_path) as history:
        yield history


def test_the_commit_that_planted_the_fault_is_named(history: History, tmp_path: Path, checkout: Path) -> None:
    scenario = tmp_path / "order-3.yaml"
    scenario.write_text(SCENARIO)
    # Two blocks that agree are enough for this error, and guests of two run side by side.
    words = ["bisect-step", str(scenario), "--tree", ".", "--error", "0.02"]
    step = [sys.executable, "-P", "-m", "orchestrator", *words]
    history.git("bisect", "start", history.commits[-1], history.commits[0])
    # A home of its own would have a cache of its own, and everything would be built from nothing.
    there = {"PYTHONPATH": str(checkout), "OOMLAB_CACHE": str(cache_dir())}
    said = history.git("bisect", "run", *step, **there)
    assert f"{history.commit_of(FAULT)} is the first bad commit" in said, said
    answers = dict(_answers((history.tree.parent / "linux.bisect/steps.log").read_text()))
    # The middle of the history is asked for first, and it does not build.
    assert answers.pop(BROKEN) == "skip"
    subjects = [change.subject for change in CHANGES]
    for subject, answer in answers.items():
        assert answer == ("bad" if subjects.index(subject) >= subjects.index(FAULT) else "good")
    assert history.git("status", "--porcelain") == ""
    assert shlex.join(["git", "bisect", "skip", history.commit_of(BROKEN)]) in history.git("bisect", "log")


def _answers(log: str) -> Iterator[tuple[str, str]]:
    for line in log.splitlines():
        answer, _, said = line.partition(": ")
        yield next(change.subject for change in CHANGES if f"] {change.subject}: " in said), answer
