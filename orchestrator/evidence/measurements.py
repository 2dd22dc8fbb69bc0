# SPDX-License-Identifier: Apache-2.0
"""What was measured, out of a trial's evidence: requests, page arrays, counters, memory. Pure."""

from __future__ import annotations

import errno
import statistics
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

from orchestrator.binder import KernelFigures
from orchestrator.errors import InputError
from orchestrator.evidence.audit import PhaseContext, audit_trial
from orchestrator.evidence.benchmarks import benchmark_facts
from orchestrator.evidence.evidence import Evidence
from orchestrator.evidence.requests import summarise_requests
from orchestrator.memory.sample import MemorySample, NodeState, build_sample
from orchestrator.memory.vmstat import delta, parse_vmstat
from orchestrator.protocol.memory_records import Sample, TargetRecord
from orchestrator.protocol.records import (
    AuditEnd,
    BenchmarkRecord,
    Hello,
    Histogram,
    Latencies,
    MeasureRecord,
    SettingRecord,
    TriggerEnd,
    TriggerStart,
    VmallocInfo,
)  # fmt: skip
from orchestrator.record.result import (
    AuditPhase,
    AuditRow,
    LatencySummary,
    Measure,
    RequestPaths,
    RequestSummary,
    SettingWritten,
    TargetState,
)
from orchestrator.scenario.triggers.kinds import Trigger, request_of

_MOST_MEASURES = 64


def target_state(record: TargetRecord | None) -> TargetState | None:
    """The state that pressure ended in; None when the guest never reported it."""
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
        nodes=_nodes(record),
        taken_kb={name: kb for name, kb in _taken(record).items() if kb > 0},
    )


def settings_written(evidence: Evidence) -> tuple[SettingWritten, ...]:
    """What the fork wrote of its variant's settings and the kernel took, in order."""
    return tuple(
        SettingWritten(name=record.name, value=record.value, before=record.before, after=record.after)
        for record in evidence.every(SettingRecord)
        if record.errno == 0
    )


def _taken(record: TargetRecord) -> dict[str, int]:
    return {
        "pipes": record.pipes_kb,
        "high_order": record.high_order_kb,
        "movable": record.movable_kb,
        "other": record.other_kb,
    }


def _nodes(record: TargetRecord) -> tuple[NodeState, ...]:
    """None where the guest tells of none, as one with a single node does."""
    free_kb, units = record.node_free_kb or (), record.node_units or ()
    return tuple(
        NodeState(node=node, free_kb=free, usable_units=tuple(of_node))
        for node, (free, of_node) in enumerate(zip(free_kb, units, strict=False))
    )


def request_summary(evidence: Evidence) -> RequestSummary | None:
    """What the trigger's requests came to; None for one that counts none, or was not seen to end."""
    start, end = evidence.last(TriggerStart), evidence.last(TriggerEnd)
    noun = None if start is None else request_of(start.kind)
    if start is None or end is None or noun is None:
        return None
    succeeded: list[int] = []
    errnos: Counter[str] = Counter()
    for chunk in evidence.every(Latencies):
        for latency_ns, code in zip(chunk.latency_ns, chunk.errno, strict=True):
            if code == 0:
                succeeded.append(latency_ns)
            else:
                errnos[errno_name(code)] += 1
    return RequestSummary(
        noun=noun, planned=start.count, succeeded=end.succeeded, failed=end.failed, in_flight=end.in_flight,
        errnos=dict(errnos), latency=_latency(succeeded), fell_back=_fell_back(evidence.every(Latencies)),
    )  # fmt: skip


def _fell_back(chunks: Sequence[Latencies]) -> int | None:
    """How many requests vmalloc served, by the word of who made them; None where nobody says."""
    told = [chunk.fell_back for chunk in chunks if chunk.fell_back is not None]
    return sum(map(sum, told)) if told else None


