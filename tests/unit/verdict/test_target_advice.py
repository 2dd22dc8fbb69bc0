# SPDX-License-Identifier: Apache-2.0
"""A target that was missed says what was taken, and which values of which keys would have been met."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.outcome import Outcome
from orchestrator.record.result import TargetState, TrialResult
from orchestrator.report.formats.registry import FORMATS, render
from orchestrator.scenario.loading.loader import load_scenario
from orchestrator.verdict.target_advice import target_advice
from tests.unit.report.factory import Made, run_report
from tests.unit.report.test_conclusions import judged_again

TAKEN = {"pipes": 122_880, "high_order": 8_192}


def missed(result: TrialResult, **changes: object) -> TrialResult:
    state = {"reached": False, "reason": "exhausted", "taken_kb": TAKEN, **changes}
    assert result.target is not None
    target = TargetState.model_validate({**result.target.model_dump(), **state})
    return result.model_copy(update={"outcome": Outcome.TARGET_MISSED, "target": target})


@pytest.fixture
def first(tmp_path: Path) -> TrialResult:
    return run_report(tmp_path / "one", Made(blocks=1, benchmarks=False)).results[0]


def advice(result: TrialResult, *settings: str) -> str:
    return "\n".join(target_advice(load_scenario(Path("binder-order3"), settings).scenario, [result]))


def test_what_each_stressor_took_is_said_in_mib_and_pages(first: TrialResult) -> None:
    said = advice(missed(first))
    assert "the stressors took pipes 120.0 MiB (30720 pages), high_order 8.0 MiB (2048 pages)" in said


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        ("{order: 3, max: 90}", "{order: 3, max: 102}` would have been met"),
        ("{order: 3, min: 500}", "{order: 3, min: 102}` would have been met"),
        ("[{order: 1, max: 9000}, {order: 2, min: 300}]", "{order: 2, min: 208}` would have been met"),
    ],
)
def test_a_bound_that_was_missed_is_told_with_the_value_that_holds(
    first: TrialResult, bounds: str, said: str
) -> None:
    text = advice(missed(first), f"fragmentation.target.usable_units={bounds}")
    assert said in text
    assert text.count("would have been met") == 1, "bounds that held are not to be changed"


def test_free_memory_is_rounded_to_the_side_that_holds(first: TrialResult) -> None:
    below = advice(missed(first, free_kb=50_000), "fragmentation.target.free={min: 64MiB}")
    assert "`fragmentation.target.free.min: 48MiB` would have been met" in below
    above = advice(missed(first, free_kb=150_000), "fragmentation.target.free={max: 128MiB}")
    assert "`fragmentation.target.free.max: 147MiB` would have been met" in above


def test_a_deadline_that_passed_is_to_be_longer(first: TrialResult) -> None:
    text = advice(missed(first, reason="deadline"), "deadlines.target=30s")
    assert "`deadlines.target: 60s` gives the stressors twice the time" in text


def test_a_target_that_was_reached_gets_no_advice(first: TrialResult) -> None:
    assert advice(first) == ""


@pytest.mark.parametrize("name", [name for name in FORMATS if name not in ("csv", "gbench")])
def test_every_report_says_it(tmp_path: Path, name: str) -> None:
    report = run_report(tmp_path / "run", Made(blocks=1, benchmarks=False))
    again = judged_again(
        report, *(missed(each, usable_units=(16_000, 900, 700, 600, 9)) for each in report.results)
    )
    text = " ".join(render(again, name).replace("\n#", "\n").replace("\\", "").split())
    assert "pipes 120.0 MiB (30720 pages)" in text
    assert "order: 3, max: 600" in text
