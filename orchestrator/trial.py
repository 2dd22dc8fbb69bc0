# SPDX-License-Identifier: Apache-2.0
"""One trial, from power-on to its result."""

from __future__ import annotations

import errno
import queue
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from orchestrator.control import ControlRecord, Hello, Phase, TriggerEnd
from orchestrator.deadline import Deadline
from orchestrator.errors import HostError, OomlabError
from orchestrator.guests.qemu.guest import QemuGuest, power_on
from orchestrator.guests.qemu.machine import Boot
from orchestrator.judge import Ending, Evidence, judge
from orchestrator.oom.records import Panic
from orchestrator.plan import PlannedTrial
from orchestrator.recorder import ConsoleEvent, ConsoleRecorder, ControlRecorder
from orchestrator.result import TrialResult

_PANIC_GRACE_S = 2.0
"""After the panic line the guest may finish its dump, then it is ended."""
_GUEST_REPORTS_FIRST_S = 10.0
"""The guest watches its own budgets; the host's deadline is for guests that no longer can."""
_AFTER_S = 60.0
_START_S = 10.0
_REGISTERS_S = 2.0
_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class PhaseBudgets:
    """Host seconds a trial may spend in each phase, already scaled to this machine."""

    boot_s: float
    target_s: float
    trigger_s: float
    after_s: float = _AFTER_S


@dataclass(frozen=True)
class TrialSetup:
    """Everything needed to run one trial."""

    planned: PlannedTrial
    trial: int
    attempt: int
    boot: Boot
    budgets: PhaseBudgets
    directory: Path
    mapping_bytes: int | None


class _LineClosed:
    """A serial line came to its end: QEMU is gone."""


@dataclass(frozen=True)
class _RecordingFailed:
    """A serial line cannot be recorded any more: whatever the guest does now proves nothing."""

    error: Exception


_Item = ControlRecord | ValueError | ConsoleEvent | _LineClosed | _RecordingFailed
RecordObserver = Callable[[ControlRecord], None]
EventObserver = Callable[[ConsoleEvent], None]


def run_trial(setup: TrialSetup, *, on_record: RecordObserver, on_event: EventObserver) -> TrialResult:
    """Boot, watch, judge. Never raises for what a guest does; Ctrl-C gives an interrupted result.

    Raises HostError when this machine cannot record the trial, which repeating would not change.
    """
    evidence = Evidence()
    started = time.monotonic()
    watch = _Watch(setup, evidence, on_record, on_event)
    try:
        with ExitStack() as stack:
            console = stack.enter_context(ConsoleRecorder(setup.directory, watch.inbox.put))
            control = stack.enter_context(ControlRecorder(setup.directory, watch.inbox.put))
            guest = stack.enter_context(
                power_on(
                    setup.boot,
                    log_path=setup.directory / "qemu.log",
                    console_sink=watch.closing(watch.watched(console)),
                    control_sink=watch.watched(control),
                    deadline=Deadline.after(_START_S, "QEMU's monitor greets"),
                )
            )
            watch.until_the_end(guest)
    except KeyboardInterrupt:
        evidence.ending = Ending.INTERRUPTED
    except OSError as error:
        raise HostError(
            f"trial {setup.trial} broke off: {error.strerror or error}",
            hint="free space, or choose another place with --out" if error.errno in _FULL else "",
        ) from error
    except OomlabError as error:
        evidence.ending, evidence.ending_detail = Ending.HARNESS_FAILED, error.message
    watch.take_the_rest()
    evidence.host_seconds = time.monotonic() - started
    return judge(
        setup.planned,
        trial=setup.trial,
        attempt=setup.attempt,
        mapping_bytes=setup.mapping_bytes,
        evidence=evidence,
    )


class _Watch:
    """Collects a running guest's evidence and knows by when what must have happened."""

    def __init__(
        self, setup: TrialSetup, evidence: Evidence, on_record: RecordObserver, on_event: EventObserver
    ) -> None:
        self.inbox: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        self._directory = setup.directory
        self._budgets = setup.budgets
        self._evidence = evidence
        self._on_record = on_record
        self._on_event = on_event
        self._deadline = Deadline.after(setup.budgets.boot_s, "the guest's agent speaks")

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

    def until_the_end(self, guest: QemuGuest) -> None:
        """Take in records and events until the guest has ended or is overdue."""
        while True:
            try:
                item = self.inbox.get(timeout=self._deadline.remaining())
            except queue.Empty:
                self._overdue(guest)
                return
            if isinstance(item, _LineClosed):
                status = guest.child.wait()
                self._evidence.ending_detail = f"QEMU ended with status {status}"
                guest.drain()
                self._not_recorded(guest.sink_failure())
                return
            if isinstance(item, _RecordingFailed):
                self._not_recorded(item.error)
                return
            self._take(item)

    def take_the_rest(self) -> None:
        """What arrived between the decision to end and the end itself."""
        while not self.inbox.empty():
            item = self.inbox.get()
            if not isinstance(item, _LineClosed | _RecordingFailed):
                self._take(item)

    def _take(self, item: ControlRecord | ValueError | ConsoleEvent) -> None:
        if isinstance(item, ValueError):
            self._evidence.ending = Ending.HARNESS_FAILED
            self._evidence.ending_detail = f"the control line carried garbage: {item}"
        elif isinstance(item, ConsoleEvent):
            self._evidence.console.append(item)
            if isinstance(item, Panic):
                self._deadline = self._deadline.sooner(_PANIC_GRACE_S, "the end after the panic")
            self._on_event(item)
        else:
            self._evidence.control.append(item)
            self._advance(item)
            self._on_record(item)

    def _advance(self, record: ControlRecord) -> None:
        budgets = self._budgets
        if isinstance(record, Hello):
            self._deadline = Deadline.after(
                budgets.target_s + _GUEST_REPORTS_FIRST_S, "the memory target is reached"
            )
        elif isinstance(record, Phase) and record.name == "trigger":
            self._deadline = Deadline.after(budgets.trigger_s + _GUEST_REPORTS_FIRST_S, "the trigger ends")
        elif isinstance(record, TriggerEnd) or (isinstance(record, Phase) and record.name == "after"):
            self._deadline = Deadline.after(budgets.after_s, "the guest reports and powers off")

    def _overdue(self, guest: QemuGuest) -> None:
        if any(isinstance(event, Panic) for event in self._evidence.console):
            self._evidence.ending_detail = "ended after its panic"
            return
        self._evidence.ending = Ending.OVERDUE
        self._evidence.ending_detail = f"not in time: {self._deadline.what}"
        try:
            registers = guest.monitor.registers(Deadline.after(_REGISTERS_S, "CPU registers"))
        except HostError as error:
            registers = error.message
        (self._directory / "registers.txt").write_text(registers + "\n")

    def _not_recorded(self, failure: Exception | None) -> None:
        if isinstance(failure, OSError):
            raise failure
        if failure is not None:
            self._evidence.ending = Ending.HARNESS_FAILED
            self._evidence.ending_detail = f"the guest's output could not be recorded: {failure}"