def _latency(succeeded_ns: Sequence[int]) -> LatencySummary | None:
    if not succeeded_ns:
        return None
    if len(succeeded_ns) == 1:
        only = succeeded_ns[0]
        return LatencySummary(count=1, p50_ns=only, p99_ns=only, max_ns=only)
    percentiles = statistics.quantiles(succeeded_ns, n=100, method="inclusive")
    return LatencySummary(
        count=len(succeeded_ns),
        p50_ns=round(percentiles[49]),
        p99_ns=round(percentiles[98]),
        max_ns=max(succeeded_ns),
    )


def measures(evidence: Evidence) -> tuple[Measure, ...]:
    """What the trigger measured itself; of a name that is there twice the last figure."""
    records: dict[str, MeasureRecord] = {}
    for record in evidence.every(MeasureRecord):
        if record.name in records or len(records) < _MOST_MEASURES:
            records[record.name] = record
    return tuple(Measure(name=each.name, value=each.value, unit=each.unit) for each in records.values())


def request_paths(evidence: Evidence, audit: Sequence[AuditRow]) -> RequestPaths | None:
    """How the trigger's page-array requests were served, from its audit; None without a trace of them."""
    hello = evidence.last(Hello)
    if hello is None:
        return None
    rows = [row for row in audit if row.phase == "trigger"]
    tables = {record.table: record.text for record in evidence.every(Histogram) if record.phase == "trigger"}
    return summarise_requests(rows, tables, evidence.last(VmallocInfo), release=hello.release)


def audited(
    evidence: Evidence, trigger: Trigger, element_bytes: int
) -> tuple[tuple[AuditRow, ...], tuple[AuditPhase, ...]]:
    """The allocation audit: rows and phases. `trigger` is the scenario's, the element of its page arrays."""
    hello = evidence.last(Hello)
    if hello is None:
        return (), ()
    kernel, requests = KernelFigures(hello.page_size_bytes, element_bytes), request_summary(evidence)
    facts = PhaseContext(
        array_sizes=trigger.array_bytes(kernel),
        unserved=0 if requests is None else requests.errnos.get("ENOMEM", 0) + requests.in_flight,
    )
    return audit_trial(
        evidence.every(Histogram),
        evidence.every(AuditEnd),
        {"trigger": facts, **dict(benchmark_facts(evidence.every(BenchmarkRecord), kernel))},
        release=hello.release,
        page_bytes=kernel.page_bytes,
    )


def vmstat_over_trigger(evidence: Evidence) -> dict[str, int]:
    """Counters of /proc/vmstat that moved between the trigger's start and the last samples."""
    texts = {record.when: record.text for record in evidence.every(Sample) if record.file == "vmstat"}
    if "trigger" not in texts or "after" not in texts:
        return {}
    try:
        moved = delta(parse_vmstat(texts["trigger"]), parse_vmstat(texts["after"]))
    except InputError:  # as of a guest that died while it sent them
        return {}
    return {name: count for name, count in moved.items() if count}


def memory_samples(evidence: Evidence) -> tuple[MemorySample, ...]:
    """The guest's own memory samples, those inherited from its block left out."""
    hello = evidence.last(Hello)
    if hello is None:
        return ()
    samples = []
    for when in ("before", "target", "relaxed", "trigger", "later", "after"):
        records = [
            record
            for record in evidence.control[evidence.inherited_records :]
            if isinstance(record, Sample) and record.when == when
        ]
        texts = {record.file: record.text for record in records}
        with suppress(InputError):  # a file that a dying guest sent in part: samples.jsonl keeps it
            # Every trial has its counters taken at the trigger's start; those stand elsewhere.
            if texts and texts.keys() != {"vmstat"}:
                samples.append(build_sample(when, records[-1].t_us, hello.page_size_bytes, texts))
    return tuple(samples)


def errno_name(code: int) -> str:
    """12 -> "ENOMEM"; the number itself when it has no name."""
    return errno.errorcode.get(code, str(code))
