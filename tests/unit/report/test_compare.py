# SPDX-License-Identifier: Apache-2.0
"""Two separate runs: what differs is named, nothing is paired that is not, and limits are told."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from typer.testing import CliRunner, Result

from orchestrator.cli import app
from orchestrator.commands.schemas import json_schema
from orchestrator.errors import ExitCode, InputError
from orchestrator.report.formats.runs_compared import COMPARISON_FORMATS, render_runs
from orchestrator.runs_compared.compare import compare_runs
from orchestrator.text.plain import named
from orchestrator.verdict.judged_run import JudgedRun
from tests.unit.report.factory import Made, run_report

Runs = Callable[..., JudgedRun]


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    """Makes a run with a memory of its own, unless it is told to share states."""

    def make(name: str, *, shift: bool = False, **fields: Any) -> JudgedRun:
        report = run_report(tmp_path / name, Made(**fields))
        if not shift:
            return report
        results = tuple(
            each.model_copy(update={"fingerprint": f"other {each.fingerprint}"}) for each in report.results
        )
        return replace(report, results=results)

    return make


def changed(report: JudgedRun, **scenario: Any) -> JudgedRun:
    """The same run of another scenario."""
    new = report.manifest.scenario.model_copy(update=scenario)
    return replace(report, manifest=report.manifest.model_copy(update={"scenario": new}))


def test_variants_of_the_same_name_are_compared_and_not_paired(runs: Runs) -> None:
    compared = compare_runs(runs("one", blocks=7), runs("two", blocks=7, seed=2, shift=True))
    (each,) = compared.passes
    assert [(one.baseline, one.candidate) for one in each.comparisons] == [
        ("kcalloc (A)", "kcalloc (B)"), ("kvcalloc (A)", "kvcalloc (B)"),
    ]  # fmt: skip
    assert all(not one.paired and one.claims and one.blocks == 7 for one in each.comparisons)
    times = [timing for timing in each.comparisons[1].timings if timing.name.startswith("BM_")]
    assert {timing.interval for timing in times} == {"Welch"}
    assert compared.differences == ()
    assert "pairs within one run cancel" in compared.cannot[0]
    assert any("not equality" in sentence for sentence in compared.cannot)


def test_a_variant_of_one_can_be_held_against_another(runs: Runs) -> None:
    compared = compare_runs(runs("one"), runs("two", shift=True), ["kcalloc=kvcalloc"])
    (comparison,) = compared.passes[0].comparisons
    assert comparison.outcome is not None
    assert (comparison.outcome.baseline.count, comparison.outcome.candidate.count) == (3, 0)


def test_everything_that_differs_is_named_and_samples_are_not(runs: Runs) -> None:
    first, second = runs("one", blocks=2), runs("two", blocks=3, seed=9, shift=True)
    device = second.manifest.scenario.device.model_copy(update={"memory": 512 << 20})
    compared = compare_runs(first, changed(second, name="other", device=device))
    (difference,) = compared.differences
    assert (difference.what, difference.first, difference.second) == ("device.memory", "256MiB", "512MiB")
    assert any("More than the results differs (1 thing)" in sentence for sentence in compared.cannot)


def test_times_of_other_machines_are_left_out_and_outcomes_are_not(runs: Runs) -> None:
    first, second = runs("one"), runs("two", shift=True)
    host = second.manifest.host.model_copy(update={"cpu_model": "another CPU"})
    compared = compare_runs(
        first, replace(second, manifest=second.manifest.model_copy(update={"host": host}))
    )
    (each,) = compared.passes
    assert each.times_left_out == "not the same in both runs: host.cpu_model"
    assert all(one.timings == () and one.outcome is not None for one in each.comparisons)


def test_the_deterministic_clock_compares_the_same_memory_exactly(runs: Runs) -> None:
    same = compare_runs(
        runs("one", clocks=("deterministic",)), runs("two", clocks=("deterministic",))
    ).passes[0]
    assert same.same_states == 3
    assert all(comparison.paired for comparison in same.comparisons)
    assert {timing.ratio for comparison in same.comparisons for timing in comparison.timings} == {1.0}
    other = compare_runs(
        runs("three", clocks=("deterministic",)), runs("four", clocks=("deterministic",), shift=True)
    ).passes[0]
    assert other.times_left_out is not None
    assert all(not comparison.timings for comparison in other.comparisons)


def test_what_cannot_be_compared_is_refused(runs: Runs) -> None:
    first = runs("one", blocks=1)
    with pytest.raises(InputError, match="the same run"):
        compare_runs(first, first)
    with pytest.raises(InputError, match="no clock in common: realtime, deterministic"):
        compare_runs(first, runs("two", blocks=1, clocks=("deterministic",)))
    with pytest.raises(InputError, match="the second run has no variant 'kcaloc'") as refused:
        compare_runs(first, runs("three", blocks=1), ["kvcalloc=kcaloc"])
    assert "'kcalloc'" in refused.value.hint
    variants = dict(zip(("base", "patched"), first.manifest.scenario.variants.values(), strict=True))
    with pytest.raises(InputError, match="no variant in common") as refused:
        compare_runs(first, changed(runs("four", blocks=1), variants=variants))
    assert "--variant kcalloc=base" in refused.value.hint


@pytest.mark.parametrize("name", COMPARISON_FORMATS)
def test_every_format_is_safe_and_whole(runs: Runs, name: str) -> None:
    compared = compare_runs(runs("one", hostile=True), runs("two", hostile=True, shift=True))
    text = render_runs(compared, name)
    assert named(text) == text
    assert text.endswith("\n")
    assert "kvcalloc (B)" in text
    if name == "mail":
        assert max(map(len, text.splitlines())) <= 72
    if name == "json":
        jsonschema.validate(json.loads(text), json_schema("comparison"))


def test_the_command(runs: Runs, tmp_path: Path) -> None:
    one, two = (str(runs(name, blocks=1).directory.path) for name in ("one", "two"))

    def compare(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["compare", one, two, *arguments])

    plain = compare()
    assert plain.exit_code == 0, plain.output
    assert "What these runs cannot show" in plain.stdout
    assert json.loads(compare("--json", "--variant", "kcalloc").stdout)["runs"][0]["label"] == "A"
    assert compare("-f", "markdown", "-o", str(tmp_path / "out.md")).stdout == ""
    assert (tmp_path / "out.md").read_text().startswith("## Two runs")
    assert compare("-f", "terminal", "-o", str(tmp_path / "out.txt")).exit_code == 0
    assert "NOT paired" in (tmp_path / "out.txt").read_text()
    refused = compare("--format", "html")
    assert refused.exit_code == ExitCode.BAD_INPUT
    assert "terminal, mail, json, markdown" in refused.stderr
