# SPDX-License-Identifier: Apache-2.0
"""CSV of trials: one row each, the same columns in every row, and nothing a spreadsheet would run."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from orchestrator.report.formats.csv_trials import render_csv
from tests.unit.report.factory import Made, run_report


def rows(text: str) -> list[dict[str, str]]:
    read = list(csv.DictReader(io.StringIO(text, newline="")))
    assert all(None not in row and None not in row.values() for row in read), "rows of unequal length"
    return read


def test_a_row_for_each_trial_with_its_figures(tmp_path: Path) -> None:
    report = run_report(tmp_path / "run", Made(blocks=2))
    found = rows(render_csv(report))
    assert [row["trial"] for row in found] == [str(result.trial) for result in report.results]
    died = found[0]
    assert (died["variant"], died["stage"], died["outcome"]) == ("kcalloc", "trigger", "oom")
    assert (died["first_oom_order"], died["first_oom_caller"]) == ("3", "binder_alloc_mmap_handler")
    assert died["usable_units_order_3"] == "102"
    assert float(died["BM_sendVec_binder/4096 after real_ns"]) > 0
    relaxed = next(row for row in found if row["stage"] == "relaxed")
    assert relaxed["BM_sendVec_binder/4096 after real_ns"] == ""
    assert relaxed["requests_succeeded"] == ""
    assert died["request"] == "mmap"


def test_no_cell_is_a_formula_and_none_has_a_line_end(tmp_path: Path) -> None:
    text = render_csv(run_report(tmp_path / "run", Made(blocks=1, hostile=True)))
    found = rows(text)
    assert text.count("\n") == len(found) + 1
    for row in found:
        assert row["why"].startswith("'=HYPERLINK(")
        for cell in row.values():
            assert not cell.startswith(("=", "+", "@", "\t", "\r"))
            assert cell.isprintable()
