# SPDX-License-Identifier: Apache-2.0
"""Progress: a log gets a line a trial, a terminal a bar with rate, tally and a line a guest."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from orchestrator.oom.records import CrashBegun, MemoryEvent
from orchestrator.outcome import Outcome
from orchestrator.plan import PlannedBlock, plan_blocks
from orchestrator.protocol.records import Phase
from orchestrator.report.console.live import LiveObserver, PlainObserver, live_observer
from orchestrator.run.observer import GuestLabel, Observer
from orchestrator.scenario.loading.loader import load_text
from tests.unit.verdict.test_verdict import TEXT, oomed, raised, survived


def plan(blocks: int, forks: int) -> list[PlannedBlock]:
    text = TEXT + f"audit: false\ntrials: {{blocks: {blocks}, forks: {forks}}}"
    return plan_blocks(load_text(text, Path("x")).scenario)


def phase(name: str) -> Phase:
    return Phase.model_validate({"event": "phase", "t_us": 1, "name": name})


def tell(observer: Observer, blocks: list[PlannedBlock]) -> None:
    """A whole run: every kcalloc trial ends in OOM."""
    event = oomed().first_oom
    assert isinstance(event, MemoryEvent)
    observer.run_planned(len(blocks), sum(len(block.trials) for block in blocks))
    for block in blocks:
        label = GuestLabel(block, block.index, 1)
        observer.guest_started(label)
        observer.guest_record(label, phase("pressure"))
        observer.block_ended(label, raised(block.number, "x"))
        for trial in block.trials:
            label = GuestLabel(trial, trial.number, 1)
            observer.guest_started(label)
            observer.guest_record(label, phase("trigger"))
            if trial.variant == "kcalloc":
                observer.guest_event(label, event)
            observer.trial_ended(label, oomed() if trial.variant == "kcalloc" else survived())


def test_ends_of_many_kinds_do_not_flood_a_log() -> None:
    out = StringIO()
    with live_observer(Console(file=out, width=200)) as observer:
        observer.run_planned(1, 100)
        (block,) = plan(blocks=1, forks=1)
        for number in range(100):
            trial = replace(block.trials[0], number=number, variant=f"variant-{number}")
            result = survived().model_copy(update={"variant": trial.variant})
            observer.trial_ended(GuestLabel(trial, number, 1), result)
    lines = out.getvalue().splitlines()
    assert sum("passed after" in line for line in lines) == 5
    assert len(lines) == 1 + 5 + 1 + 4


def test_silence_is_broken_ever_less_often() -> None:
    out, now_s = StringIO(), 0.0
    observer = PlainObserver(Console(file=out, width=200), now_s=lambda: now_s)
    (block,) = plan(blocks=1, forks=1)
    for _ in range(3600):
        now_s += 1
        observer.guest_record(GuestLabel(block, 1, 1), phase("pressure"))
    # After 1, 2, 4, 8 minutes, then every ten: what some CI services take for life.
    assert len(out.getvalue().splitlines()) == 4 + 4


def test_a_thousand_trials_do_not_flood_a_log() -> None:
    out = StringIO()
    with live_observer(Console(file=out, width=200)) as observer:
        assert isinstance(observer, PlainObserver)
        tell(observer, plan(blocks=10, forks=50))
    lines = out.getvalue().splitlines()
    assert len(lines) == 1 + 1 + 2 + 4
    assert lines[0] == "planned: 1000 trials from 10 blocks"
    assert lines[1].startswith("block 1: at the target")
    assert sum("oom after" in line and "order 3" in line for line in lines) == 1
    assert lines[-1] == (
        "trials: 1000 of 1000, blocks at the target: 10 of 10; kvcalloc: 500 passed; kcalloc: 500 oom"
    )


def test_a_log_has_every_trial_where_it_is_asked_for() -> None:
    out = StringIO()
    with live_observer(Console(file=out, width=200), verbose=True) as observer:
        tell(observer, plan(blocks=10, forks=5))
    lines = out.getvalue().splitlines()
    assert sum("oom after" in line for line in lines) == 50
    assert sum("passed after" in line for line in lines) == 50
    assert sum("at the target after" in line for line in lines) == 10


def test_an_end_that_was_not_seen_before_has_a_line_of_its_own() -> None:
    out = StringIO()
    observer = PlainObserver(Console(file=out, width=200))
    (block,) = plan(1, 40)
    observer.run_planned(1, len(block.trials))
    for trial in block.trials[:-2]:
        observer.trial_ended(GuestLabel(trial, trial.number, 1), survived(trial.variant))
    hung = survived("kvcalloc").model_copy(update={"outcome": Outcome.HANG, "why": "no word"})
    observer.trial_ended(GuestLabel(block.trials[-2], 79, 1), hung)
    observer.trial_ended(GuestLabel(block.trials[-1], 80, 1), hung)
    lines = out.getvalue().splitlines()
    assert sum(": hang after" in line for line in lines) == 1
    assert "2 hang" in lines[-1]


def test_a_log_is_not_silent_for_long() -> None:
    out, now_s = StringIO(), [0.0]
    observer = PlainObserver(Console(file=out, width=200), now_s=lambda: now_s[0])
    (block,) = plan(1, 1)
    observer.run_planned(1, 2)
    for passed_s in (20, 20, 20, 20):
        now_s[0] += passed_s
        observer.guest_record(GuestLabel(block, 1, 1), phase("pressure"))
    assert out.getvalue().splitlines()[1:] == ["block 1: fragmenting memory"]


def test_a_log_has_what_should_not_be() -> None:
    out = StringIO()
    observer = PlainObserver(Console(file=out, width=200))
    (block,) = plan(1, 1)
    event = oomed().first_oom
    assert isinstance(event, MemoryEvent)
    observer.guest_event(GuestLabel(block, 1, 1), event)
    observer.guest_event(
        GuestLabel(block.trials[0], 1, 1),
        CrashBegun(line=1, crash="panic", message="Kernel panic - not syncing: too bad"),
    )
    lines = out.getvalue().splitlines()
    assert lines[0].startswith("block 1: oom")
    assert lines[1].endswith("panic: too bad")


def test_a_terminal_has_bar_rate_tally_and_guests() -> None:
    out = StringIO()
    console = Console(file=out, width=160, force_terminal=True)
    with live_observer(console) as observer:
        assert isinstance(observer, LiveObserver)
        blocks = plan(1, 2)
        tell(observer, blocks)
        label = GuestLabel(blocks[0].trials[0], 9, 1)
        observer.guest_started(label)
        observer.guest_record(label, phase("module"))
    shown = out.getvalue()
    assert "4/4" in shown
    assert "/min" in shown
    assert "kcalloc: 2 oom" in shown
    assert "kvcalloc: 2 passed" in shown
    assert "trial 9" in shown
    assert "loading the driver" in shown
    assert "oom after" not in shown, "only what went wrong has a line of its own"


@pytest.mark.parametrize("terminal", [True, False])
def test_a_trial_without_evidence_is_told(terminal: bool) -> None:
    out = StringIO()
    with live_observer(Console(file=out, width=200, force_terminal=terminal)) as observer:
        (block,) = plan(1, 1)
        observer.run_planned(1, 2)
        lost = survived().model_copy(update={"outcome": Outcome.LOST, "why": "gone without a word"})
        observer.trial_ended(GuestLabel(block.trials[0], 1, 1), lost)
    assert "gone without a word" in out.getvalue()


def test_a_second_run_begins_anew() -> None:
    out = StringIO()
    with live_observer(Console(file=out, width=160, force_terminal=True)) as observer:
        tell(observer, plan(1, 2))
        observer.run_planned(1, 6)
    assert out.getvalue().rstrip().rsplit("0/6", 1)[-1].count("oom") == 0
