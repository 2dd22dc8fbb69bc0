# SPDX-License-Identifier: Apache-2.0
"""Progress while a run goes on: a live line on a terminal, plain lines elsewhere. stderr only."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from orchestrator.oom.crash_words import crash_sentence
from orchestrator.oom.records import CrashBegun, MemoryEvent
from orchestrator.outcome import Outcome
from orchestrator.plan import PlannedBlock
from orchestrator.protocol.records import (
    BenchmarkRecord,
    ControlRecord,
    Phase,
    State,
    TargetRecord,
    TriggerProgress,
    TriggerStart,
)
from orchestrator.record.recorder import ConsoleEvent
from orchestrator.record.result import BlockResult, TrialResult
from orchestrator.run.observer import GuestLabel, Observer
from orchestrator.scenario.triggers.kinds import request_of
from orchestrator.stage import Mode
from orchestrator.text.amounts import count_of
from orchestrator.text.plain import one_line

_FRAMES_PER_S = 4
_PHASE_WORDS = {
    "prepare": "preparing the guest",
    "pressure": "fragmenting memory",
    "target": "memory target verified",
    "relax": "releasing the pressure",
    "module": "loading the driver",
    "trigger": "trigger running",
    "after": "collecting samples",
    "benchmark": "running benchmarks",
    "end": "powering off",
}


def block_line(label: GuestLabel, result: BlockResult) -> str:
    """One line on a block that is at its target, or is not."""
    if label.planned.mode is Mode.PROOF:
        return (
            f"{label.name}: ended after {result.host_seconds:.1f} s"  # no snapshot is taken; its trial tells
        )
    if not result.frozen:
        return f"{label.name}: target not reached after {result.host_seconds:.1f} s"
    free = f", {result.target.free_kb // 1024} MiB free" if result.target else ""
    return f"{label.name}: at the target after {result.host_seconds:.1f} s{free}"


def result_line(label: GuestLabel, result: TrialResult) -> str:
    """One line on a trial that has ended."""
    line = f"{label.name}: {result.outcome} after {result.host_seconds:.1f} s"
    if result.benchmarks:
        line += f", {count_of('benchmark', len(result.benchmarks))}"
        if short := sum(row.killed or row.failed > 0 or row.error is not None for row in result.benchmarks):
            line += f" ({short} killed or failed)"
    if result.requests is not None:
        requests = result.requests
        line += f", {requests.succeeded} of {requests.count(requests.planned)} succeeded"
    if result.first_oom is not None:
        line += f": {event_line(result.first_oom)}"
    if result.crashes:
        line += f": {one_line(crash_sentence(result.crashes[0]))}"
    if not result.outcome.is_evidence or result.outcome is Outcome.COMMAND_FAILED:
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
            return f"trigger running: {count_of(request_of(record.kind) or 'process', record.count)}"
        case TriggerProgress():
            return f"trigger running: {record.succeeded} succeeded, {record.failed} failed"
        case BenchmarkRecord():
            return f"running benchmarks: {record.name} done"
        case _:
            return None


class PlainObserver:
    """For logs and CI: a few lines a block, one line a trial, no cursor motion."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._triggered = False

    def progress(self, text: str) -> None:
        """Print a line of preparation."""
        self._print(text)

    def ask(self, question: str) -> bool:  # noqa: ARG002 - there is no terminal, and so nobody to ask
        """Say no: a log has nobody who reads it now."""
        return False

    def run_planned(self, blocks: int, trials: int) -> None:
        """Print what is to come."""
        if blocks:
            self._print(f"planned: {count_of('trial', trials)} from {count_of('block', blocks)}")
        else:
            self._print(f"planned: {count_of('cold trial', trials)}, each with a boot of its own")

    def guest_started(self, label: GuestLabel) -> None:
        """Print that a guest boots; forks start too often for a line."""
        if isinstance(label.planned, PlannedBlock) or label.planned.cold:
            self._print(f"{label.name}: booting")

    def guest_record(self, label: GuestLabel, record: ControlRecord) -> None:
        """Print a block's pressure and the first trigger of all; more would flood a log."""
        if not isinstance(record, Phase):
            return
        first_trigger = record.name == "trigger" and not self._triggered
        self._triggered |= first_trigger
        if first_trigger or record.name == "pressure":
            self._print(f"{label.name}: {_PHASE_WORDS[record.name]}")

    def guest_event(self, label: GuestLabel, event: ConsoleEvent) -> None:
        """Print what a block should not have, and panics; a trial's OOM is in the line of its end."""
        expected = isinstance(event, MemoryEvent) and not isinstance(label.planned, PlannedBlock)
        if not expected and (text := event_line(event)) is not None:
            self._print(f"{label.name}: {text}")

    def block_ended(self, label: GuestLabel, result: BlockResult) -> None:
        """Print whether the target was reached."""
        self._print(block_line(label, result))

    def trial_ended(self, label: GuestLabel, result: TrialResult) -> None:
        """Print the outcome."""
        self._print(result_line(label, result))

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


