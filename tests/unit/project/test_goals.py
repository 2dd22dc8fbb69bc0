# SPDX-License-Identifier: Apache-2.0
"""The benchmark of all goals: what it calls met is met, and its limit is the one it describes."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.goals import Row, print_rows
from benchmarks.limit import Limit, instructions
from orchestrator.record.journal import TrialEnded, read_journal
from tests.unit.report.factory import Made, run_directory


@pytest.mark.parametrize(
    ("figures", "least", "met"),
    [
        ([1.0, 1.9, 9.0], False, True),
        ([1.0, 2.0, 9.0], False, False),
        ([1.0, 2.0, 3.0], True, True),
        ([9.0, 1.9, 1.0], True, False),
    ],
)
def test_the_median_decides(figures: list[float], least: bool, met: bool) -> None:
    row = Row("what", figures, ".1f", 2.0, least=least)
    assert row.met is met
    console = Console(record=True, width=120, file=io.StringIO())
    print_rows([row], console)
    assert (" met " if met else " missed ") in console.export_text()


def test_the_limit_is_instructions_by_their_rate() -> None:
    limit = Limit({"one": 2e8, "other": 6e8}, per_s=1e9)
    assert limit.seconds("other") == pytest.approx(0.6)
    assert limit.mean_s == pytest.approx(0.4)


def test_instructions_are_four_nanoseconds_each(tmp_path: Path) -> None:
    directory = run_directory(tmp_path / "run", Made(blocks=1, clocks=("deterministic",)))
    results = [e.result for e in read_journal(directory.journal) if isinstance(e, TrialEnded)]
    for result in results:
        lines = [{"event": "woken", "t_us": 1_000_000}, {"event": "end", "t_us": 1_000_000 + result.trial}]
        control = directory.path / "trials" / result.directory / "control.jsonl"
        control.parent.mkdir(parents=True, exist_ok=True)
        control.write_text("".join(json.dumps(line) + "\n" for line in lines))
    counted = instructions(directory.path)
    assert counted == {result.variant: 250.0 * result.trial for result in results}
