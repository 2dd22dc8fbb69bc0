# SPDX-License-Identifier: Apache-2.0
"""Costs that were asked for, in the sentence at the head of a report."""

from __future__ import annotations

from pathlib import Path

from orchestrator.analysis.costs import CostLine
from orchestrator.verdict.records import Verdict
from orchestrator.verdict.summary import summarise
from tests.unit.report.factory import Made, run_report


def with_costs(path: Path, *lines: CostLine) -> Verdict:
    verdict = run_report(path / "run", Made()).verdict
    first = verdict.passes[0].model_copy(update={"costs": lines})
    return verdict.model_copy(update={"passes": (first, *verdict.passes[1:])})


def line(name: str, unit: str, *, expected: bool, **means: float | None) -> CostLine:
    elapsed = dict.fromkeys(means, 1000.0)
    return CostLine.model_validate(
        {
            "phase": "trigger", "name": name, "unit": unit, "means": means, "elapsed_ms": elapsed,
            "expected": expected,
        }
    )  # fmt: skip


def test_costs_that_an_expectation_bounds_are_named(tmp_path: Path) -> None:
    verdict = with_costs(
        tmp_path,
        line("kswapd_cpu", "ns", expected=True, a=250e6, b=None),
        line("refaults", "pages", expected=False, a=3, b=4),
    )
    sentence = summarise(verdict).sentence
    assert "CPU time of kswapd in the trigger" in sentence
    assert "250 ms (25 %) with a" in sentence
    assert "refaults" not in sentence


def test_many_costs_are_counted(tmp_path: Path) -> None:
    names = ("kswapd_cpu", "kcompactd_cpu", "trigger_reclaim", "trigger_compaction", "memory_some")
    lines = [line(name, "ns", expected=True, a=1e6, b=2e6) for name in names]
    assert "the full report has 2 more costs" in summarise(with_costs(tmp_path, *lines)).sentence
