# SPDX-License-Identifier: Apache-2.0
"""Contiguous, by vmalloc, refused: of drivers that ask in other ways, and the same in every report."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import ExitCode
from orchestrator.record.journal import read_journal, trial_results
from orchestrator.record.result import TrialResult
from orchestrator.scenario.costs import COSTS
from tests.guest.conftest import Oomlab

pytestmark = pytest.mark.guest

MMAPS = 600
SCENARIO = f"""\
name: counts
device: {{backend: qemu, arch: arm64, memory: 256MiB, cpus: 1, cma: 0,
          sysctls: {{vm.watermark_boost_factor: 0, vm.compaction_proactiveness: 0}}}}
variants:
  kcalloc: {{base: debian-6.1}}
  kvcalloc: {{base: debian-6.1, scope: drivers/android, patches: [binder-kvcalloc-6.1.patch]}}
  noretry: {{base: debian-6.1, scope: drivers/android, patches: [binder-noretry-6.1.patch]}}
  vcalloc: {{base: debian-6.1, scope: drivers/android, patches: [binder-vcalloc-6.1.patch]}}
  three-ways: {{base: debian-6.1, scope: drivers/android, patches: [binder-three-ways-6.1.patch]}}
fragmentation:
  target: {{usable_units: {{order: 3, max: 300}}, free: {{min: 64MiB}}, hard: required}}
  stressors: [pipes]
trigger: {{kind: binder-mmap, size: 4MiB, count: {MMAPS}, hold: true}}
trials: {{blocks: 1, seed: 1, timing: false}}
"""
Counts = tuple[int, int, int]


@pytest.fixture(scope="module")
def ended(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Oomlab:
    """A finished run of five drivers, in `run`."""
    oomlab = Oomlab(checkout, tmp_path_factory.mktemp("counts"))
    for name in ("noretry", "vcalloc", "three-ways"):
        patch = checkout / f"tests/data/binder-{name}-6.1.patch"
        (oomlab.directory / patch.name).write_bytes(patch.read_bytes())
    (oomlab.directory / "counts.yaml").write_text(SCENARIO)
    done = oomlab("run", "counts.yaml", "--out", "run")
    assert done.returncode in (ExitCode.MET, ExitCode.NOT_MET), done.stderr.decode()
    return oomlab


def traced(oomlab: Oomlab) -> dict[str, TrialResult]:
    results = trial_results(read_journal(oomlab.directory / "run/journal.jsonl"))
    return {result.variant: result for result in results if result.stage == "audit-trigger"}


def test_a_trial_tells_what_it_cost_the_kernel_and_what_the_trigger_waited(ended: Oomlab) -> None:
    results = trial_results(read_journal(ended.directory / "run/journal.jsonl"))
    untraced = [result for result in results if result.stage == "trigger"]
    assert untraced
    for result in untraced:
        (costs,) = result.costs
        assert costs.figures.keys() == {figure.key for figure in COSTS}
        assert 0 <= costs.figures["kswapd_cpu_ns"] < costs.elapsed_ns
        # It was killed, or it was not: its accounts are read either way.
        compacted = costs.figures["direct_compactions"] > 0
        assert (costs.figures["trigger_compaction_ns"] > 0) is compacted
    assert all(not result.costs for result in results if result.stage.startswith("audit-"))
    assert any(result.costs[0].figures["direct_compactions"] for result in untraced)


def counts(of: Any) -> Counts:
    return of.contiguous, of.fell_back, of.refused


def test_vmalloc_is_counted_where_it_served(ended: Oomlab) -> None:
    found = traced(ended)
    for name, result in found.items():
        assert result.requests is not None
        assert result.page_arrays is not None
        contiguous, fell_back, refused = counts(result.page_arrays)
        assert contiguous + fell_back == result.requests.succeeded, name
        assert refused == result.requests.failed + result.requests.in_flight, name
        assert result.audit_phases[0].vmalloc_seen
    contiguous, fell_back, refused = counts(found["kvcalloc"].page_arrays)
    assert contiguous > 0 < fell_back
    assert refused == 0
    assert counts(found["noretry"].page_arrays)[1] == counts(found["kcalloc"].page_arrays)[1] == 0
    assert counts(found["noretry"].page_arrays)[2] > 0
    assert counts(found["vcalloc"].page_arrays) == (0, MMAPS, 0)
    by_flags = {row.gfp_flags: counts(row) for row in found["three-ways"].audit}
    assert by_flags["GFP_KERNEL|__GFP_ZERO"] == (0, MMAPS // 3, 0)
    assert by_flags["GFP_KERNEL|__GFP_NOWARN|__GFP_RETRY_MAYFAIL|__GFP_ZERO"][2] == 0
    assert by_flags["GFP_KERNEL|__GFP_NORETRY|__GFP_ZERO"][1] == 0


@pytest.mark.parametrize("name", ["terminal", "html", "mail --full", "markdown"])
def test_words_say_these_figures_and_no_others(ended: Oomlab, name: str) -> None:
    form = (*name.split(), "--verbose")
    assert ended("report", "run", "--format", *form, "-o", "text").returncode == ExitCode.MET
    text = (ended.directory / "text").read_text()
    said = set(re.findall(r"\b(\d+) / (\d+) / (\d+)\b", text))
    for result in traced(ended).values():
        assert tuple(map(str, counts(result.page_arrays))) in said
    contiguous, _, refused = counts(traced(ended)["noretry"].page_arrays)
    # As many mmaps may have been served and failed without tracing: those have a third figure.
    assert not re.search(rf"\b{contiguous} / {refused}\b(?! / )", text)


def test_data_say_these_figures(ended: Oomlab) -> None:
    assert ended("report", "run", "--format", "csv", "-o", "csv").returncode == ExitCode.MET
    verdict = json.loads(ended("report", "run", "--format", "json").stdout)
    totals = {total["variant"]: total for total in verdict["passes"][0]["audit"]["totals"]}
    rows = list(csv.DictReader((ended.directory / "csv").read_text().splitlines()))
    for name, result in traced(ended).items():
        (row,) = (row for row in rows if (row["variant"], row["stage"]) == (name, "audit-trigger"))
        keys = ("contiguous", "fell_back", "refused")
        places = (row, verdict["variants"][name], totals[name])
        said = {tuple(int(place[key]) for key in keys) for place in places}
        assert said == {counts(result.page_arrays)}
