# SPDX-License-Identifier: Apache-2.0
"""The unit of work: blocks of a plan, carried out on this host with all their trials.

All that it takes and gives back is plain data or a folder, and it shares nothing but who is told of it. So
it does not matter to a run where its blocks are run: each tells its own host and what ran its guests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from orchestrator.host.capacity import Capacity, memory_for_guests_bytes
from orchestrator.host.ledger import kept_ledger
from orchestrator.host.memory_room import tightest_room
from orchestrator.plan import PlannedBlock
from orchestrator.record.directory import RunDirectory
from orchestrator.record.journal import Entry
from orchestrator.record.result import BlockResult, TrialResult
from orchestrator.run.admission import Admission
from orchestrator.run.environment import Environment
from orchestrator.run.execution import Execution
from orchestrator.run.memory_watch import memory_watched
from orchestrator.run.observer import Observer
from orchestrator.stage import Mode

Results = tuple[BlockResult | TrialResult, ...]
"""Every attempt at a block or trial, in the order in which they ended."""


@dataclass(frozen=True)
class Place:
    """Where blocks are run: what their host has and can hold, and the folder for what they leave."""

    environment: Environment
    capacity: Capacity
    directory: RunDirectory


def run_block(
    planned: PlannedBlock, place: Place, observer: Observer, record: Callable[[Entry], None]
) -> Results:
    """One block by itself. As `run_blocks`."""
    return run_blocks([planned], place, observer, record)


def run_blocks(
    blocks: Sequence[PlannedBlock], place: Place, observer: Observer, record: Callable[[Entry], None]
) -> Results:
    """Run blocks with all their trials, as many at once as the host can hold.

    `record` gets every entry of the journal, from any thread but never from two at once, before the step that
    it tells of. What it raises ends the work and is raised, as are HostError and InputError where going on
    would be of no use, MemoryShort before the host runs out of memory, and KeyboardInterrupt when the user
    stops it: in these two cases all guests ended as interrupted.
    """
    trials = place.environment.scenario.trials
    admission = Admission(place.capacity, memory_for_guests_bytes)
    execution = Execution(place.environment, place.directory, record, observer, admission)
    with (
        kept_ledger(place.directory.ledger),
        memory_watched(execution.give_up, lambda: admission.words, tightest_room),
    ):
        for clock in trials.clock:
            # Guest time under the deterministic clock does not depend on what else the host does.
            alone = clock == "realtime" and trials.timing
            own = [block for block in blocks if block.clock == clock]
            _run_pass(execution, own, place.capacity.workers, exclusive_trials=alone)
    return tuple(execution.results)


def _run_pass(
    execution: Execution, blocks: Sequence[PlannedBlock], workers: int, *, exclusive_trials: bool
) -> None:
    if not blocks:
        return
    proofs = [block for block in blocks if block.mode is Mode.PROOF]
    if not all(execution.prove(proof) for proof in proofs):
        return  # the scenario's premise does not hold: its trials would mean nothing
    others = [block for block in blocks if block.mode is not Mode.PROOF]
    execution.run(others, workers=workers, exclusive_trials=exclusive_trials)
