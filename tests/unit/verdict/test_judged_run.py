# SPDX-License-Identifier: Apache-2.0
"""What reports are made from: the last attempts, and nothing that is not in the directory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.errors import InputError
from orchestrator.record.journal import BlockStarted, TrialEnded, open_journal
from orchestrator.report.formats.registry import render
from orchestrator.verdict.judged_run import load_judged_run
from tests.unit.report.factory import Made, run_directory


def test_the_last_attempt_of_every_trial_counts(tmp_path: Path) -> None:
    directory = run_directory(tmp_path / "run", Made(blocks=2, benchmarks=False))
    first = load_judged_run(directory.path).results[0]
    with open_journal(directory.journal) as journal:
        again = first.model_copy(update={"attempt": 2, "directory": "0001-2"})
        journal.append(TrialEnded(result=again))
    report = load_judged_run(directory.path)
    assert [(each.trial, each.attempt) for each in report.results] == [(1, 2), (2, 1), (3, 1), (4, 1)]
    assert len(report.blocks) == 2
    assert len(report.events) == 2


def test_stages_are_trials_of_their_own(tmp_path: Path) -> None:
    report = load_judged_run(run_directory(tmp_path / "run", Made(blocks=1)).path)
    assert [each.stage for each in report.results] == ["trigger"] * 2 + ["relaxed"] * 2 + ["target"] * 2


def test_the_commands_to_repeat_it_leave_the_old_directory_alone(tmp_path: Path) -> None:
    directory = run_directory(tmp_path / "a run", Made(blocks=1))
    manifest = directory.manifest.read_text().replace("oomlab run", "oomlab run --out 'some where'")
    directory.manifest.write_text(manifest)
    again, exactly = load_judged_run(directory.path).repeat_commands
    assert again == "oomlab run binder-order3 --set trials.blocks=1"
    assert exactly == f"{again} --artefacts-from 'a run'"


def test_the_end_of_a_console_is_there_or_empty(tmp_path: Path) -> None:
    report = load_judged_run(run_directory(tmp_path / "run", Made(blocks=1)).path)
    assert report.console_tail(report.results[0], most_bytes=12) == "score_adj:0\n"
    gone = report.results[0].model_copy(update={"directory": "0999"})
    assert report.console_tail(gone) == ""


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no run directory"):
        load_judged_run(tmp_path)


def test_every_host_is_told_once(tmp_path: Path) -> None:
    directory = run_directory(tmp_path / "run", Made(blocks=1))
    report = load_judged_run(directory.path)
    assert report.hosts == (report.manifest.host,), "a journal of earlier versions does not tell"
    other = report.manifest.host.model_copy(update={"cpu_model": "another CPU"})
    with open_journal(directory.journal) as journal:
        for number, host in enumerate([report.manifest.host, other, other]):
            journal.append(BlockStarted(number=number, block=1, variants=("kcalloc",), attempt=1, host=host))
    report = load_judged_run(directory.path)
    assert report.hosts == (report.manifest.host, other)
    assert "another CPU" in render(report, "html")


def test_a_kernel_that_the_manifest_does_not_describe_has_the_pages_of_its_base(tmp_path: Path) -> None:
    report = load_judged_run(run_directory(tmp_path / "run").path)
    kcalloc = report.manifest.scenario.variants["kcalloc"].model_copy(update={"base": "debian-6.12-16k"})
    scenario = report.manifest.scenario.model_copy(
        update={"variants": {**report.manifest.scenario.variants, "kcalloc": kcalloc}}
    )
    manifest = report.manifest.model_copy(update={"scenario": scenario, "artefacts": {}})
    assert replace(report, manifest=manifest).page_sizes == {"kcalloc": 16384, "kvcalloc": 4096}
