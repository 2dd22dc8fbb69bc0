# SPDX-License-Identifier: Apache-2.0
"""A block from power-on to its snapshot, the trials that fork from it, and those that boot alone."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial

from orchestrator.binder import ELEMENT_BYTES
from orchestrator.deadline import Deadline
from orchestrator.errors import HostError, OomlabError
from orchestrator.evidence.device_facts import DEVICE_LOG, count_lmkd_kills
from orchestrator.evidence.evidence import Ending, Evidence
from orchestrator.evidence.judge import judge, judge_block
from orchestrator.evidence.load_end import Load
from orchestrator.files.folder import Folder
from orchestrator.guests.backend import Capabilities, Guest, Launcher, Lines, Template
from orchestrator.plan import PlannedBlock, PlannedTrial
from orchestrator.protocol.fork_command import fork_command
from orchestrator.protocol.memory_records import Fingerprint, Parked
from orchestrator.record.recorder import ConsoleRecorder, ControlRecorder
from orchestrator.record.result import BlockResult, TrialResult
from orchestrator.run.watch import EventObserver, PhaseBudgets, RecordObserver, StopSwitch, Watch
from orchestrator.scenario.triggers.kinds import Trigger
from orchestrator.units import MIB

_FULL = (errno.ENOSPC, errno.EDQUOT)
_MOST_OF_A_LOG = 64 * MIB


@dataclass(frozen=True)
class RunContext:
    """What every guest of a run shares."""

    budgets: PhaseBudgets
    capabilities: Capabilities
    stop: StopSwitch
    trigger: Trigger
    elements: Mapping[str, int] = field(default_factory=dict)
    """By variant the size of an element of binder's page array, where it is known."""

    def load(self, variant: str) -> Load:
        """What is fired at the kernel of a variant."""
        return Load(self.trigger, self.elements.get(variant, ELEMENT_BYTES))


@dataclass(frozen=True)
class Observers:
    """Who is told what one guest says, as it says it."""

    on_record: RecordObserver
    on_event: EventObserver


@dataclass(frozen=True)
class Block:
    """A block that was tried: its evidence, and its snapshot if it reached the target."""

    planned: PlannedBlock
    evidence: Evidence
    snapshot: Template | None
    result: BlockResult
    folder: Folder


_Start = Callable[[Lines], AbstractContextManager[Guest]]


@contextmanager
def prepare_block(
    planned: PlannedBlock,
    launcher: Launcher,
    folder: Folder,
    attempt: int,
    common: RunContext,
    observers: Observers,
) -> Iterator[Block]:
    """Boot and bring to the target; the snapshot lives as long as the `with` block.

    Never raises for what a guest does. A block whose guest ended without parking has no snapshot.
    """
    with launcher.template() as template:
        started = time.monotonic()
        evidence = Evidence()

        def body(watch: Watch, guest: Guest) -> None:
            if watch.until_parked(guest):
                template.take_snapshot()
                evidence.snapshot_taken = True

        first = Deadline.after(common.budgets.boot_s, "the guest's agent speaks")
        _observe(evidence, folder, first, common, observers, template.power_on, body)
        evidence.host_seconds = time.monotonic() - started
        parked, deterministic = evidence.last(Parked), planned.clock == "deterministic"
        result = judge_block(
            planned,
            attempt=attempt,
            evidence=evidence,
            fingerprint=parked.fingerprint if parked else None,
            ram_sha256=template.memory_sha256() if evidence.snapshot_taken and deterministic else None,
            host_memory_kb=template.memory_kb() if common.capabilities.private_memory else None,
        )
        yield Block(planned, evidence, template if evidence.snapshot_taken else None, result, folder)


def run_trial(
    block: Block,
    planned: PlannedTrial,
    attempt: int,
    folder: Folder,
    common: RunContext,
    observers: Observers,
) -> TrialResult:
    """Fork, watch, judge. Never raises for what a guest does.

    Without a snapshot there is nothing to fork: the block's own evidence is judged.
    """
    evidence = Evidence.continuing(block.evidence)
    started = time.monotonic()
    snapshot = block.snapshot
    if snapshot is not None:
        evidence.ending, evidence.ending_detail = Ending.EXITED, ""
        start = partial(snapshot.fork, fork_command(planned.module, planned.stage))
        first = Deadline.after(common.budgets.boot_s, "the fork's agent goes on")
        _observe(evidence, folder, first, common, observers, start, Watch.until_the_end)
    evidence.host_seconds = time.monotonic() - started
    return judge(
        planned,
        attempt=attempt,
        directory=folder.name,
        load=common.load(planned.variant),
        fingerprint=block.result.fingerprint,
        evidence=evidence,
    )


def run_cold_trial(
    launcher: Launcher,
    planned: PlannedTrial,
    attempt: int,
    folder: Folder,
    common: RunContext,
    observers: Observers,
) -> tuple[TrialResult, Evidence]:
    """Boot a guest that goes straight through, watch, judge. Never raises for what a guest does.

    It needs nothing of its backend but a power-on: after that the host says nothing to the guest.
    """
    evidence = Evidence()
    started = time.monotonic()
    first = Deadline.after(common.budgets.boot_s, "the guest's agent speaks")
    _observe(evidence, folder, first, common, observers, launcher.power_on, Watch.until_the_end)
    evidence.host_seconds = time.monotonic() - started
    evidence.lmkd_kills = lmkd_kills(folder)
    at_target = evidence.last(Fingerprint)
    result = judge(
        planned,
        attempt=attempt,
        directory=folder.name,
        load=common.load(planned.variant),
        fingerprint=at_target.fingerprint if at_target else None,
        evidence=evidence,
    )
    return result, evidence


def lmkd_kills(folder: Folder) -> int | None:
    """Kills of Android's low memory killer, by the log that the device left in a trial's directory.

    None where there is none, or an empty one, in which nobody wrote a word.
    """
    log = folder.tail(DEVICE_LOG, _MOST_OF_A_LOG) if folder.has(DEVICE_LOG) else b""
    return count_lmkd_kills(log) if log else None


def _observe(
    evidence: Evidence,
    folder: Folder,
    first: Deadline,
    common: RunContext,
    observers: Observers,
    start: _Start,
    body: Callable[[Watch, Guest], None],
) -> None:
    """Run one guest with its lines recorded; what goes wrong with its device becomes evidence.

    Raises HostError when this machine cannot record it, which repeating would not change.
    """
    watch = Watch(
        evidence, folder, common.budgets, common.capabilities, first, observers.on_record, observers.on_event
    )
    try:
        with ExitStack() as stack:
            stack.enter_context(common.stop.watching(watch.inbox))
            console = stack.enter_context(ConsoleRecorder(folder, watch.inbox.put))
            control = stack.enter_context(ControlRecorder(folder, watch.inbox.put))
            lines = Lines(watch.closing(watch.watched(console)), watch.watched(control), folder)
            guest = stack.enter_context(start(lines))
            body(watch, guest)
    except OomlabError as error:
        evidence.ending, evidence.ending_detail = Ending.HARNESS_FAILED, error.message
    except OSError as error:
        raise HostError(
            f"a guest's output could not be recorded in {folder.path}: {error.strerror or error}",
            hint="free space, or choose another place with --out" if error.errno in _FULL else "",
        ) from error
    watch.take_the_rest()
