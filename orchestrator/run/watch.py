# SPDX-License-Identifier: Apache-2.0
"""Watches one running guest: collects its evidence, and knows by when what must have happened."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from orchestrator.deadline import Deadline
from orchestrator.errors import HostError
from orchestrator.evidence.evidence import TRIGGER_MARK, Ending, Evidence
from orchestrator.files.folder import Folder
from orchestrator.guests.backend import Capabilities, Guest
from orchestrator.oom.records import CrashBegun, KernelCrash, Mark, MemoryEvent
from orchestrator.protocol.memory_records import Parked
from orchestrator.protocol.records import ControlRecord, Hello, Output, Phase, TriggerEnd, TriggerStart
from orchestrator.record.recorder import ConsoleEvent
from orchestrator.scenario.triggers.kinds import request_of

_PANIC_GRACE_S = 2.0
"""After the panic line the guest may finish its dump, then it is ended."""
_CRASH_GRACE_S = 20.0
"""A guest whose kernel has crashed may still report benchmarks and end by itself."""
_CRASH_SILENCE = 0.25
"""Share of the usual silence that is granted to a trigger whose kernel has crashed."""
_GUEST_REPORTS_FIRST_S = 10.0
"""The guest watches its own budgets; the host's deadline is for guests that no longer can."""
_AFTER_S = 60.0
_SILENCE_S = 20.0
_CONSOLE_EVENTS = (MemoryEvent, CrashBegun, KernelCrash, Mark)

RecordObserver = Callable[[ControlRecord], None]
EventObserver = Callable[[ConsoleEvent], None]


@dataclass(frozen=True)
class PhaseBudgets:
    """Host seconds a guest may spend in each phase, already scaled to this machine."""

    boot_s: float
    target_s: float
    trigger_s: float
    after_s: float = _AFTER_S
    silence_s: float = _SILENCE_S
    """How long the binder trigger, which tells how far it has come, may tell nothing."""
    benchmark_s: float = _AFTER_S


class _LineClosed:
    """The console came to its end: the device is gone."""


@dataclass(frozen=True)
class _Stopped:
    """The run is to end, because the user wants it, or `why`."""

    why: str = ""


@dataclass(frozen=True)
class _RecordingFailed:
    """A serial line cannot be recorded any more: whatever the guest does now proves nothing."""

    error: Exception


Item = ControlRecord | ValueError | ConsoleEvent | _LineClosed | _Stopped | _RecordingFailed
Inbox = queue.SimpleQueue[Item]


