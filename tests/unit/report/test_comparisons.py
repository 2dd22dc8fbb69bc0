# SPDX-License-Identifier: Apache-2.0
"""Comparisons and answers on a terminal: within 80 columns, and harmless."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from orchestrator.analysis.records import Answer, TimingComparison
from orchestrator.clock import Clock
from orchestrator.report.comparisons import cells, print_answer, print_comparison
from orchestrator.report.formats.registry import FORMATS, render
from orchestrator.verdict.judged_run import load_judged_run
from tests.unit.report.factory import Made, run_directory, run_report


def printed(tmp_path: Path, made: Made) -> list[str]:
    verdict = load_judged_run(run_directory(tmp_path / "run", made).path).verdict
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
        "Why?", "  Because.", "  - 2 of 3<U+001B>[31m", "  open: the rest"
    ]  # fmt: skip


def test_the_change_of_a_row_is_the_ratio_of_its_figures(tmp_path: Path) -> None:
    report = load_judged_run(run_directory(tmp_path / "run", Made(blocks=7)).path)
    timings = [
        timing
        for comparison in report.verdict.passes[0].comparisons
        for timing in comparison.timings
        if timing.comparable
    ]
    assert timings
    for timing in timings:
        assert timing.baseline_mean is not None
        assert timing.candidate_mean is not None
        assert timing.candidate_mean / timing.baseline_mean == pytest.approx(timing.ratio, rel=1e-4)
        _, first, second, change, *_ = cells(timing)
        (ours, unit), (theirs, other) = (text.split() for text in (first, second))
        if unit == other:  # three digits each
            percent = float(change.removesuffix(" %"))
            assert float(theirs) / float(ours) == pytest.approx(1 + percent / 100, rel=0.011)


def timing(**changes: float | None) -> TimingComparison:
    fields: dict[str, object] = {
        "name": "BM_mmap_binder/4096", "when": "target", "statistic": "real_time", "unit": "ns", "blocks": 7,
        "baseline": 269_000.0, "candidate": 399_000.0, "ratio": 1.166, "low": None, "high": None,
        "interval": "none", "p": None, "p_holm": None, "smallest_effect_percent": None, "words": "",
    }  # fmt: skip
    return TimingComparison.model_validate(fields | changes)


def test_large_figures_are_readable() -> None:
    shown = cells(timing(baseline_mean=5e6, candidate_mean=1.32e9, ratio=255.249, low=1.5, high=25424.9))
    assert shown[1:] == ("5 ms", "1.32 s", "x 255", "+50.0 % to x 25425", "-")
    shown = cells(timing(ratio=1.02, low=0.981, high=1.034, p_holm=0.5))
    assert shown[3:] == ("+2.0 %", "-1.9 to +3.4 %", "0.5")


@pytest.mark.parametrize("name", FORMATS)
def test_one_is_no_plural(tmp_path: Path, name: str) -> None:
    report = load_judged_run(run_directory(tmp_path / "run", Made(blocks=1)).path)
    nouns = "blocks|trials|timings|pairs|forks|states|mmaps|arrays|kills"
    text = render(report, name)
    assert re.findall(rf"(?<![\w./:,-])(?<!\d )1 (?:\w+ )?(?:{nouns})\b", text) == []
    assert not re.search(r"\d[eE]\+\d", render(run_report(tmp_path / "other", Made(blocks=7)), name))
