# SPDX-License-Identifier: Apache-2.0
"""Variants that run different kernel images are no pairs, and every report says so and why."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from orchestrator.clock import Clock
from orchestrator.report.formats.registry import FORMATS, render
from orchestrator.verdict.judged_run import JudgedRun, load_judged_run
from tests.unit.report.factory import Made, run_directory

CLOCKS: tuple[Clock, ...] = ("realtime", "deterministic")
WHY = "kvcalloc runs another kernel image: its memory before the trigger is its own"
CLAIMS = re.compile(r"\bpaired test|blocks?, paired\b|the variants fork from|paired t\b|, exact in\b")
SAYS = {
    "csv": "fingerprint",  # it has the rows, and none of the statistics
    "gbench": "paired among variants of one boot alone: kcalloc; kvcalloc",
}


def report(path: Path, **made: object) -> JudgedRun:
    return load_judged_run(run_directory(path, Made(other_kernel=True, **made)).path)  # type: ignore[arg-type]


@pytest.mark.parametrize("blocks", [1, 7])
@pytest.mark.parametrize("name", FORMATS)
def test_every_format_says_so_and_why(name: str, blocks: int, tmp_path: Path) -> None:
    text = render(report(tmp_path / "run", blocks=blocks, clocks=CLOCKS), name)
    plain = re.sub(r"\s+", " ", text)
    assert SAYS.get(name, WHY) in plain
    if name not in ("csv", "gbench", "json"):
        assert "NOT paired" in plain
    if name != "json":  # its field names are those of any run; what they hold is looked at below
        assert not CLAIMS.search(plain), CLAIMS.search(plain)


@pytest.mark.parametrize("clock", CLOCKS)
def test_every_statistic_is_for_independent_samples(clock: Clock, tmp_path: Path) -> None:
    found = json.loads(render(report(tmp_path / "run", blocks=7, clocks=(clock,)), "json"))["passes"][0]
    assert found["paired"] is False
    assert found["kernels"] == [
        {"variants": ["kcalloc"], "blocks": 7, "same_image": False},
        {"variants": ["kvcalloc"], "blocks": 7, "same_image": False},
    ]
    assert (found["blocks"], found["distinct_states"]) == (7, 14)
    (comparison,) = found["comparisons"]
    assert (comparison["paired"], comparison["unpaired_because"]) == (False, WHY)
    assert {timing["interval"] for timing in comparison["timings"]} <= {"Welch", "none"}
    assert (comparison["outcome"]["only_baseline"], comparison["outcome"]["only_candidate"]) == (0, 0)
    assert comparison["smallest_p"] == pytest.approx(2 / 3432, rel=1e-3)
    noise = found["answers"][-1]
    assert WHY in noise["evidence"][0]


def test_the_sample_line_counts_blocks_of_each_kernel(tmp_path: Path) -> None:
    text = re.sub(r"\s+", " ", render(report(tmp_path / "run"), "terminal"))
    assert (
        "3 blocks of each of 2 kernel images with 6 distinct memory states;"
        f" {WHY}, NOT paired with kcalloc's" in text
    )


def test_what_two_kernels_left_free_is_not_one_median(tmp_path: Path) -> None:
    page = render(report(tmp_path / "run"), "html")
    for title in ("at the target, kcalloc", "at the target, kvcalloc", "before pressure, kvcalloc"):
        assert f">{title}<" in page