class StopSwitch:
    """Ends all watched guests of a run at once, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inboxes: set[Inbox] = set()
        self._stopped: _Stopped | None = None

    @property
    def flipped(self) -> bool:
        """Whether guests end."""
        return self._stopped is not None

    def flip(self, why: str = "") -> None:
        """Every guest that is watched now, or will be, ends as interrupted; `why` if not for the user."""
        with self._lock:
            self._stopped = self._stopped or _Stopped(why)
            for inbox in self._inboxes:
                inbox.put(self._stopped)

    @contextmanager
    def watching(self, inbox: Inbox) -> Iterator[None]:
        """The inbox hears of the switch within the block."""
        with self._lock:
            self._inboxes.add(inbox)
            if self._stopped is not None:
                inbox.put(self._stopped)
        try:
            yield
        finally:
            with self._lock:
                self._inboxes.discard(inbox)


class Watch:
    """The evidence of one guest, as it comes in."""

    def __init__(
        self,
        evidence: Evidence,
        folder: Folder,
        budgets: PhaseBudgets,
        capabilities: Capabilities,
        first: Deadline,
        on_record: RecordObserver,
        on_event: EventObserver,
    ) -> None:
        self.inbox: Inbox = queue.SimpleQueue()
        self.evidence = evidence
        self._folder = folder
        self._budgets = budgets
        self._capabilities = capabilities
        self._deadline = first
        self._progress: Deadline | None = None
        self._crashed: Deadline | None = None
        self._triggered = False
        self._on_record = on_record
        self._on_event = on_event

    def watched(self, recorder: Callable[[bytes], None]) -> Callable[[bytes], None]:
        """The recorder as a sink that also tells when it has failed."""

        def sink(chunk: bytes) -> None:
            try:
                recorder(chunk)
            except Exception as error:
                self.inbox.put(_RecordingFailed(error))
                raise

        return sink

    def closing(self, recorder: Callable[[bytes], None]) -> Callable[[bytes], None]:
        """The recorder as a sink that also tells when the line has ended."""

        def sink(chunk: bytes) -> None:
            recorder(chunk)
            if not chunk:
                self.inbox.put(_LineClosed())

        return sink

    def until_parked(self, guest: Guest) -> bool:
        """Take in what comes until the guest parks (True), or ends or is overdue (False)."""
        while (item := self._next(guest)) is not None:
            if isinstance(item, Parked):
                return True
        return False

    def until_the_end(self, guest: Guest) -> None:
        """Take in what comes until the guest has ended or is overdue."""
        while (item := self._next(guest)) is not None:
            if isinstance(item, Phase | TriggerEnd) and self._capabilities.private_memory:
                now_kb = guest.private_memory_kb()
                self.evidence.private_memory_kb = max(now_kb, self.evidence.private_memory_kb)

    def take_the_rest(self) -> None:
        """What arrived between the decision to end and the end itself."""
        while not self.inbox.empty():
            item = self.inbox.get()
            if not isinstance(item, _LineClosed | _Stopped | _RecordingFailed):
                self._take(item)

    def _next(self, guest: Guest) -> Item | None:
        """The next thing that came in; None when the watch is over."""
        due = self._due()
        try:
            item = self.inbox.get(timeout=due.remaining())
        except queue.Empty:
            self._overdue(guest, due)
            return None
        if isinstance(item, _Stopped):
            self.evidence.ending, self.evidence.ending_detail = Ending.INTERRUPTED, item.why
            return None
        if isinstance(item, _LineClosed):
            self.evidence.ending_detail = guest.await_end()
            self._not_recorded(guest.sink_failure())
            return None
        if isinstance(item, _RecordingFailed):
            self._not_recorded(item.error)
            return None
        self._take(item)
        return item

    def _due(self) -> Deadline:
        """What must come next: the end of the phase, or a sign that the trigger gets on."""
        dues = [due for due in (self._deadline, self._progress, self._crashed) if due is not None]
        return min(dues, key=lambda due: due.at_s)

    def _take(self, item: ControlRecord | ValueError | ConsoleEvent) -> None:
        if isinstance(item, ValueError):
            # What the guest under test wrote there may have cost a record or none: the judge decides.
            self.evidence.garbage_lines += 1
            self.evidence.first_garbage = self.evidence.first_garbage or str(item)
        elif isinstance(item, _CONSOLE_EVENTS):
            self.evidence.console.append(item)
            if self._progress is not None and isinstance(item, MemoryEvent):
                self._await_progress()  # a kernel that kills is not one that hangs
            if isinstance(item, CrashBegun) and item.fatal:
                self._expect_the_end(item)
            if isinstance(item, Mark) and item.text.startswith(TRIGGER_MARK) and not self._triggered:
                self._expect_trigger_end()  # the console may tell more than records that no longer come
            self._on_event(item)
        else:
            if not isinstance(item, Output) or item.stream is None:  # that is handed on, however much it is
                self.evidence.control.append(item)
            self._advance(item)
            if self._crashed is not None:
                self._await_life()
            self._on_record(item)

    def _advance(self, record: ControlRecord) -> None:
        budgets = self._budgets
        if isinstance(record, Hello):
            budget_s = budgets.target_s + _GUEST_REPORTS_FIRST_S
            self._deadline = Deadline.after(budget_s, "the memory target is reached")
        elif isinstance(record, Phase) and record.name == "trigger":
            self._expect_trigger_end()
        elif isinstance(record, Phase) and record.name == "benchmark":
            budget_s = budgets.benchmark_s + _GUEST_REPORTS_FIRST_S
            self._deadline = Deadline.after(budget_s, "the benchmarks end")
        elif isinstance(record, TriggerEnd) or (isinstance(record, Phase) and record.name == "after"):
            self._deadline = Deadline.after(budgets.after_s, "the guest reports and powers off")
            self._progress = None
        if isinstance(record, TriggerStart):
            # A command tells nothing while it runs: there the phase's deadline is all there is.
            self._progress = None
            if request_of(record.kind) is not None:
                self._await_progress()
        elif self._progress is not None:
            self._await_progress()

    def _expect_trigger_end(self) -> None:
        self._triggered = True
        budget_s = self._budgets.trigger_s + _GUEST_REPORTS_FIRST_S
        self._deadline = Deadline.after(budget_s, "the trigger ends")

    def _await_progress(self) -> None:
        silence_s = self._budgets.silence_s
        self._progress = Deadline.after(silence_s, f"the trigger gets on (nothing for {silence_s:.0f} s)")

    def _expect_the_end(self, crash: CrashBegun) -> None:
        """Whoever wants a lock that the crash's task held waits for good, maybe without sleep."""
        if crash.crash == "panic":
            self._progress = None
            self._deadline = self._deadline.sooner(_PANIC_GRACE_S, "the end after the panic")
        elif self.evidence.benchmarked:
            self._deadline = self._deadline.sooner(_CRASH_GRACE_S, "the end after the kernel's crash")
        elif self.evidence.under_test:
            self._await_life()

    def _await_life(self) -> None:
        silence_s = self._budgets.silence_s * _CRASH_SILENCE
        self._crashed = Deadline.after(
            silence_s, f"a sign of life after the kernel's crash (nothing for {silence_s:.0f} s)"
        )

    def _overdue(self, guest: Guest, due: Deadline) -> None:
        if any(isinstance(event, CrashBegun) and event.crash == "panic" for event in self.evidence.console):
            self.evidence.ending_detail = "ended after its panic"
            return
        self.evidence.ending = Ending.OVERDUE
        self.evidence.ending_detail = f"not in time: {due.what}"
        if not self._capabilities.registers:
            return
        try:
            registers = guest.registers()
        except HostError as error:
            registers = error.message
        with self._folder.create("registers.txt") as file:
            file.write(registers.encode() + b"\n")

    def _not_recorded(self, failure: Exception | None) -> None:
        if isinstance(failure, OSError):
            raise failure
        if failure is not None:
            self.evidence.ending = Ending.HARNESS_FAILED
            self.evidence.ending_detail = f"the guest's output could not be recorded: {failure}"
