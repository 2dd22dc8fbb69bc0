# SPDX-License-Identifier: Apache-2.0
"""Progress while a run goes on: a live line on a terminal, plain lines elsewhere. stderr only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from orchestrator.control import ControlRecord, Phase, State, TargetRecord, TriggerProgress, TriggerStart
from orchestrator.observer import Observer, TrialLabel
from orchestrator.oom.records import MemoryEvent, Panic
from orchestrator.recipe import Mode
from orchestrator.recorder import ConsoleEvent
from orchestrator.result import TrialResult

_PHASE_WORDS = {
    "prepare": "preparing the guest",
    "pressure": "fragmenting memory",
    "target": "memory target verified",
    "module": "loading the driver",
    "trigger": "trigger running",
    "after": "collecting samples",
    "end": "powering off",
}


def trial_name(label: TrialLabel) -> str:
    """How a trial is called in progress lines."""
    if label.planned.mode is Mode.PROOF:
        name = f"trial {label.trial}: proof that compaction repairs the state"
    else:
        name = f"trial {label.trial}: {label.planned.variant}, block {label.planned.block}"
    return name if label.attempt == 1 else f"{name}, attempt {label.attempt}"


def result_line(label: TrialLabel, result: TrialResult) -> str:
    """One line on a trial that has ended."""
    line = f"{trial_name(label)}: {result.outcome} after {result.host_seconds:.1f} s"
    if result.mmaps is not None:
        mmaps = result.mmaps
        line += f", {mmaps.ok} of {mmaps.planned} mmaps served"
    if not result.outcome.is_evidence:
        line += f" ({result.why})"
    return line


def detail(record: ControlRecord) -> str | None:
    """What a guest's record means to somebody who waits; None for records of no interest."""
    match record:
        case Phase():
            return _PHASE_WORDS[record.name]
        case State():
            return f"fragmenting memory: {record.action}, {record.free_kb // 1024} MiB free"
        case TargetRecord() if record.reached:
            return f"memory target reached, {record.free_kb // 1024} MiB free"
        case TriggerStart():
            return f"trigger running: {record.count} requests"
        case TriggerProgress():
            return f"trigger running: {record.ok} served, {record.failed} failed"
        case _:
            return None


class PlainObserver:
    """One line a step, for logs and CI: no cursor motion, no repetition."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._boots = 0

    def say(self, text: str) -> None:
        """Print a line of preparation."""
        self._print(text)

    def run_planned(self, boots: int) -> None:
        """Print how many guests will be booted."""
        self._print(f"{boots} boot{'s' if boots != 1 else ''} planned")

    def trial_started(self, label: TrialLabel) -> None:
        """Print that a guest boots."""
        self._print(f"{trial_name(label)}: booting")

    def trial_record(self, label: TrialLabel, record: ControlRecord) -> None:
        """Print the phases only; feedback steps would flood a log."""
        if isinstance(record, Phase) and record.name in ("pressure", "trigger"):
            self._print(f"{trial_name(label)}: {_PHASE_WORDS[record.name]}")

    def trial_event(self, label: TrialLabel, event: ConsoleEvent) -> None:
        """Print OOMs and panics as they are read."""
        if (text := event_line(event)) is not None:
            self._print(f"{trial_name(label)}: {text}")

    def trial_ended(self, label: TrialLabel, result: TrialResult) -> None:
        """Print the outcome."""
        self._print(result_line(label, result))

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


class LiveObserver(PlainObserver):
    """A bar over the boots with the current trial's phase; results stay above it."""

    def __init__(self, console: Console, progress: Progress) -> None:
        super().__init__(console)
        self._progress = progress
        self._task: TaskID | None = None
        self._tally: Counter[str] = Counter()

    def say(self, text: str) -> None:
        """Print a line of preparation."""
        self._progress.console.print(text, markup=False, highlight=False, style="dim")

    def run_planned(self, boots: int) -> None:
        """Show the bar."""
        self._task = self._progress.add_task("starting", total=boots)

    def trial_started(self, label: TrialLabel) -> None:
        """Show which trial boots."""
        self._show(f"{trial_name(label)}: booting")

    def trial_record(self, label: TrialLabel, record: ControlRecord) -> None:
        """Show the phase."""
        if (text := detail(record)) is not None:
            self._show(f"{trial_name(label)}: {text}")

    def trial_ended(self, label: TrialLabel, result: TrialResult) -> None:
        """Print the outcome above the bar and move it on."""
        super().trial_ended(label, result)
        if self._task is not None and not result.outcome.is_repeatable:
            self._progress.advance(self._task)

    def _show(self, text: str) -> None:
        if self._task is not None:
            self._progress.update(self._task, description=text)


def event_line(event: ConsoleEvent) -> str | None:
    """A console event in one line; None for the agent's own marks."""
    if isinstance(event, MemoryEvent):
        asked = f"order {event.order}" if event.order is not None else "order unknown"
        return f"{event.type} ({asked}, from {event.stack_first_caller or 'an unknown caller'})"
    if isinstance(event, Panic):
        return f"panic: {event.message}"
    return None


@contextmanager
def live_observer(console: Console) -> Iterator[Observer]:
    """The observer that fits `console`: live on a terminal, plain otherwise."""
    if not console.is_terminal:
        yield PlainObserver(console)
        return
    columns = (
        BarColumn(bar_width=20), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
    )  # fmt: skip
    with Progress(*columns, console=console, transient=True) as progress:
        yield LiveObserver(console, progress)
