# SPDX-License-Identifier: Apache-2.0
"""From a trial's evidence to its result: pure, so that it can be repeated from the files.

The rule: an outcome is the first of these that holds: interrupted, harness-error, boot-failed,
target-missed (also when an OOM came before the trigger); then, from the trigger's start: oom,
panic, allocation-failure, hang, lost, passed.
"""

from __future__ import annotations

import errno
import statistics
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

from orchestrator.binder import page_array_bytes
from orchestrator.control import (
    AgentError,
    End,
    Hello,
    Mmaps,
    ModuleLoaded,
    Note,
    OomKillCount,
    Phase,
    Proof,
    Requests,
    Sample,
    TargetRecord,
    TriggerEnd,
    TriggerStart,
    VictimRecord,
    VmallocInfo,
)  # fmt: skip
from orchestrator.errors import InputError
from orchestrator.evidence import Ending, Evidence
from orchestrator.memory.sample import MemorySample, build_sample
from orchestrator.memory.vmstat import delta, parse_vmstat
from orchestrator.oom.records import KernelBug, MemoryEvent, Panic
from orchestrator.outcome import Outcome
from orchestrator.plan import PlannedBlock, PlannedTrial
from orchestrator.recipe import Mode
from orchestrator.recorder import ConsoleEvent
from orchestrator.requests import summarise_requests
from orchestrator.result import (
    BlockResult,
    LatencySummary,
    MmapSummary,
    RequestPaths,
    TargetState,
    TrialResult,
    Victim,
)

_OOM_TYPES = frozenset({"oom", "memcg-oom"})


def judge_block(
    planned: PlannedBlock,
    *,
    attempt: int,
    evidence: Evidence,
    fingerprint: str | None,
    ram_sha256: str | None,
) -> BlockResult:
    """What bringing a block to its target came to."""
    hello = evidence.last(Hello)
    return BlockResult(
        block=planned.number,
        attempt=attempt,
        mode=planned.mode,
        clock=planned.clock,
        variants=planned.variants,
        seed=planned.seed,
        frozen=evidence.frozen,
        host_seconds=round(evidence.host_seconds, 3),
        fingerprint=fingerprint or None,
        shuffled=hello.shuffled if hello else None,
        ram_sha256=ram_sha256,
        target=_target(evidence.last(TargetRecord)),
        memory=_memory(evidence),
    )


def judge(
    planned: PlannedTrial,
    *,
    attempt: int,
    directory: str,
    mapping_bytes: int | None,
    fingerprint: str | None,
    evidence: Evidence,
) -> TrialResult:
    """The result of one trial from its evidence.

    `mapping_bytes` is the size of the binder mmaps that the trigger makes, None for other triggers.
    """
    outcome, why = _decide(planned, evidence)
    since = evidence.console_since_trigger()
    ooms = _ooms(since)
    counted = _oom_kills(evidence)
    hello = evidence.last(Hello)
    return TrialResult(
        trial=planned.number,
        directory=directory,
        block=planned.block,
        attempt=attempt,
        variant=planned.variant,
        fork=planned.fork,
        clock=planned.clock,
        mode=planned.mode,
        fingerprint=fingerprint or None,
        seed=planned.seed,
        outcome=outcome,
        panicked=any(_panics(event) for event in since),
        why=why,
        host_seconds=round(evidence.host_seconds, 3),
        private_memory_kb=evidence.private_memory_kb or None,
        guest_release=hello.release if hello else None,
        target=_target(evidence.last(TargetRecord)),
        proof_repaired=proof.repaired if (proof := evidence.last(Proof)) else None,
        oom_events=len(ooms),
        oom_kill_vmstat=counted,
        disagreement=_disagreement(ooms, counted),
        first_oom=ooms[0] if ooms else None,
        allocation_failures=sum(_is_allocation_failure(event) for event in since),
        kernel_bugs=tuple(event.message for event in evidence.console if isinstance(event, KernelBug)),
        mmaps=_mmaps(evidence),
        requests=_requests(evidence, mapping_bytes),
        victims=tuple(
            Victim(role=record.role, pid=record.pid, signal=record.signal)
            for record in evidence.every(VictimRecord)
        ),
        vmstat_delta=_vmstat_over_trigger(evidence),
        memory=_memory(evidence),
        notes=tuple(record.text for record in evidence.every(Note) if record.text),
    )


