# SPDX-License-Identifier: Apache-2.0
"""Progress: a log gets a line a trial, a terminal a bar with rate, tally and a line a guest."""

from __future__ import annotations

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


def test_a_thousand_trials_do_not_flood_a_log() -> None:
    out = StringIO()
    with live_observer(Console(file=out, width=200)) as observer:
        assert isinstance(observer, PlainObserver)
        tell(observer, plan(blocks=10, forks=50))
    lines = out.getvalue().splitlines()
    assert len(lines) == 1 + 10 * 3 + 1 + 1000
    assert lines[0] == "planned: 1000 trials from 10 blocks"
    assert sum("trigger running" in line for line in lines) == 1
    assert sum("oom after" in line and "order 3" in line for line in lines) == 500


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
