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
from orchestrator.plan import PlannedBlock, PlannedTrial, plan_blocks
from orchestrator.run.schedule import BlockJob, ColdJob, ForkJob, Job, Schedule
from orchestrator.run.trial import Block
from orchestrator.scenario.loading.loader import load_text
from tests.unit.verdict.test_verdict import TEXT, raised


def plan(blocks: int, forks: int) -> list[PlannedBlock]:
    text = TEXT + f"audit: false\ntrials: {{blocks: {blocks}, forks: {forks}}}"
    return plan_blocks(load_text(text, Path("x")).scenario)


class Host:
    """Works through a schedule with threads, and watches what runs at once."""

    def __init__(self, schedule: Schedule, *, failing: int = 0) -> None:
        self.schedule = schedule
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
            block = Block(job.planned, Evidence(), None, raised(job.planned.number, "x"), Folder(Path()))
            self.schedule.block_ready(block, resources)

    def _count_closed(self) -> None:
        self.closed += 1


@pytest.mark.parametrize("exclusive", [True, False])
@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("slots", [2, 3, 64])
def test_everything_runs_once_and_every_snapshot_is_given_back(
    exclusive: bool, workers: int, slots: int
) -> None:
    blocks = plan(20, 3)
    host = Host(Schedule(blocks, slots=slots, exclusive_trials=exclusive))
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
    host = Host(Schedule(cold_plan(20), slots=slots, exclusive_trials=False))
    host.work(workers)
    assert sorted(trial.number for trial in host.ran) == list(range(1, 41))
    assert host.most_guests <= min(workers, slots)


def test_cold_trials_whose_times_count_run_alone_from_their_boot_on() -> None:
    host = Host(Schedule(cold_plan(20), slots=64, exclusive_trials=True))
    host.work(4)
    assert len(host.ran) == 40
    assert host.alone
    assert host.most_guests == 1


def test_timing_is_taken_with_one_guest_running() -> None:
    host = Host(Schedule(plan(20, 3), slots=64, exclusive_trials=True))
    host.work(4)
    assert host.alone


def test_a_block_that_failed_comes_again() -> None:
    host = Host(Schedule(plan(3, 1), slots=8, exclusive_trials=False), failing=2)
    host.work(2)
    assert len(host.ran) == 6


def test_a_stop_ends_all_workers_and_gives_everything_back() -> None:
    schedule = Schedule(plan(50, 3), slots=8, exclusive_trials=False)
    host = Host(schedule)
    threading.Timer(0.01, schedule.stop).start()
    host.work(4)
    assert schedule.next() is None


@pytest.mark.parametrize("slow", [BlockJob, ForkJob])
def test_a_slow_guest_holds_up_no_other(slow: type[BlockJob | ForkJob]) -> None:
    """The first such guest does not end before all other trials that do not depend on it."""
    schedule = Schedule(plan(10, 3), slots=8, exclusive_trials=False)
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
