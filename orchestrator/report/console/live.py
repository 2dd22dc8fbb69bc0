# SPDX-License-Identifier: Apache-2.0
"""Progress while a run goes on: a live line on a terminal, few plain lines elsewhere. stderr only."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
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
from orchestrator.protocol.memory_records import State, TargetRecord
from orchestrator.protocol.records import BenchmarkRecord, ControlRecord, Phase, TriggerProgress, TriggerStart
from orchestrator.record.recorder import ConsoleEvent
from orchestrator.record.result import BenchmarkRow, BlockResult, TrialResult
from orchestrator.run.observer import GuestLabel, Observer
from orchestrator.scenario.triggers.kinds import request_of
from orchestrator.stage import Mode
from orchestrator.text.amounts import count_of
from orchestrator.text.plain import one_line

_FRAMES_PER_S = 4
_QUARTERS = 4
_SILENCE_S = 60
"""A log that says nothing for so long makes people wonder whether anything is alive."""
_LONGEST_SILENCE_S = 600
"""Some CI services end a job that says nothing for longer."""
_MOST_NEWS = 5
"""Of things that were not seen before: with the page that follows, a run is to have forty lines."""
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


def _fell_short(row: BenchmarkRow) -> bool:
    """A huge page that was not to be had is a figure."""
    return row.killed or row.error is not None or (row.failed > 0 and not row.is_huge_page_fault)


def result_line(label: GuestLabel, result: TrialResult) -> str:
    """One line on a trial that has ended."""
    line = f"{label.name}: {result.outcome} after {result.host_seconds:.1f} s"
    if result.benchmarks:
        line += f", {count_of('benchmark', len(result.benchmarks))}"
        if short := sum(map(_fell_short, result.benchmarks)):
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


class _Tally:
    """What of a run is done, in counts."""

    def __init__(self, blocks: int = 0, trials: int = 0) -> None:
        self.blocks, self.trials = blocks, trials
        self.ready = self.missed = self.done = 0
        self.outcomes: dict[str, Counter[str]] = {}

    def block(self, result: BlockResult) -> None:
        """Count a block that is at its target, or missed it."""
        self.ready += result.frozen
        self.missed += not result.frozen

    def trial(self, result: TrialResult) -> None:
        """Count a trial; by outcome where it was one of the trigger's: others are there for figures."""
        self.done += 1
        if result.stage == "trigger":
            self.outcomes.setdefault(result.variant, Counter())[result.outcome] += 1

    @property
    def words(self) -> str:
        """`trials: 6 of 12, blocks at the target: 2 of 3; kcalloc: 2 oom; kvcalloc: 1 passed`."""
        text = f"trials: {self.done} of {self.trials}"
        text += f", blocks at the target: {self.ready} of {self.blocks}" if self.blocks else ""
        text += f", {count_of('miss', self.missed)}" if self.missed else ""
        return text + "".join(f"; {each}" for each in self.by_variant)

    @property
    def by_variant(self) -> list[str]:
        """How the trigger's trials ended, for each variant."""
        return [
            f"{variant}: " + ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items())
            for variant, outcomes in self.outcomes.items()
        ]


