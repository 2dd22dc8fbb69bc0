# SPDX-License-Identifier: Apache-2.0
"""The short page: verdict first, at most 40 lines whatever a run came to, nothing lost that must be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.outcome import Outcome
from orchestrator.report.formats.registry import render
from orchestrator.report.rows import headline
from orchestrator.verdict.judged_run import load_judged_run
from orchestrator.verdict.summary import summarise
from tests.unit.report.factory import Made, run_directory, run_report

MOST_LINES = 40
MADE = {
    "plain": Made(),
    "many": Made(blocks=40, forks=5),
    "two clocks": Made(blocks=7, clocks=("realtime", "deterministic")),
    "cold": Made(blocks=7, cold=True),
    "other kernel": Made(blocks=7, other_kernel=True),
    "nothing expected": Made(expected=False),
    "hostile": Made(hostile=True),
    "hostile, two clocks": Made(hostile=True, clocks=("realtime", "deterministic")),
    **{str(outcome): Made(blocks=30, spoil=outcome) for outcome in Outcome},
}


@pytest.mark.parametrize("name", MADE)
def test_the_page_is_short_and_begins_with_the_verdict(name: str, tmp_path: Path) -> None:
    report = load_judged_run(run_directory(tmp_path / "run", MADE[name]).path)
    lines = render(report, "terminal").splitlines()
    assert lines[0] == headline(report.verdict)
    assert lines[1] == summarise(report.verdict).sentence
    assert len(lines) <= MOST_LINES
    assert lines[-1].startswith("Everything is in ")
    assert lines == [line.rstrip() for line in lines]


def test_what_the_page_leaves_out_is_in_the_full_report(tmp_path: Path) -> None:
    report = run_report(tmp_path / "run", Made(blocks=7))
    short, full = render(report, "terminal"), render(report, "terminal", verbose=True)
    for words in ("allocation audit", "Is it noise?", "95 % interval", "How this kernel differs"):
        assert words not in short
        assert words in full
    assert full.splitlines()[:2] == short.splitlines()[:2]
    assert "oomlab report" in short
    assert "--verbose" in short


def test_a_second_clock_adds_only_what_differs(tmp_path: Path) -> None:
    report = run_report(tmp_path / "run", Made(clocks=("realtime", "deterministic")))
    first, second = render(report, "terminal").split("(deterministic clock")
    assert "free at the target" in first
    assert "mmap p50 / p99 / max" in second
    assert "free at the target" not in second


def test_what_is_missing_says_how_to_have_it(tmp_path: Path) -> None:
    short = load_judged_run(run_directory(tmp_path / "run", Made(spoil=Outcome.BOOT_FAILED)).path)
    text = render(short, "terminal")
    assert "boot-failed" in text
    assert f"What the guest said last: {short.directory.path}/trials/" in text
