# SPDX-License-Identifier: Apache-2.0
"""Cold trials on real guests: each boots for itself, and what the run says is of independent samples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import ExitCode
from orchestrator.outcome import Outcome
from orchestrator.record.journal import TrialEnded, block_results, read_journal, trial_results
from tests.guest.conftest import Oomlab

pytestmark = pytest.mark.guest

COLD = ("--set", "trials.fork=false", "--set", "trials.blocks=2")
MAPS = '[{"kind": "binder-mmap", "sizes": ["4MiB"], "iterations": 20, "when": ["relaxed", "target"]}]'


@pytest.fixture(scope="module")
def ended(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Oomlab:
    """A finished run of cold trials, traced ones among them, in `run`."""
    oomlab = Oomlab(checkout, tmp_path_factory.mktemp("cold"))
    done = oomlab("run", "binder-order3", *COLD, "--set", "trials.timing=false", "--out", "run")
    assert done.returncode == ExitCode.MET, done.stderr.decode()
    return oomlab


def journal(oomlab: Oomlab, run: str = "run") -> list[Any]:
    return read_journal(oomlab.directory / run / "journal.jsonl")


def test_every_trial_is_a_boot_with_memory_of_its_own(ended: Oomlab) -> None:
    entries = journal(ended)
    results = trial_results(entries)
    assert block_results(entries) == []
    assert len(results) == 8
    assert all(result.cold and result.target is not None and result.target.reached for result in results)
    fingerprints = [result.fingerprint for result in results]
    assert None not in fingerprints
    assert len(set(fingerprints)) == 8


def test_it_comes_to_what_forks_come_to(ended: Oomlab) -> None:
    results = trial_results(journal(ended))
    by_variant = {
        name: [each for each in results if each.variant == name] for name in ("kcalloc", "kvcalloc")
    }
    assert {each.outcome for each in by_variant["kcalloc"]} == {Outcome.OOM}
    assert {each.outcome for each in by_variant["kvcalloc"]} == {Outcome.PASSED}
    traced = [each for each in results if each.stage == "audit-trigger"]
    assert len(traced) == 4
    assert all(each.requests is not None and each.audit_phases for each in traced)
    assert all(not each.audit_phases for each in results if each not in traced)


def test_what_a_report_says_of_it(ended: Oomlab) -> None:
    verdict = json.loads(ended("report", "run", "--json").stdout)["passes"][0]
    assert (verdict["cold"], verdict["paired"], verdict["blocks"], verdict["boots"]) == (True, False, 0, 8)
    (comparison,) = verdict["comparisons"]
    assert (comparison["paired"], comparison["sample"], comparison["blocks"]) == (False, "boot", 2)
    page = ended("report", "run", "--format", "html").stdout.decode()
    assert "NOT paired" in page
    assert "The way to the target, trial by trial" in page


def test_a_run_that_was_cut_short_goes_on(ended: Oomlab) -> None:
    """The last trial is taken out of the journal, with what followed it, and is made again."""
    path = ended.directory / "run/journal.jsonl"
    before = journal(ended)
    lines = path.read_text().splitlines(keepends=True)
    last = max(index for index, entry in enumerate(before) if isinstance(entry, TrialEnded))
    path.write_text("".join(lines[:last]))
    done = ended("run", "--resume", "run")
    assert done.returncode == ExitCode.MET, done.stderr.decode()
    results = trial_results(journal(ended))
    assert sorted(result.trial for result in results) == list(range(1, 9))
    assert "1 cold trial" in done.stderr.decode()


def test_twins_by_one_recipe_repeat_one_another_under_the_deterministic_clock(ended: Oomlab) -> None:
    """Benchmarks included, of which each state of memory has boots of its own."""
    settings = ("trials.blocks=1", "trials.clock=deterministic", "audit=false", f"benchmarks={MAPS}")
    options = [word for setting in settings for word in ("--set", setting)]
    done = ended("run", "binder-order3", "--aa", *COLD, *options, "--out", "twins")
    assert done.returncode == ExitCode.MET, done.stderr.decode()
    assert "identical (3 boots of each by one recipe" in done.stderr.decode()
    results = trial_results(journal(ended, "twins"))
    for stage in ("relaxed", "target"):
        rows = [row for each in results if each.stage == stage for row in each.benchmarks]
        assert [(row.when, row.iterations, row.error) for row in rows] == [(stage, 20, None)] * 2
