# SPDX-License-Identifier: Apache-2.0
"""Costs as tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.analysis.costs import CostLine
from orchestrator.analysis.records import CostComparison
from orchestrator.report.costs import cost_remarks, cost_tables, difference_tables, foremost_rows
from tests.unit.analysis.trials import comparison
from tests.unit.report.factory import Made, run_report


def line(name: str, unit: str, first: float | None, second: float | None) -> CostLine:
    return CostLine.model_validate(
        {
            "phase": "trigger", "name": name, "unit": unit, "means": {"first": first, "second": second},
            "elapsed_ms": {"first": 1000.0, "second": 500.0},
        }
    )  # fmt: skip


_NAMES = ("first", "second")


def test_a_time_has_its_share_of_the_phase_and_what_nobody_spent_is_left_out() -> None:
    lines = (line("kswapd_cpu", "ns", 250e6, None), line("refaults", "pages", 0, 0))
    (table,) = cost_tables(lines, _NAMES)
    assert table.headings == ("", "first", "second")
    assert table.rows == (
        ("it lasted", "1 s", "500 ms"),
        ("kswapd CPU time", "250 ms (25 %)", "-"),
    )


@pytest.mark.parametrize(
    ("settings", "labels"), [(False, ["refaults"]), (True, ["kswapd CPU time", "refaults"])]
)
def test_a_short_page_has_the_costs_that_are_asked_for(
    tmp_path: Path, settings: bool, labels: list[str]
) -> None:
    """Bounded ones always; of variants that differ in settings also the usual ones; never what was 0."""
    (each,) = run_report(tmp_path / "run", Made(blocks=1)).verdict.passes
    first, second = each.variants
    means = {"kswapd_cpu": 5e6, "direct_reclaims": 0.0, "pages_migrated": 7.0, "refaults": 3.0}
    costs = tuple(
        line(name, "ns" if name == "kswapd_cpu" else "pages", mean, mean).model_copy(
            update={
                "means": {first: mean, second: mean},
                "elapsed_ms": {first: 10.0, second: 10.0},
                "expected": name in ("refaults", "direct_reclaims"),
            }
        )
        for name, mean in means.items()
    )
    rows = foremost_rows(each.model_copy(update={"costs": costs}), settings=settings)
    assert [label for label, _ in rows] == labels
    assert rows[-1][1] == ["3", "3"]


def test_instructions_are_no_share_of_a_time() -> None:
    (table,) = cost_tables([line("kswapd_cpu", "instructions", 2.5e6, 1200)], _NAMES)
    assert table.rows[1] == ("kswapd CPU time", "2.5M insns", "1.2k insns")


def test_a_kernel_without_pressure_figures_is_said_to_have_none() -> None:
    assert list(cost_remarks([], "realtime")) == []
    assert "psi=1" in " ".join(cost_remarks([line("refaults", "pages", 1, 1)], "realtime"))
    assert "psi=1" not in " ".join(cost_remarks([line("memory_some", "ns", 1, 1)], "realtime"))


def test_a_difference_has_its_interval_and_other_work_has_none() -> None:
    fields = {
        "phase": "trigger", "name": "direct_reclaims", "unit": "times", "blocks": 8, "baseline": 9.0,
        "candidate": 3.0, "difference": -6.0, "low": -8.0, "high": -4.0, "interval": "paired t", "p": 0.01,
        "p_holm": 0.02, "words": "",
    }  # fmt: skip
    other = {**fields, "name": "refaults", "comparable": False, "low": None, "high": None, "p_holm": None}
    found = tuple(CostComparison.model_validate(each) for each in (fields, other))
    (table,) = difference_tables(comparison(costs=found))
    assert table.rows == (
        ("direct reclaims", "9", "3", "-6", "-8 to -4", "0.02"),
        ("refaults", "9", "3", "other work", "-", "-"),
    )
