# SPDX-License-Identifier: Apache-2.0
"""Carries out a plan: workers that prepare blocks and run forks or cold trials, each step in the journal."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager

from orchestrator.errors import HostError, InputError, OomlabError
from orchestrator.evidence.evidence import Evidence
from orchestrator.host.interrupts import interrupts_deferred
from orchestrator.oom.records import MemoryEvent
from orchestrator.outcome import Outcome
from orchestrator.plan import MAX_ATTEMPTS, PlannedBlock, PlannedTrial
from orchestrator.protocol.records import AgentError, ControlRecord
from orchestrator.record.directory import RunDirectory
from orchestrator.record.journal import (
    BlockEnded,
    BlockStarted,
    Entry,
    EventRecorded,
    TrialEnded,
    TrialStarted,
)
from orchestrator.record.recorder import ConsoleEvent
from orchestrator.record.result import BlockResult, TrialResult
from orchestrator.run.admission import Admission, GuestKind
from orchestrator.run.environment import Environment
from orchestrator.run.observer import GuestLabel, Observer
from orchestrator.run.schedule import BlockJob, ColdJob, ForkJob, Schedule
from orchestrator.run.trial import Block, Observers, RunContext, prepare_block, run_cold_trial, run_trial
from orchestrator.run.watch import StopSwitch
from orchestrator.units import KIB

_HEED_SIGNALS_S = 0.2
"""A signal that comes just before the main thread goes to sleep, or that the kernel hands to another
thread, does not wake it: Python runs the handler when it wakes by itself."""


_OF_THE_SCENARIO = {
    "recipe": "ask for less; `oomlab validate` should have told, so please report this",
    "sysctl": "`device.sysctls` names a setting or a value that this kernel does not have",
}
"""Where an agent's error is the scenario's, with what to do about it."""
_OF_THE_DEVICE = {
    "rights": "`root` of the device's settings gets the agent root where the image allows it (userdebug does,"
    " user does not); or ask for less",
    "binder": "`binder` of the device's settings asks for a driver by `binder.impl=` on the kernel's command"
    " line; the kernel must have that one",
}
"""Likewise of a device that is not the agent's own."""