class LiveObserver(PlainObserver):
    """A bar over the trials with rate and time left, the tally of outcomes, and a line a guest."""

    def __init__(self, console: Console, overall: Progress, guests: Progress, live: Live) -> None:
        super().__init__(console)
        self._live = live
        self._overall = overall
        self._bar = overall.add_task("", total=None, visible=False, rate="")
        self._lines = guests
        self._tally: dict[str, Counter[str]] = {}
        self._guests: dict[GuestLabel, TaskID] = {}

    def progress(self, text: str) -> None:
        """Print a line of preparation."""
        self._console.print(text, markup=False, highlight=False, style="dim")

    def ask(self, question: str) -> bool:
        """Ask on the terminal; anything but y and yes means no."""
        if not sys.stdin.isatty():
            return False
        self._live.stop()
        try:
            self._console.print(f"{question} (y/N) ", end="", markup=False, highlight=False, soft_wrap=True)
            return sys.stdin.readline().strip().lower() in ("y", "yes")
        finally:
            self._live.start()

    def run_planned(self, blocks: int, trials: int) -> None:  # noqa: ARG002 - the bar counts trials
        """Show the bar, anew for every run."""
        self._tally.clear()
        self._overall.reset(self._bar, total=trials, visible=True, description="", rate="")

    def guest_started(self, label: GuestLabel) -> None:
        """Give the guest a line."""
        self._guests[label] = self._lines.add_task(f"{label.name}: starting", total=None)

    def guest_record(self, label: GuestLabel, record: ControlRecord) -> None:
        """Show the guest's phase on its line."""
        if (text := detail(record)) is not None and label in self._guests:
            self._lines.update(self._guests[label], description=f"{label.name}: {text}")

    def block_ended(self, label: GuestLabel, result: BlockResult) -> None:
        """Take the guest's line away; print only what went wrong."""
        self._forget(label)
        if not result.frozen and label.planned.mode is not Mode.PROOF:
            super().block_ended(label, result)

    def trial_ended(self, label: GuestLabel, result: TrialResult) -> None:
        """Move the bar on and count the outcome."""
        self._forget(label)
        if not result.outcome.is_evidence:
            super().trial_ended(label, result)
        if result.stage == "trigger":  # else it is there for figures
            self._tally.setdefault(result.variant, Counter())[result.outcome] += 1
        self._overall.update(self._bar, advance=1, description=self._tally_text(), rate=self._rate_text())

    def _forget(self, label: GuestLabel) -> None:
        task = self._guests.pop(label, None)
        if task is not None:
            self._lines.remove_task(task)

    def _rate_text(self) -> str:
        bar = self._overall.tasks[0]
        return f"{60 * bar.completed / bar.elapsed:.0f}/min" if bar.elapsed else ""

    def _tally_text(self) -> str:
        return "   ".join(
            f"{variant}: " + ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items())
            for variant, outcomes in self._tally.items()
        )


def event_line(event: ConsoleEvent) -> str | None:
    """A console event in one line; None for the agent's own marks."""
    if isinstance(event, MemoryEvent):
        unordered = "vmalloc" if event.vmalloc else "order unknown"
        asked = f"order {event.order}" if event.order is not None else unordered
        return f"{event.type} ({asked}, from {event.stack_first_caller or 'an unknown caller'})"
    if isinstance(event, CrashBegun) and event.fatal:
        what = "panic" if event.crash == "panic" else "kernel crash"
        return f"{what}: {event.message.removeprefix('Kernel panic - not syncing: ')}"
    return None


@contextmanager
def live_observer(console: Console) -> Iterator[Observer]:
    """The observer that fits `console`: live on a terminal, plain otherwise."""
    if not console.is_terminal:
        yield PlainObserver(console)
        return
    overall = Progress(
        BarColumn(bar_width=20), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"), TimeElapsedColumn(),
        TextColumn("left"), TimeRemainingColumn(), TextColumn("{task.description}", markup=False),
        console=console,
    )  # fmt: skip
    guests = Progress(
        SpinnerColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False), console=console
    )
    shown = Group(overall, guests)
    with Live(shown, console=console, transient=True, refresh_per_second=_FRAMES_PER_S) as live:
        yield LiveObserver(console, overall, guests, live)
