# SPDX-License-Identifier: Apache-2.0
"""What a step prints. Pure."""

from __future__ import annotations

from orchestrator.bisect.result import StepResult
from orchestrator.scenario.dump import yaml_text
from orchestrator.scenario.expectation import Expectation
from orchestrator.text.amounts import count_of
from orchestrator.text.plain import one_line


def result_line(result: StepResult) -> str:
    """The step in one line: answer and commit as `git bisect log` has them, what was seen, where it lies."""
    parts = [_seen(result), result.why, str(result.directory)]
    said = "; ".join(part for part in parts if part)
    return one_line(f"{result.answer}: [{result.commit.short}] {result.commit.subject}: {said}")


def good_line(variant: str, expectation: Expectation) -> str:
    """What a good kernel does."""
    data = expectation.model_dump(mode="json", exclude_defaults=True)
    return f"good is what the scenario expects of {variant}: {yaml_text(data, flow=True).strip()}"


def _seen(result: StepResult) -> str:
    blocks = result.counted.blocks
    outcomes = ", ".join(f"{count} x {outcome}" for outcome, count in result.outcomes)
    seen = f"{blocks.not_met} of {count_of('block', blocks.count)} not as expected" if blocks.count else ""
    return f"{seen} ({outcomes})" if seen and outcomes else seen or outcomes
