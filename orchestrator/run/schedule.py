# SPDX-License-Identifier: Apache-2.0
"""Which guest runs next: blocks and their forks over several workers, as memory admits them.

Forks come before new blocks, so that few snapshots are held at a time. A job that takes timing
figures runs alone: nothing else starts, and it waits for the others to end. A cold trial is such a
job from its boot on, for nobody could hold it up at its target.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass

from orchestrator.deadline import Deadline
from orchestrator.plan import PlannedBlock, PlannedTrial
from orchestrator.run.admission import Admission, GuestKind
from orchestrator.run.memory_watch import MemoryShort
from orchestrator.run.trial import Block
from orchestrator.units import KIB, MIB

_MOST_READY = 8
"""Snapshots held at a time when trials run alone: each takes a guest's memory."""
_PATIENCE_S = 60.0
"""How long memory that others have taken is waited for when no guest runs that could give any back."""
_LOOK_S = 0.5
"""Between two looks at it: nobody tells when memory becomes free."""


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
    """Hands out jobs to worker threads; knows what runs, and asks whether more is admitted.

    A ready block holds its snapshot's memory while it has forks to come. `waiting` is told when nothing
    runs, and memory is waited for.
    """

    def __init__(
        self,
        blocks: Iterable[PlannedBlock],
        admission: Admission,
        *,
        exclusive_trials: bool,
        patience_s: float = _PATIENCE_S,
        waiting: Callable[[str], None] = lambda _words: None,
    ) -> None:
        self._changed = threading.Condition()
        self._blocks = deque[BlockJob | ColdJob](
            ColdJob(block.trials[0], block) if block.is_cold else BlockJob(block) for block in blocks
        )
        self._ready: list[ReadyBlock] = []
        self._admission = admission
        self._exclusive_trials = exclusive_trials
        self._patience_s = patience_s
        self._tell_waiting = waiting
        self._starving: Deadline | None = None
        self._running: list[GuestKind] = []
        self._draining = False
        self._stopped = False

    def next(self) -> Job | None:
        """The next job, waiting until one may run; None when there will be no more.

        Raises MemoryShort when memory for it does not come.
        """
        with self._changed:
            while True:
                if self._stopped or self._is_over():
                    self._changed.notify_all()
                    return None
                job = self._choose()
                if job is not None:
                    return self._begin(job)
                self._wait()

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
            self._running.remove(GuestKind.BLOCK)
            self._ready.append(ready)
            self._retire(ready)
            self._changed.notify_all()

    def block_failed(self, job: BlockJob, *, again: bool) -> None:
        """A block did not reach its target; `again` puts it back in front of the others."""
        with self._changed:
            self._running.remove(GuestKind.BLOCK)
            if again and not self._stopped:
                self._blocks.appendleft(BlockJob(job.planned, job.attempt + 1))
            self._changed.notify_all()

    def fork_ended(self, job: ForkJob) -> None:
        """A trial has ended."""
        with self._changed:
            self._running.remove(GuestKind.FORK)
            job.ready.running -= 1
            self._retire(job.ready)
            self._changed.notify_all()

    def cold_ended(self) -> None:
        """A cold trial has ended."""
        with self._changed:
            self._running.remove(GuestKind.BOOT)
            self._changed.notify_all()

    def _retire(self, ready: ReadyBlock) -> None:
        if ready in self._ready and not ready.waiting and not ready.running:
            self._ready.remove(ready)
            ready.resources.close()

    def _is_over(self) -> bool:
        return not self._blocks and not self._ready and not self._running

    def _wait(self) -> None:
        """Until a guest ends and gives memory back; where none runs, until others have."""
        if self._running:
            self._starving = None
            self._changed.wait()
            return
        kind = GuestKind.FORK if self._ready else _kind_of(self._blocks[0])
        needed_mib = self._admission.least_bytes(kind) // MIB
        spare_mib = max(0, self._admission.spare_bytes) // MIB
        what = f"a {kind} needs {needed_mib} MiB of memory at least, and {spare_mib} MiB can be given here"
        if self._starving is None:
            self._starving = Deadline.after(self._patience_s, "memory is free")
            self._tell_waiting(f"waiting for memory: {what}")
        if self._starving.passed:
            raise MemoryShort(
                f"{what}; it was waited for, {self._patience_s:.0f} s",
                evidence=[f"measured: {self._admission.words}"] if self._admission.words else [],
            )
        self._changed.wait(_LOOK_S)

    def _choose(self) -> Job | None:
        ready = next((ready for ready in self._ready if ready.waiting), None)
        if self._exclusive_trials:
            return self._choose_alone(ready)
        if ready is not None and self._admits(GuestKind.FORK):
            return ForkJob(ready, ready.waiting.popleft())
        return self._next_block()

    def _choose_alone(self, ready: ReadyBlock | None) -> Job | None:
        """Blocks are ready side by side, some at a time; then all their trials, one by one."""
        if ready is None:
            self._draining = False
        if self._blocks and isinstance(self._blocks[0], ColdJob):
            return None if self._running else self._next_block()
        if not self._draining:
            few = len(self._running) + len(self._ready) < _MOST_READY
            job = self._next_block() if few else None
            self._draining = job is None and ready is not None
            if not self._draining:
                return job
        fits = ready is not None and not self._running and self._admits(GuestKind.FORK)
        return ForkJob(ready, ready.waiting.popleft()) if ready and fits else None

    def _next_block(self) -> Job | None:
        if not self._blocks or not self._admits(_kind_of(self._blocks[0])):
            return None
        return self._blocks.popleft()

    def _admits(self, kind: GuestKind) -> bool:
        sizes_kb = (ready.block.result.host_memory_kb for ready in self._ready)
        snapshots = [None if size_kb is None else size_kb * KIB for size_kb in sizes_kb]
        return self._admission.admits(kind, self._running, snapshots)

    def _begin(self, job: Job) -> Job:
        self._starving = None
        match job:
            case ForkJob():
                self._running.append(GuestKind.FORK)
                job.ready.running += 1
            case ColdJob():
                self._running.append(GuestKind.BOOT)
            case BlockJob():
                self._running.append(GuestKind.BLOCK)
        return job


def _kind_of(job: BlockJob | ColdJob) -> GuestKind:
    return GuestKind.BOOT if isinstance(job, ColdJob) else GuestKind.BLOCK
