# SPDX-License-Identifier: Apache-2.0
"""Every report of a cold run says that nothing is paired, and none speaks of pairs, forks or blocks."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from orchestrator.clock import Clock
from orchestrator.report.formats.registry import FORMATS, render
from orchestrator.report.formats.runs_compared import COMPARISON_FORMATS, render_runs
from orchestrator.runs_compared.compare import compare_runs
from orchestrator.verdict.judged_run import JudgedRun, load_judged_run
from tests.unit.report.factory import Made, run_directory

CLAIMS = re.compile(
    r"\bpaired test|, paired\b|\bfork from|\bforked from|\b\d+ (distinct )?blocks?\b|\b\d+ forks?\b|"
    r"\b\d+ pairs?\b|of blocks\b|single blocks|paired t\b"
)
SAYS = {
    "json": '"cold": true',
    "csv": "clock,block,cold,variant",
    "gbench": "repetitions of two variants are NOT paired",
}
CLOCKS: tuple[Clock, ...] = ("realtime", "deterministic")


def report(path: Path, **made: object) -> JudgedRun:
    return load_judged_run(run_directory(path, Made(cold=True, **made)).path)  # type: ignore[arg-type]


@pytest.mark.parametrize("blocks", [1, 2, 7])
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_says_so_and_claims_no_pair(name: str, blocks: int, tmp_path: Path) -> None:
    made = report(tmp_path / "run", blocks=blocks, clocks=CLOCKS)
    text = render(made, name)
    assert re.sub(r"\s+", " ", SAYS.get(name, "NOT paired")) in re.sub(r"\s+", " ", text)
    if name != "json":  # its field names are those of any run; what they hold is looked at below
        assert not CLAIMS.search(text), CLAIMS.search(text)


def test_the_verdict_has_no_blocks_and_no_pairs(tmp_path: Path) -> None:
    found = json.loads(render(report(tmp_path / "run", blocks=7), "json"))["passes"][0]
    assert (found["cold"], found["paired"], found["blocks"]) == (True, False, 0)
    assert (found["boots"], found["distinct_states"]) == (42, 42)
    (comparison,) = found["comparisons"]
    assert (comparison["paired"], comparison["sample"], comparison["blocks"]) == (False, "boot", 7)
    assert {timing["interval"] for timing in comparison["timings"]} <= {"Welch", "none"}
    assert (comparison["outcome"]["only_baseline"], comparison["outcome"]["sample"]) == (0, "boot")
    assert not CLAIMS.search(json.dumps([comparison["outcome"]["words"], found["answers"]]))


@pytest.mark.parametrize("clock", CLOCKS)
def test_boots_for_benchmarks_are_no_further_observations(clock: Clock, tmp_path: Path) -> None:
    """Six rounds of three stages are 18 boots of a variant, and six observations of anything."""
    each = report(tmp_path / "run", blocks=6, clocks=(clock,)).verdict.passes[0]
    (comparison,) = each.comparisons
    assert (each.boots, comparison.blocks, comparison.claims) == (36, 6, True)
    assert {timing.blocks for timing in comparison.timings} == {6}
    assert comparison.smallest_p == pytest.approx(2 / 924, rel=1e-3)


def test_instructions_of_cold_trials_have_intervals_not_ranges(tmp_path: Path) -> None:
    """Nothing is chance in counting, but each variant was counted in memory of its own."""
    made = report(tmp_path / "run", blocks=7, clocks=("deterministic",))
    text = render(made, "terminal", verbose=True)
    assert "95 % interval" in text
    assert "exact" not in text.replace("Fisher's exact", "").replace("exact test", "")
    noise = made.verdict.passes[0].answers[-1]
    assert noise.answer.startswith("Measuring adds none")


@pytest.mark.parametrize("name", COMPARISON_FORMATS)
@pytest.mark.parametrize("clock", CLOCKS)
def test_a_cold_run_against_a_forked_one(name: str, clock: Clock, tmp_path: Path) -> None:
    """Equal fingerprints make no pair of a cold trial and a block."""
    cold = report(tmp_path / "cold", blocks=7, clocks=(clock,))
    forked = load_judged_run(run_directory(tmp_path / "forked", Made(blocks=7, clocks=(clock,))).path)
    compared = compare_runs(forked, cold)
    assert "The trials of B are cold" in " ".join(compared.cannot)
    assert all(not each.paired for every in compared.passes for each in every.comparisons)
    text = re.sub(r"\s+", " ", render_runs(compared, name))
    assert ('"paired": false' if name == "json" else "NOT paired") in text
    assert "trials.fork" in text


def test_times_of_forks_and_of_boots_are_no_ones_to_compare(tmp_path: Path) -> None:
    """A fork of an emulated guest begins with an empty translation cache."""
    cold = report(tmp_path / "cold", blocks=7)
    forked = load_judged_run(run_directory(tmp_path / "forked", Made(blocks=7)).path)
    (each,) = compare_runs(forked, cold).passes
    assert each.times_left_out is not None
    assert "trials.fork" in each.times_left_out