class Execution:
    """The guests of one host. `record` and observer are told by one thread at a time."""

    def __init__(
        self,
        environment: Environment,
        directory: RunDirectory,
        record: Callable[[Entry], None],
        observer: Observer,
        admission: Admission,
    ) -> None:
        self._environment = environment
        self._directory = directory
        self._record = record
        self._observer = observer
        self._admission = admission
        self._schedule: Schedule | None = None
        self._stop = StopSwitch()
        self._common = RunContext(
            environment.budgets,
            environment.backend.capabilities,
            self._stop,
            environment.scenario.trigger,
            environment.elements,
        )
        self._recording = threading.Lock()
        self._failure: BaseException | None = None
        self.results: list[BlockResult | TrialResult] = []
        """Of all that has ended, in that order."""

    def prove(self, planned: PlannedBlock) -> bool:
        """The throw-away boot of `hard: forbidden`: True when compaction does repair the state."""
        outcome = self._cold(planned).outcome if planned.is_cold else self._proof(planned)
        self._raise_failure()
        return outcome is Outcome.PASSED

    def _proof(self, planned: PlannedBlock) -> Outcome:
        attempt = 1
        while True:
            with self._ready(BlockJob(planned, attempt)) as block:
                result = self._trial(block, planned.trials[0], attempt)
            if attempt == MAX_ATTEMPTS or not result.outcome.is_repeatable:
                return result.outcome
            attempt += 1

    def run(self, blocks: Sequence[PlannedBlock], *, workers: int, exclusive_trials: bool) -> None:
        """Carry out the blocks and their trials; KeyboardInterrupt ends every guest, then goes on up."""
        schedule = Schedule(blocks, self._admission, exclusive_trials=exclusive_trials, waiting=self._tell)
        self._schedule = schedule
        # Not Thread.join(): interrupted, it takes the thread for ended until Python 3.13 (bpo-46726).
        with ThreadPoolExecutor(workers, thread_name_prefix="worker") as pool:
            working: list[Future[None]] = []
            try:
                with interrupts_deferred():  # a submit() that is cut short loses sight of its thread
                    working += [pool.submit(self._work, schedule) for _ in range(workers)]
                while wait(working, timeout=_HEED_SIGNALS_S).not_done:
                    pass
            except KeyboardInterrupt:
                self.interrupt()
                wait(working)
                raise
        self._raise_failure()

    def interrupt(self, why: str = "") -> None:
        """End every guest as interrupted and begin no other."""
        if self._schedule is not None:
            self._schedule.stop()
        self._stop.flip(why)

    def give_up(self, reason: BaseException) -> None:
        """End as `interrupt` does, for a reason that is raised where the work was asked for."""
        self._failure = self._failure or reason
        self.interrupt(reason.message if isinstance(reason, OomlabError) else "")

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _tell(self, words: str) -> None:
        with self._recording:
            self._observer.progress(words)

    def _work(self, schedule: Schedule) -> None:
        try:
            while (job := schedule.next()) is not None:
                match job:
                    case BlockJob():
                        self._prepare(schedule, job)
                    case ForkJob():
                        self._fork(schedule, job)
                    case ColdJob():
                        self._boot(schedule, job)
        except BaseException as error:  # noqa: BLE001 - a dead worker must not leave the others waiting
            self.give_up(error)

    def _prepare(self, schedule: Schedule, job: BlockJob) -> None:
        with ExitStack() as stack:
            block = stack.enter_context(self._ready(job))
            if block.snapshot is not None:
                schedule.block_ready(block, stack.pop_all())
                return
            again = job.attempt < MAX_ATTEMPTS and not self._stop.flipped
            if not again:
                for planned in job.planned.trials:
                    self._trial(block, planned, job.attempt)  # the block's evidence is all there is
        schedule.block_failed(job, again=again)

    def _fork(self, schedule: Schedule, job: ForkJob) -> None:
        try:
            for attempt in range(1, MAX_ATTEMPTS + 1):
                result = self._trial(job.ready.block, job.planned, attempt)
                if not result.outcome.is_repeatable:
                    break
        finally:
            schedule.fork_ended(job)

    @contextmanager
    def _ready(self, job: BlockJob) -> Iterator[Block]:
        planned = job.planned
        label = GuestLabel(planned, planned.index, job.attempt)
        entry = BlockStarted(
            number=label.number, block=planned.number, variants=planned.variants, attempt=job.attempt,
            host=self._environment.host, accelerator=self._environment.accelerators[planned.clock],
        )  # fmt: skip
        with self._recorded(entry):
            self._observer.guest_started(label)
        folder = self._directory.make("blocks", label.number)
        launcher = self._environment.launcher(planned)
        observers = self._observers(label)
        with prepare_block(planned, launcher, folder, job.attempt, self._common, observers) as block:
            with self._recorded(BlockEnded(number=label.number, result=block.result)):
                self._observer.block_ended(label, block.result)
            _require_understood(block.evidence)
            if block.snapshot is not None:
                self._measured(GuestKind.BLOCK, block.result.host_memory_kb)
            yield block

    def _boot(self, schedule: Schedule, job: ColdJob) -> None:
        try:
            self._cold(job.boot)
        finally:
            schedule.cold_ended()

    def _cold(self, boot: PlannedBlock) -> TrialResult:
        """A trial that is a boot of its own, made again while it gives no evidence."""
        (planned,) = boot.trials
        result = self._cold_trial(boot, planned, 1)
        for attempt in range(2, MAX_ATTEMPTS + 1):
            if not result.outcome.is_repeatable:
                break
            result = self._cold_trial(boot, planned, attempt)
        return result

    def _cold_trial(self, boot: PlannedBlock, planned: PlannedTrial, attempt: int) -> TrialResult:
        label = self._trial_started(planned, attempt)
        folder = self._directory.make("trials", label.number)
        result, evidence = run_cold_trial(
            self._environment.launcher(boot), planned, attempt, folder, self._common, self._observers(label)
        )
        self._trial_ended(label, result)
        self._measured(GuestKind.BOOT, result.private_memory_kb)
        _require_understood(evidence)
        return result

    def _trial(self, block: Block, planned: PlannedTrial, attempt: int) -> TrialResult:
        label = self._trial_started(planned, attempt)
        forks = block.snapshot is not None
        folder = (
            self._directory.make("trials", label.number)
            if forks
            else self._directory.link_trial(label.number, block.folder)
        )
        result = run_trial(block, planned, attempt, folder, self._common, self._observers(label))
        self._trial_ended(label, result)
        if forks:
            self._measured(GuestKind.FORK, result.private_memory_kb)
        return result

    def _measured(self, kind: GuestKind, size_kb: int | None) -> None:
        if size_kb is not None:
            self._admission.saw(kind, size_kb * KIB)

    def _trial_started(self, planned: PlannedTrial, attempt: int) -> GuestLabel:
        label = GuestLabel(planned, planned.number, attempt)
        environment = self._environment
        entry = TrialStarted(
            trial=label.number, block=planned.block, variant=planned.variant, attempt=attempt,
            host=environment.host if planned.cold else None,
            accelerator=environment.accelerators[planned.clock] if planned.cold else None,
        )  # fmt: skip
        with self._recorded(entry):
            self._observer.guest_started(label)
        return label

    def _trial_ended(self, label: GuestLabel, result: TrialResult) -> None:
        with self._recorded(TrialEnded(result=result)):
            self._observer.trial_ended(label, result)

    def _observers(self, label: GuestLabel) -> Observers:
        def on_record(record: ControlRecord) -> None:
            with self._recording:
                self._observer.guest_record(label, record)

        def on_event(event: ConsoleEvent) -> None:
            if isinstance(event, MemoryEvent):
                entry = EventRecorded(
                    where="block" if isinstance(label.planned, PlannedBlock) else "trial",
                    number=label.number,
                    event=event,
                )
                with self._recorded(entry):
                    self._observer.guest_event(label, event)
            else:
                with self._recording:
                    self._observer.guest_event(label, event)

        return Observers(on_record, on_event)

    @contextmanager
    def _recorded(self, entry: Entry) -> Iterator[None]:
        with self._recording:
            self._record(entry)
            if isinstance(entry, BlockEnded | TrialEnded):
                self.results.append(entry.result)
            yield


def _require_understood(evidence: Evidence) -> None:
    """Where the guest refuses what the scenario says no further attempt would end otherwise.

    InputError, or HostError where the device is the reason.
    """
    error = evidence.last(AgentError)
    if error is not None and error.where in _OF_THE_SCENARIO:
        raise InputError(
            f"the guest refuses what the scenario says: {error.where}: {error.message}",
            hint=_OF_THE_SCENARIO[error.where],
        )
    if error is not None and error.where in _OF_THE_DEVICE:
        raise HostError(
            f"the device gives no evidence: {error.message}",
            hint=_OF_THE_DEVICE[error.where],
        )
