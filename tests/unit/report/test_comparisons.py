# SPDX-License-Identifier: Apache-2.0
"""Comparisons and answers on a terminal: within 80 columns, and harmless."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from orchestrator.analysis.comparison import Answer
from orchestrator.guests.qemu.machine import Clock
from orchestrator.report.comparisons import print_answer, print_comparison
from orchestrator.report.source import load_run_report
from tests.unit.report.factory import Made, run_directory


def printed(tmp_path: Path, made: Made) -> list[str]:
    verdict = load_run_report(run_directory(tmp_path / "run", made).path).verdict
    text = io.StringIO()
    console = Console(width=80, file=text)
    for comparison in verdict.passes[0].comparisons:
        print_comparison(comparison, console)
    return text.getvalue().splitlines()


@pytest.mark.parametrize("clock", ["realtime", "deterministic"])
def test_a_comparison_fits_a_terminal(tmp_path: Path, clock: Clock) -> None:
    lines = printed(tmp_path, Made(blocks=7, clocks=(clock,)))
    table = [line for line in lines if line.startswith(" ") and "oom in" not in line]
    assert table
    assert max(map(len, table)) <= 80
    assert not any("…" in line for line in table)
    assert any("after the trigger" in line for line in table)


def test_a_comparison_says_what_it_rests_on(tmp_path: Path) -> None:
    lines = printed(tmp_path, Made(blocks=7))
    assert lines[0] == "kvcalloc against kcalloc: 7 distinct blocks, paired; smallest p 0.016"
    assert "oom in 7 of 7 blocks with kcalloc, in 0 of 7 with kvcalloc" in lines[1]
    mmaps = next(line for line in lines if "mmap p50" in line)
    assert "other work" in mmaps  # 120 maps until the OOM killer came against 600


def test_few_blocks_make_no_claim(tmp_path: Path) -> None:
    lines = printed(tmp_path, Made(blocks=3))
    assert lines[0].endswith("3 distinct blocks, paired; below 6 only counts and figures")
    row = next(line for line in lines if "BM_sendVec_binder/4096" in line)
    assert row.split()[-2:] == ["-", "-"]


def test_an_answer_is_shown_with_its_evidence_and_what_is_open() -> None:
    text = io.StringIO()
    answer = Answer(question="Why?", answer="Because.", evidence=("2 of 3\x1b[31m",), open="the rest")
    print_answer(answer, Console(width=80, file=text))
    assert [line.rstrip() for line in text.getvalue().splitlines()] == [
        "Why?", "  Because.", "  - 2 of 3\\x1b[31m", "  open: the rest"
    ]  # fmt: skip
