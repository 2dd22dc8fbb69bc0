# SPDX-License-Identifier: Apache-2.0
"""Which guest runs next: blocks and their forks over several workers, within the host's memory.

Forks come before new blocks, so that few snapshots are held at a time. A job that takes timing
figures runs alone: nothing else starts, and it waits for the others to end. A cold trial is such a
job from its boot on, for nobody could hold it up at its target.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass

from orchestrator.plan import PlannedBlock, PlannedTrial
from orchestrator.run.trial import Block

_MOST_READY = 8
"""Snapshots held at a time when trials run alone: each takes a guest's memory."""


@dataclass(frozen=True)
class BlockJob:
    """Bring a block to its target."""

    planned: PlannedBlock
    attempt: int = 1


@dataclass
class ReadyBlock:
    """A block at its target, and the forks that are still to be made from it.

    `resources` holds its snapshot; it is closed when the last fork has ended.
    """

    block: Block
    resources: ExitStack
    waiting: deque[PlannedTrial]
    running: int = 0


@dataclass(frozen=True)
class ForkJob:
    """Run one trial of a ready block."""

    ready: ReadyBlock
    planned: PlannedTrial


@dataclass(frozen=True)
class ColdJob:
    """Boot a guest that goes straight through, as one trial."""

    planned: PlannedTrial
    boot: PlannedBlock


Job = BlockJob | ForkJob | ColdJob


class Schedule:
    """Hands out jobs to worker threads; knows what runs and what memory that takes.

    `slots` is how many guests the host's memory can hold at once; a ready block keeps one while
    it has forks to come.
    """

    def __init__(self, blocks: Iterable[PlannedBlock], *, slots: int, exclusive_trials: bool) -> None:
        self._changed = threading.Condition()
        self._blocks = deque[BlockJob | ColdJob](
            ColdJob(block.trials[0], block) if block.is_cold else BlockJob(block) for block in blocks
        )
        self._ready: list[ReadyBlock] = []
        self._slots = slots
        self._exclusive_trials = exclusive_trials
        self._guests = 0
        self._draining = False
        self._stopped = False

    def next(self) -> Job | None:
        """The next job, waiting until one may run; None when there will be no more."""
        with self._changed:
            while True:
                if self._stopped or self._is_over():
                    self._changed.notify_all()
                    return None
                job = self._choose()
                if job is not None:
                    return self._begin(job)
                self._changed.wait()

    def stop(self) -> None:
        """Hand out no more jobs."""
        with self._changed:
            self._stopped = True
            for ready in list(self._ready):
                ready.waiting.clear()
                self._retire(ready)
            self._changed.notify_all()

    def block_ready(self, block: Block, resources: ExitStack) -> None:
        """A block is at its target: its forks may run. Takes over its resources."""
        with self._changed:
            trials = () if self._stopped else block.planned.trials
            ready = ReadyBlock(block, resources, deque(trials))
            self._guests -= 1
            self._ready.append(ready)
            self._retire(ready)
            self._changed.notify_all()

    def block_failed(self, job: BlockJob, *, again: bool) -> None:
        """A block did not reach its target; `again` puts it back in front of the others."""
        with self._changed:
            self._guests -= 1
            if again and not self._stopped:
                self._blocks.appendleft(BlockJob(job.planned, job.attempt + 1))
            self._changed.notify_all()

    def fork_ended(self, job: ForkJob) -> None:
        """A trial has ended."""
        with self._changed:
            self._guests -= 1
            job.ready.running -= 1
            self._retire(job.ready)
            self._changed.notify_all()

    def cold_ended(self) -> None:
        """A cold trial has ended."""
        with self._changed:
            self._guests -= 1
            self._changed.notify_all()

    def _retire(self, ready: ReadyBlock) -> None:
        if ready in self._ready and not ready.waiting and not ready.running:
            self._ready.remove(ready)
            ready.resources.close()

    def _is_over(self) -> bool:
        return not self._blocks and not self._ready and self._guests == 0

    def _choose(self) -> Job | None:
        ready = next((ready for ready in self._ready if ready.waiting), None)
        room = self._guests + len(self._ready) < self._slots
        if self._exclusive_trials:
            return self._choose_alone(ready, room=room)
        if ready is not None and (room or not self._guests):
            return ForkJob(ready, ready.waiting.popleft())
        return self._blocks.popleft() if self._blocks and room else None

    def _choose_alone(self, ready: ReadyBlock | None, *, room: bool) -> Job | None:
        """Blocks are ready side by side, some at a time; then all their trials, one by one."""
        if ready is None:
            self._draining = False
        if self._blocks and isinstance(self._blocks[0], ColdJob):
            return None if self._guests else self._blocks.popleft()
        full = not room or self._guests + len(self._ready) >= _MOST_READY
        if ready is not None and (full or not self._blocks):
            self._draining = True
        if not self._draining:
            return self._blocks.popleft() if self._blocks and not full else None
        return ForkJob(ready, ready.waiting.popleft()) if ready and not self._guests else None

    def _begin(self, job: Job) -> Job:
        self._guests += 1
        if isinstance(job, ForkJob):
            job.ready.running += 1
        return job
