# SPDX-License-Identifier: Apache-2.0
"""Who runs next: every block and fork once, within the slots, timing alone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from orchestrator.deadline import Deadline
from orchestrator.evidence.evidence import Evidence
from orchestrator.files.folder import Folder
from orchestrator.host.capacity import Capacity
from orchestrator.plan import PlannedBlock, PlannedTrial, plan_blocks
from orchestrator.run.admission import Admission, GuestKind
from orchestrator.run.memory_watch import MemoryShort
from orchestrator.run.schedule import BlockJob, ColdJob, ForkJob, Job, Schedule
from orchestrator.run.trial import Block
from orchestrator.scenario.loading.loader import load_text
from orchestrator.units import KIB, MIB
from tests.unit.verdict.test_verdict import TEXT, raised


def plan(blocks: int, forks: int) -> list[PlannedBlock]:
    text = TEXT + f"audit: false\ntrials: {{blocks: {blocks}, forks: {forks}}}"
    return plan_blocks(load_text(text, Path("x")).scenario)


def room_for(guests: int) -> Admission:
    """Each guest of a kind takes one byte of so many, and none is ever measured."""
    return Admission(Capacity(1, 1, 1, guests, worst_case=True), lambda: guests)


class Host:
    """Works through a schedule with threads, and watches what runs at once."""

    def __init__(
        self,
        schedule: Schedule,
        *,
        failing: int = 0,
        size_kb: int | None = None,
        admission: Admission | None = None,
    ) -> None:
        self.schedule = schedule
        self.size_kb = size_kb
        self.admission = admission
        self.unmeasured = True
        self.most_before_measured = 0
        self.failures = failing
        self.ran: list[PlannedTrial] = []
        self.most_guests = 0
        self.alone = True
        self.closed = 0
        self._running: list[object] = []
        self._lock = threading.Lock()

    def work(self, workers: int) -> None:
        self.work_with(self._work, workers)

    def work_with(self, target: Callable[[], None], workers: int) -> None:
        threads = [threading.Thread(target=target) for _ in range(workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive(), "a worker waits for ever"

    def _work(self) -> None:
        while (job := self.schedule.next()) is not None:
            with self._lock:
                self._running.append(job)
                self.most_guests = max(self.most_guests, len(self._running))
                if self.unmeasured:
                    self.most_before_measured = self.most_guests
                if (
                    any(isinstance(other, ForkJob | ColdJob) for other in self._running)
                    and len(self._running) > 1
                ):
                    self.alone = False
            self.run(job)

    def _ended(self, job: Job) -> None:
        with self._lock:
            if job in self._running:
                self._running.remove(job)

    def run(self, job: Job) -> None:
        if isinstance(job, ForkJob):
            self.ran.append(job.planned)
            self._ended(job)
            self._measured(GuestKind.FORK)
            self.schedule.fork_ended(job)
        elif isinstance(job, ColdJob):
            self.ran.append(job.planned)
            self._ended(job)
            self.schedule.cold_ended()
        elif self.failures:
            self.failures -= 1
            self._ended(job)
            self.schedule.block_failed(job, again=True)
        else:
            resources = ExitStack()
            resources.callback(self._count_closed)
            self._ended(job)
            result = raised(job.planned.number, "x").model_copy(update={"host_memory_kb": self.size_kb})
            self._measured(GuestKind.BLOCK)
            self.schedule.block_ready(Block(job.planned, Evidence(), None, result, Folder(Path())), resources)

    def _measured(self, kind: GuestKind) -> None:
        if self.admission is not None and self.size_kb is not None:
            self.admission.saw(kind, self.size_kb * KIB)
            self.unmeasured = self.unmeasured and kind == GuestKind.BLOCK

    def _count_closed(self) -> None:
        self.closed += 1


@pytest.mark.parametrize("exclusive", [True, False])
@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("slots", [2, 3, 64])
def test_everything_runs_once_and_every_snapshot_is_given_back(
    exclusive: bool, workers: int, slots: int
) -> None:
    blocks = plan(20, 3)
    host = Host(Schedule(blocks, room_for(slots), exclusive_trials=exclusive))
    host.work(workers)
    assert sorted(trial.number for trial in host.ran) == list(range(1, 121))
    assert host.closed == 20
    assert host.most_guests <= min(workers, slots)


def cold_plan(rounds: int) -> list[PlannedBlock]:
    text = TEXT + f"audit: false\ntrials: {{blocks: {rounds}, fork: false}}"
    return plan_blocks(load_text(text, Path("x")).scenario)


@pytest.mark.parametrize("slots", [1, 3])
@pytest.mark.parametrize("workers", [1, 4])
def test_cold_trials_run_once_each_and_side_by_side_within_the_slots(slots: int, workers: int) -> None:
    host = Host(Schedule(cold_plan(20), room_for(slots), exclusive_trials=False))
    host.work(workers)
    assert sorted(trial.number for trial in host.ran) == list(range(1, 41))
    assert host.most_guests <= min(workers, slots)


def test_cold_trials_whose_times_count_run_alone_from_their_boot_on() -> None:
    host = Host(Schedule(cold_plan(20), room_for(64), exclusive_trials=True))
    host.work(4)
    assert len(host.ran) == 40
    assert host.alone
    assert host.most_guests == 1


def test_timing_is_taken_with_one_guest_running() -> None:
    host = Host(Schedule(plan(20, 3), room_for(64), exclusive_trials=True))
    host.work(4)
    assert host.alone


def test_a_block_that_failed_comes_again() -> None:
    host = Host(Schedule(plan(3, 1), room_for(8), exclusive_trials=False), failing=2)
    host.work(2)
    assert len(host.ran) == 6


def test_a_stop_ends_all_workers_and_gives_everything_back() -> None:
    schedule = Schedule(plan(50, 3), room_for(8), exclusive_trials=False)
    host = Host(schedule)
    threading.Timer(0.01, schedule.stop).start()
    host.work(4)
    assert schedule.next() is None


@pytest.mark.parametrize("slow", [BlockJob, ForkJob])
def test_a_slow_guest_holds_up_no_other(slow: type[BlockJob | ForkJob]) -> None:
    """The first such guest does not end before all other trials that do not depend on it."""
    schedule = Schedule(plan(10, 3), room_for(8), exclusive_trials=False)
    host = Host(schedule)
    others = 10 * 2 * 3 - (6 if slow is BlockJob else 1)
    first = threading.Lock()

    def work() -> None:
        while (job := schedule.next()) is not None:
            if isinstance(job, slow) and first.acquire(blocking=False):
                _wait_until(lambda: len(host.ran) >= others)
            host.run(job)

    host.work_with(work, workers=2)
    assert len(host.ran) == 60
    assert host.closed == 10


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = Deadline.after(20, "the others go on")
    while not condition():
        deadline.check()
        threading.Event().wait(0.005)


def test_memory_that_nobody_gives_back_ends_the_wait_with_the_figures() -> None:
    told: list[str] = []
    admission = Admission(Capacity(2, 512 * MIB, 132 * MIB, 300 * MIB), lambda: 100 * MIB)
    schedule = Schedule(plan(1, 1), admission, exclusive_trials=False, patience_s=0, waiting=told.append)
    with pytest.raises(
        MemoryShort, match="a block needs 132 MiB of memory at least, and 100 MiB can be given"
    ):
        schedule.next()
    assert told == [
        "waiting for memory: a block needs 132 MiB of memory at least, and 100 MiB can be given here"
    ]


def test_memory_that_others_give_back_is_waited_for() -> None:
    spare = iter([0, 0, 0])
    admission = Admission(Capacity(2, 512 * MIB, 132 * MIB, 2000 * MIB), lambda: next(spare, 2000 * MIB))
    schedule = Schedule(plan(1, 1), admission, exclusive_trials=False)
    assert isinstance(schedule.next(), BlockJob)


def test_what_is_not_known_to_fit_runs_alone_and_its_like_side_by_side_once_measured() -> None:
    """Eight guests of 1 GiB on 1.4 GiB: the first block alone, then as many as its measured size allows."""
    admission = Admission(Capacity(8, 1024 * MIB, 144 * MIB, 1400 * MIB), lambda: 1400 * MIB)
    schedule = Schedule(plan(8, 3), admission, exclusive_trials=False)
    host = Host(schedule, size_kb=100 * 1024, admission=admission)
    host.work(8)
    assert len(host.ran) == 48
    assert host.most_before_measured == 1
    assert host.most_guests <= 5