def _decide(planned: PlannedTrial, evidence: Evidence) -> tuple[Outcome, str]:
    error = evidence.last(AgentError)
    if evidence.ending is Ending.INTERRUPTED:
        return Outcome.INTERRUPTED, "interrupted on the host"
    if evidence.ending is Ending.HARNESS_FAILED:
        return Outcome.HARNESS_ERROR, evidence.ending_detail
    if error is not None and not _ooms(evidence.console):
        return Outcome.HARNESS_ERROR, f"the guest agent failed at {error.where}: {error.message}"
    if evidence.last(Hello) is None:
        return Outcome.BOOT_FAILED, _boot_failure(evidence)
    if planned.mode is Mode.PROOF:
        return _decide_proof(evidence)
    if not evidence.triggered:
        return Outcome.TARGET_MISSED, _missed(evidence)
    return _decide_triggered(evidence)


def _decide_proof(evidence: Evidence) -> tuple[Outcome, str]:
    proof = evidence.last(Proof)
    if proof is None:
        return Outcome.TARGET_MISSED, _missed(evidence)
    if proof.repaired:
        return Outcome.PASSED, "one compaction repairs the target's state"
    return (
        Outcome.TARGET_MISSED,
        "compaction does not repair the target's state, but `hard: forbidden` says so",
    )


def _decide_triggered(evidence: Evidence) -> tuple[Outcome, str]:
    since = evidence.console_since_trigger()
    ooms, panics = _ooms(since), [event for event in since if isinstance(event, Panic)]
    end, mmaps = evidence.last(TriggerEnd), _mmaps(evidence)
    if ooms or _oom_kills(evidence):
        return Outcome.OOM, "the kernel called the OOM killer"
    if panics:
        return Outcome.PANIC, f"kernel panic: {panics[0].message}"
    if any(map(_is_allocation_failure, since)):
        return Outcome.ALLOCATION_FAILURE, "the kernel reported a page allocation failure"
    if mmaps is not None and mmaps.errnos.get("ENOMEM"):
        return Outcome.ALLOCATION_FAILURE, f"{mmaps.errnos['ENOMEM']} mmaps failed with ENOMEM"
    if evidence.ending is Ending.OVERDUE:
        return Outcome.HANG, evidence.ending_detail
    if end is None:
        return Outcome.LOST, f"the guest ended without a word: {evidence.ending_detail}"
    if end.reason == "deadline":
        return Outcome.HANG, "the trigger did not end within its deadline"
    if end.reason == "finished":
        return Outcome.PASSED, "the trigger ran to its end"
    return Outcome.LOST, f"the trigger ended by itself: {end.reason}, status {end.exit_status}"


def _boot_failure(evidence: Evidence) -> str:
    panic = next((event for event in evidence.console if isinstance(event, Panic)), None)
    if panic is not None:
        return f"the guest panicked before its agent spoke: {panic.message}"
    return f"the guest's agent never spoke: {evidence.ending_detail}"


def _missed(evidence: Evidence) -> str:
    target = evidence.last(TargetRecord)
    if _ooms(evidence.console):
        return "an OOM came before the trigger"
    if target is None or target.reached:
        module = evidence.last(ModuleLoaded)
        if module is not None and not module.ok:
            return f"the driver module did not load: {_errno_name(module.errno)}"
        phases = evidence.every(Phase)
        where = phases[-1].name if phases else "start"
        return f"the guest ended in phase {where}: {evidence.ending_detail}"
    units = ", ".join(f"order {order}: {count}" for order, count in enumerate(target.units) if order < 5)
    return f"{target.reason or 'the deadline passed'} at {target.free_kb} kB free, usable units {units}"


def _ooms(events: Sequence[ConsoleEvent]) -> list[MemoryEvent]:
    return [event for event in events if isinstance(event, MemoryEvent) and event.type in _OOM_TYPES]


def _is_allocation_failure(event: ConsoleEvent) -> bool:
    return isinstance(event, MemoryEvent) and event.type == "alloc-failure"


