# SPDX-License-Identifier: Apache-2.0
"""The short page: verdict first, at most 40 lines whatever a run came to, nothing lost that must be read."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest

from orchestrator.clock import Clock
from orchestrator.outcome import Outcome
from orchestrator.report.console.streams import UNBOUNDED_COLUMNS, PlainConsole
from orchestrator.report.console.summary_page import LEAST_LINES, fitted_page
from orchestrator.report.console.terminal import show
from orchestrator.report.formats.registry import render
from orchestrator.report.rows import headline
from orchestrator.verdict.judged_run import load_judged_run
from orchestrator.verdict.summary import summarise
from tests.unit.report.factory import Made, run_directory, run_report

MOST_LINES = 40
WIDE = PlainConsole(file=StringIO(), width=UNBOUNDED_COLUMNS)
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


PASSES: tuple[tuple[tuple[Clock, ...], int, bool], ...] = (
    (("realtime",), 1, False),
    (("realtime", "deterministic"), 2, False),
    (("realtime",), 2, True),
)
SHAPES = [
    Made(scenario=name, blocks=blocks, clocks=clocks, spoil=spoil, hostile=hostile, cold=cold, copies=copies)
    for name in ("binder-order3", "binder-review", "list-lru-crash")
    for clocks, blocks, cold in PASSES
    for spoil, hostile, copies in (
        (None, False, 0),
        (Outcome.TARGET_MISSED, True, 0),
        *(((None, False, 2), (Outcome.PANIC, True, 29)) if name == "binder-order3" else ()),
    )
]


@pytest.mark.parametrize("made", SHAPES, ids=str)
def test_no_shape_of_a_run_prints_more_than_there_is_room_for(made: Made, tmp_path: Path) -> None:
    """Clocks, twins, benchmarks, variants; and what was printed before the page."""
    report = load_judged_run(run_directory(tmp_path / "run", made).path)
    for printed, width in ((0, 80), (9, 120), (15, UNBOUNDED_COLUMNS), (80, 80)):
        out = StringIO()
        console = PlainConsole(file=out, width=width)
        for _ in range(printed):
            console.print("on its way")
        show(report, console, verbose=False)
        lines = out.getvalue().splitlines()[printed:]
        # A guest's own words, folded in the one row that is never left out, may take more than the least.
        least = MOST_LINES - 1 if made.hostile and width == 80 else LEAST_LINES
        assert len(lines) <= max(MOST_LINES - 1 - printed, least)
        assert lines[:2] == [headline(report.verdict), summarise(report.verdict).sentence]
        assert sum(line.startswith("Left out here, and in the full report: ") for line in lines) <= 1
        assert any(line.startswith("outcome ") or " outcome " in line for line in lines)


def test_what_there_is_no_room_for_is_named(tmp_path: Path) -> None:
    report = run_report(tmp_path / "run", Made(clocks=("realtime", "deterministic")))
    page = fitted_page(report, LEAST_LINES, WIDE)
    assert page.left_out.startswith("usable units, order 0-4") or "deterministic clock" in page.left_out
    kept = [line.cells[0] for section in page.sections for line in section.lines]
    assert "outcome" in kept
    whole = fitted_page(report, MOST_LINES, WIDE)
    assert whole.left_out == ""
    assert set(kept) < {line.cells[0] for section in whole.sections for line in section.lines}


def test_of_many_variants_those_stay_that_did_not_do_as_expected(tmp_path: Path) -> None:
    report = load_judged_run(run_directory(tmp_path / "run", Made(copies=29, spoil=Outcome.PANIC)).path)
    page = fitted_page(report, LEAST_LINES, WIDE)
    (table,) = (section for section in page.sections if section.headings)
    unmet = [name for name, each in report.verdict.variants.items() if each.unmet]
    assert unmet
    assert set(unmet) <= {line.cells[0] for line in table.lines}
    assert f"{31 - len(table.lines)} variants" in page.left_out


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
