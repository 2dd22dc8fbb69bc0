# SPDX-License-Identifier: Apache-2.0
"""A block from power-on to its frozen target, and the trials that fork from it."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from orchestrator.deadline import Deadline
from orchestrator.errors import HostError, OomlabError
from orchestrator.evidence.evidence import Ending, Evidence
from orchestrator.evidence.judge import judge, judge_block
from orchestrator.files.folder import Folder
from orchestrator.guests.qemu.guest import QemuGuest, Sink, fork, power_on
from orchestrator.guests.qemu.machine import Boot, GuestRam
from orchestrator.guests.qemu.snapshot import Snapshot, take_snapshot, template_memory
from orchestrator.plan import PlannedBlock, PlannedTrial
from orchestrator.protocol.records import Parked
from orchestrator.record.recorder import ConsoleRecorder, ControlRecorder
from orchestrator.record.result import BlockResult, TrialResult
from orchestrator.run.watch import EventObserver, PhaseBudgets, RecordObserver, StopSwitch, Watch
from orchestrator.stage import Stage

_START_S = 30.0
_FREEZE_S = 30.0
_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class RunContext:
    """What every guest of a run shares."""

    budgets: PhaseBudgets
    stop: StopSwitch
    mapping_bytes: int | None


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
    snapshot: Snapshot | None
    result: BlockResult
    folder: Folder


_Start = Callable[[BinaryIO, Sink, Sink], AbstractContextManager[QemuGuest]]


_STAGE_LETTERS: dict[Stage, str] = {
    "trigger": "T", "relaxed": "R", "target": "P",
    "audit-trigger": "t", "audit-relaxed": "r", "audit-target": "p",
}  # fmt: skip


def order(module: int, stage: Stage) -> bytes:
    """What a fork is told: a letter for its stage and the place of its module, in exactly 8 bytes.

    8 are the UART's receive trigger: the interrupt is there before the guest runs on. With fewer it
    waits idle for the UART's timeout, and QEMU's main loop, busy with the fork's start, may then
    see it fall idle again before its last instructions are counted: its clock goes wrong by them
    (icount_start_warp_timer(); 5 of 28 forks on a loaded host were about a microsecond late).
    """
    return f"{_STAGE_LETTERS[stage]}{module:06d}\n".encode()


@contextmanager
def prepare_block(
    planned: PlannedBlock,
    boot: Boot,
    folder: Folder,
    attempt: int,
    common: RunContext,
    observers: Observers,
) -> Iterator[Block]:
    """Boot and bring to the target; the snapshot lives as long as the `with` block.

    Never raises for what a guest does. A block whose guest ended without parking has no snapshot.
    """
    with template_memory(boot) as snapshot:
        started = time.monotonic()
        evidence = Evidence()
        ram = GuestRam(snapshot.ram_fd, private=False)

        def start(log: BinaryIO, console: Sink, control: Sink) -> AbstractContextManager[QemuGuest]:
            return power_on(
                boot, log=log, console_sink=console, control_sink=control,
                deadline=Deadline.after(_START_S, "QEMU's monitor greets"), ram=ram,
            )  # fmt: skip

        def body(watch: Watch, guest: QemuGuest) -> None:
            if watch.until_parked(guest):
                take_snapshot(guest.monitor, snapshot, Deadline.after(_FREEZE_S, "the guest is frozen"))
                evidence.frozen = True

        first = Deadline.after(common.budgets.boot_s, "the guest's agent speaks")
        _observe(evidence, folder, first, common, observers, start, body)
        evidence.host_seconds = time.monotonic() - started
        parked = evidence.last(Parked)
        result = judge_block(
            planned,
            attempt=attempt,
            evidence=evidence,
            fingerprint=parked.fingerprint if parked else None,
            ram_sha256=snapshot.ram_sha256() if evidence.frozen and boot.clock == "deterministic" else None,
        )
        yield Block(planned, evidence, snapshot if evidence.frozen else None, result, folder)


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
        message = order(planned.module, planned.stage)

        def start(log: BinaryIO, console: Sink, control: Sink) -> AbstractContextManager[QemuGuest]:
            return fork(
                snapshot, message, log=log, console_sink=console, control_sink=control,
                deadline=Deadline.after(_START_S, "a fork runs on"),
            )  # fmt: skip

        first = Deadline.after(common.budgets.boot_s, "the fork's agent goes on")
        _observe(evidence, folder, first, common, observers, start, Watch.until_the_end)
    evidence.host_seconds = time.monotonic() - started
    return judge(
        planned,
        attempt=attempt,
        directory=folder.name,
        mapping_bytes=common.mapping_bytes,
        fingerprint=block.result.fingerprint,
        evidence=evidence,
    )


def _observe(
    evidence: Evidence,
    folder: Folder,
    first: Deadline,
    common: RunContext,
    observers: Observers,
    start: _Start,
    body: Callable[[Watch, QemuGuest], None],
) -> None:
    """Run one guest with its lines recorded; what goes wrong in QEMU becomes evidence.

    Raises HostError when this machine cannot record it, which repeating would not change.
    """
    watch = Watch(evidence, folder, common.budgets, first, observers.on_record, observers.on_event)
    try:
        with ExitStack() as stack:
            stack.enter_context(common.stop.watching(watch.inbox))
            console = stack.enter_context(ConsoleRecorder(folder, watch.inbox.put))
            control = stack.enter_context(ControlRecorder(folder, watch.inbox.put))
            console_sink = watch.closing(watch.watched(console))
            log = stack.enter_context(folder.create("qemu.log"))
            guest = stack.enter_context(start(log, console_sink, watch.watched(control)))
            body(watch, guest)
    except OomlabError as error:
        evidence.ending, evidence.ending_detail = Ending.HARNESS_FAILED, error.message
    except OSError as error:
        raise HostError(
            f"a guest's output could not be recorded in {folder.path}: {error.strerror or error}",
            hint="free space, or choose another place with --out" if error.errno in _FULL else "",
        ) from error
    watch.take_the_rest()