def _panics(event: ConsoleEvent) -> bool:
    return isinstance(event, Panic) or (isinstance(event, MemoryEvent) and "panic" in (event.outcome or ""))


def _oom_kills(evidence: Evidence) -> int | None:
    """`oom_kill` since the trigger's start: the agent's last word on it."""
    end, counts = evidence.last(TriggerEnd), evidence.every(OomKillCount)
    values = [record.count for record in counts] + ([end.oom_kill] if end else [])
    moved = _vmstat_over_trigger(evidence).get("oom_kill", 0)
    return max([*values, moved]) if values or evidence.last(End) is not None else None


def _disagreement(ooms: Sequence[MemoryEvent], counted: int | None) -> str | None:
    """Dumps are rate-limited while kills are not, and panics end the guest before it can count."""
    killed = sum(event.outcome == "killed" for event in ooms)
    if counted is None or killed == counted:
        return None
    return f"{killed} OOM kills on the console, {counted} in /proc/vmstat"


def _target(record: TargetRecord | None) -> TargetState | None:
    if record is None:
        return None
    before = record.units_before_compaction
    return TargetState(
        reached=record.reached,
        reason=record.reason,
        free_kb=record.free_kb,
        usable_units=tuple(record.units),
        usable_units_before_compaction=tuple(before) if before is not None else None,
        elapsed_ms=record.elapsed_ms,
    )


def _mmaps(evidence: Evidence) -> MmapSummary | None:
    start, end = evidence.last(TriggerStart), evidence.last(TriggerEnd)
    if start is None or end is None or start.kind != "binder-mmap":
        return None
    served: list[int] = []
    errnos: Counter[str] = Counter()
    for chunk in evidence.every(Mmaps):
        for latency_ns, code in zip(chunk.latency_ns, chunk.errno, strict=True):
            if code == 0:
                served.append(latency_ns)
            else:
                errnos[_errno_name(code)] += 1
    return MmapSummary(
        planned=start.count, ok=end.ok, failed=end.failed, unfinished=end.unfinished, errnos=dict(errnos),
        latency=_latency(served),
    )  # fmt: skip


def _requests(evidence: Evidence, mapping_bytes: int | None) -> RequestPaths | None:
    hello = evidence.last(Hello)
    if hello is None:
        return None
    array = None if mapping_bytes is None else page_array_bytes(mapping_bytes, hello.page_size_bytes)
    tables = {record.table: record.text for record in evidence.every(Requests)}
    return summarise_requests(tables, evidence.last(VmallocInfo), release=hello.release, array_bytes=array)


def _latency(served_ns: Sequence[int]) -> LatencySummary | None:
    if not served_ns:
        return None
    if len(served_ns) == 1:
        only = served_ns[0]
        return LatencySummary(count=1, p50_ns=only, p99_ns=only, max_ns=only)
    percentiles = statistics.quantiles(served_ns, n=100, method="inclusive")
    return LatencySummary(
        count=len(served_ns),
        p50_ns=round(percentiles[49]),
        p99_ns=round(percentiles[98]),
        max_ns=max(served_ns),
    )


def _errno_name(code: int) -> str:
    return errno.errorcode.get(code, str(code))


def _vmstat_over_trigger(evidence: Evidence) -> dict[str, int]:
    texts = {record.when: record.text for record in evidence.every(Sample) if record.file == "vmstat"}
    if "trigger" not in texts or "after" not in texts:
        return {}
    moved = delta(parse_vmstat(texts["trigger"]), parse_vmstat(texts["after"]))
    return {name: count for name, count in moved.items() if count}


def _memory(evidence: Evidence) -> tuple[MemorySample, ...]:
    hello = evidence.last(Hello)
    if hello is None:
        return ()
    samples = []
    for when in ("before", "target", "after"):
        records = [
            record
            for record in evidence.control[evidence.inherited_records :]
            if isinstance(record, Sample) and record.when == when
        ]
        texts = {record.file: record.text for record in records}
        with suppress(InputError):  # a file that a dying guest sent in part: samples.jsonl keeps it
            if texts:
                samples.append(build_sample(when, records[-1].t_us, hello.page_size_bytes, texts))
    return tuple(samples)
