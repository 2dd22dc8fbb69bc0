# SPDX-License-Identifier: Apache-2.0
"""Costs in every format that has room for them, and their course on the page."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from orchestrator.record.result import Costs
from orchestrator.report.formats.registry import render
from orchestrator.verdict.judged_run import JudgedRun, load_judged_run
from tests.unit.report.factory import Made, run_directory

_FIGURES = {"kswapd_cpu_ns": 25_000_000, "direct_reclaims": 7, "refaults": 0}


@pytest.fixture
def report(tmp_path: Path) -> JudgedRun:
    """A run whose trials of the trigger told of costs, and of their course."""
    directory = run_directory(tmp_path / "run", Made(blocks=1, forks=1, benchmarks=False))
    journal = directory.path / "journal.jsonl"
    lines = []
    for text in journal.read_text().splitlines():
        entry = json.loads(text)
        if entry["kind"] == "trial-ended":
            costs = Costs(phase="trigger", elapsed_ns=100_000_000, figures=_FIGURES)
            entry["result"]["costs"] = [json.loads(costs.model_dump_json())]
            _tell_course(directory.path / "trials" / entry["result"]["directory"] / "control.jsonl")
        lines.append(json.dumps(entry))
    journal.write_text("\n".join(lines) + "\n")
    return load_judged_run(directory.path)


def _tell_course(file: Path) -> None:
    names = list(_FIGURES)
    course = {
        "event": "costs-timeline", "t_us": 1, "phase": "trigger", "names": names,
        "at_ns": [0, 50_000_000, 100_000_000, -5],
        "values": [[0, 0, 0], [5_000_000, 3, 0], [25_000_000, 7, 0], [1 << 62, -1, 0]],
    }  # fmt: skip
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as lines:
        lines.write(json.dumps(course, separators=(",", ":")) + "\n")


@pytest.mark.parametrize("name", ["terminal", "markdown", "mail", "html"])
def test_the_tables_are_there(report: JudgedRun, name: str) -> None:
    text = render(report, name, full=name == "mail", verbose=name == "terminal")
    assert "kswapd CPU time" in text
    assert "25 ms (25 %)" in text
    assert "direct reclaims" in text
    assert "refaults" not in text


def test_the_page_has_the_course_of_what_moved(report: JudgedRun) -> None:
    page = render(report, "html")
    assert page.count('id="costs"') == 1
    assert "CPU time of kswapd: the trigger" in page
    assert "Refaults: the trigger" not in page


def test_spreadsheets_and_ci_systems_get_the_figures(report: JudgedRun) -> None:
    rows = list(csv.DictReader(io.StringIO(render(report, "csv"))))
    assert {row["cost trigger direct_reclaims"] for row in rows} == {"7"}
    assert 'realtime.cost.trigger.direct_reclaims" value="7"' in render(report, "junit")