class PlainObserver:
    """For logs and CI: few lines however many trials there are, no cursor motion.

    A tally at each quarter of the trials, the first that ended in a way that was not seen before, and what
    is going on where nothing was printed for a minute, then for two, for four... `verbose`: a line for each
    block and trial; else the journal alone has them.
    """

    def __init__(
        self, console: Console, *, verbose: bool = False, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._console = console
        self._verbose = verbose
        self._now_s = now_s
        self._printed_s = now_s()
        self._silence_s = _SILENCE_S
        self._tally = _Tally()
        self._seen: set[tuple[str, ...]] = set()
        self._news = 0

    def progress(self, text: str) -> None:
        """Print a line of preparation."""
        self._print(text)

    def ask(self, question: str) -> bool:  # noqa: ARG002 - there is no terminal, and so nobody to ask
        """Say no: a log has nobody who reads it now."""
        return False

    def run_planned(self, blocks: int, trials: int) -> None:
        """Print what is to come."""
        self._tally = _Tally(blocks, trials)
        self._seen.clear()
        self._news = 0
        if blocks:
            self._print(f"planned: {count_of('trial', trials)} from {count_of('block', blocks)}")
        else:
            self._print(f"planned: {count_of('cold trial', trials)}, each with a boot of its own")

    def guest_started(self, label: GuestLabel) -> None:
        """Print that a guest boots, where that is the news of a minute; forks start too often for it."""
        if isinstance(label.planned, PlannedBlock) or label.planned.cold:
            self._print_if_silent(f"{label.name}: booting", asked=self._verbose)

    def guest_record(self, label: GuestLabel, record: ControlRecord) -> None:
        """Print what a guest does, where that is the news of a minute.

        `verbose`: a block's pressure and the first trigger of all; more would flood a log.
        """
        if (text := detail(record)) is None:
            return
        phase = record.name if isinstance(record, Phase) else ""
        asked = phase == "pressure" or (phase == "trigger" and ("trigger",) not in self._seen)
        if phase == "trigger":
            self._seen.add(("trigger",))
        self._print_if_silent(f"{label.name}: {text}", asked=self._verbose and asked)

    def guest_event(self, label: GuestLabel, event: ConsoleEvent) -> None:
        """Print what a block should not have, and panics; a trial's OOM is in the line of its end."""
        expected = isinstance(event, MemoryEvent) and not isinstance(label.planned, PlannedBlock)
        if not expected and (text := event_line(event)) is not None:
            self._print_first((text,), f"{label.name}: {text}")

    def block_ended(self, label: GuestLabel, result: BlockResult) -> None:
        """Print the first block that is at its target, and the first that is not."""
        if label.planned.mode is not Mode.PROOF:
            self._tally.block(result)
        self._print_first(("block", str(result.frozen)), block_line(label, result))

    def trial_ended(self, label: GuestLabel, result: TrialResult) -> None:
        """Print an end that no trial of this variant had before, and the tally at each quarter."""
        self._tally.trial(result)
        self._print_first(_kind_of_end(result), result_line(label, result))
        quarters = _QUARTERS * self._tally.done // max(self._tally.trials, 1)
        if quarters > _QUARTERS * (self._tally.done - 1) // max(self._tally.trials, 1):
            self._print(self._tally.words)
        else:
            self._print_if_silent(self._tally.words)

    def _print_first(self, kind: tuple[str, ...], text: str) -> None:
        """Print what is the first of its kind; the tally has the others."""
        if not self._verbose and kind in self._seen:
            return
        self._seen.add(kind)
        self._news += 1
        if self._verbose or self._news <= _MOST_NEWS:
            self._print(text)
        elif self._news == _MOST_NEWS + 1:
            self._print("and more that was not seen before: the report has all of it")

    def _print_if_silent(self, text: str, *, asked: bool = False) -> None:
        if asked or self._now_s() - self._printed_s >= self._silence_s:
            self._silence_s = min(2 * self._silence_s, _LONGEST_SILENCE_S)
            self._print(text)

    def _print(self, text: str) -> None:
        self._printed_s = self._now_s()
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def _kind_of_end(result: TrialResult) -> tuple[str, ...]:
    """Alike for trials of one variant that ended alike."""
    crash = crash_sentence(result.crashes[0]) if result.crashes else ""
    return "trial", result.variant, result.outcome, crash


class LiveObserver(PlainObserver):
    """A bar over the trials with rate and time left, the tally of outcomes, and a line a guest."""

    def __init__(self, console: Console, overall: Progress, guests: Progress, live: Live) -> None:
        super().__init__(console)
        self._live = live
        self._overall = overall
        self._bar = overall.add_task("", total=None, visible=False, rate="")
        self._lines = guests
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

    def run_planned(self, blocks: int, trials: int) -> None:
        """Show the bar, anew for every run."""
        self._tally = _Tally(blocks, trials)
        self._seen.clear()
        self._news = 0
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
            self._print_first(("block", label.name), block_line(label, result))

    def trial_ended(self, label: GuestLabel, result: TrialResult) -> None:
        """Move the bar on and count the outcome."""
        self._forget(label)
        if not result.outcome.is_evidence:
            self._print_first(_kind_of_end(result), result_line(label, result))
        self._tally.trial(result)
        tally = "   ".join(self._tally.by_variant)
        self._overall.update(self._bar, advance=1, description=tally, rate=self._rate_text())

    def _forget(self, label: GuestLabel) -> None:
        task = self._guests.pop(label, None)
        if task is not None:
            self._lines.remove_task(task)

    def _rate_text(self) -> str:
        bar = self._overall.tasks[0]
        return f"{60 * bar.completed / bar.elapsed:.0f}/min" if bar.elapsed else ""


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
def live_observer(console: Console, *, verbose: bool = False) -> Iterator[Observer]:
    """The observer that fits `console`: live on a terminal, plain otherwise."""
    if not console.is_terminal:
        yield PlainObserver(console, verbose=verbose)
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
