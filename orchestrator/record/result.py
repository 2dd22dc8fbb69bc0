# SPDX-License-Identifier: Apache-2.0
"""What one trial came to: the record that the journal keeps and every report reads."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from orchestrator.clock import Clock
from orchestrator.frozen import Frozen
from orchestrator.memory.sample import MemorySample, NodeState
from orchestrator.oom.records import KernelCrash, MemoryEvent
from orchestrator.outcome import Outcome
from orchestrator.protocol.former_names import renamed
from orchestrator.record.device_facts import DeviceFacts
from orchestrator.stage import Stage, TrialPhase
from orchestrator.text.amounts import count_of


class TargetState(Frozen):
    """The memory state that pressure ended in; units are indexed by order."""

    reached: bool
    reason: str
    free_kb: int
    usable_units: tuple[int, ...]
    usable_units_before_compaction: tuple[int, ...] | None
    elapsed_ms: int = Field(description="guest time from the first stressor to the verified target")
    nodes: tuple[NodeState, ...] = Field(
        (), description="the NUMA nodes one by one, where there is more than one"
    )
    taken_kb: dict[str, int] = Field(
        default_factory=dict,
        description="by stressor what it held then: `pipes`, `high_order`, `movable` (page_cache and"
        " anonymous together), `other` (those of a fixed amount, and a picture's lines)",
    )


class LatencySummary(Frozen):
    """Distribution of the time that one request took, in guest nanoseconds."""

    count: int
    p50_ns: int
    p99_ns: int
    max_ns: int


class RequestSummary(Frozen):
    """What the requests came to that the trigger makes and counts."""

    noun: str = Field("mmap", description="what one of them is, in the singular: `mmap`, `fork`")
    planned: int
    succeeded: int
    failed: int
    in_flight: int = Field(description="begun and not ended when the trigger was killed")
    errnos: dict[str, int] = Field(description="failed requests by the name of their errno")
    latency: LatencySummary | None = Field(description="of the requests that succeeded")
    fell_back: int | None = Field(
        default=None,
        description="of those that succeeded: allocated by vmalloc; null of a trigger that cannot know",
    )

    @model_validator(mode="before")
    @classmethod
    def _read_format_1(cls, data: Any) -> Any:
        return renamed(data, {"ok": "succeeded", "unfinished": "in_flight"})

    def count(self, number: int) -> str:
        """So many of them, with their noun."""
        return count_of(self.noun, number)


class RequestPaths(Frozen):
    """How the trigger's page-array requests were made, and allocated: proof of the variant.

    Counts are requests: those of the trigger's rows of the audit, added up.
    """

    gfp_flags: dict[str, int] = Field(description="decoded gfp flags of the page-array requests")
    contiguous: int = Field(description="allocated by kmalloc: physically contiguous memory")
    fell_back: int = Field(description="allocated by vmalloc")
    refused: int = Field(description="failed")
    insists: bool = Field(description="asked without __GFP_NORETRY: may invoke the OOM killer")
    vmalloc_areas: int | None = Field(description="binder areas in /proc/vmallocinfo, maps held")
    page_orders: dict[str, int] = Field(description="page requests: 'order N' or 'order N noretry'")


class Measure(Frozen):
    """A figure that a load measured itself: what it moved, or lost, in a unit of its own."""

    name: str = Field(description="in snake_case: `throughput`")
    value: float = Field(description="a number of its unit")
    unit: str = Field("", description="what it is a number of: `KiB/s`, `messages`; empty: a plain number")


HUGE_PAGE_FAULTS = "BM_thp_fault"
"""What names of benchmarks begin with that fault huge pages in."""


class BenchmarkRow(Frozen):
    """One benchmark of one fork, in Google Benchmark's terms. Times are the guest's nanoseconds.

    Under the deterministic clock 4 ns are one instruction.
    """

    name: str = Field(description="`BM_sendVec_binder/4096`: the benchmark and its argument")
    when: Literal["relaxed", "target", "after"] = Field(
        description="pressure released, at the target, or after the trigger"
    )
    iterations: int = Field(description="timed iterations; chosen before, no result")
    warmup: int = Field(description="iterations before, not timed: a fork starts with cold caches")
    real_ns: float = Field(description="wall time per iteration")
    cpu_ns: float = Field(description="CPU time of the measuring thread per iteration")
    p50_ns: int | None = Field(None, description="median of the iterations, where each is timed")
    p99_ns: int | None = Field(None, description="99th percentile of them")
    max_ns: int | None = Field(None, description="the slowest")
    failed: int = Field(0, description="iterations that failed; of huge pages: that got smaller ones")
    failed_ns: float | None = Field(None, description="wall time of one of those")
    killed: bool = Field(False, description="the OOM killer ended the benchmark; figures are of what it did")
    oom_kills: int = Field(0, description="`oom_kill` of /proc/vmstat during the benchmark")
    error: str | None = Field(None, description="why there are no figures")
    value: float | None = Field(
        None, description="a figure that is no time, of a benchmark `command`; the times are 0 then"
    )
    unit: str = Field("", description="what `value` is a number of, in the program's words")
    output: Literal["google-benchmark", "ktap", "values", "unknown"] | None = Field(
        None, description="of a benchmark `command` as a whole: how its output was read"
    )
    counters: dict[str, int] = Field(
        default_factory=dict,
        description="of the timed part, by name: the binder driver's commands; of huge pages /proc/vmstat",
    )
    settings: dict[str, str] = Field(
        default_factory=dict, description="of huge pages: what the kernel's settings were meanwhile, by name"
    )

    @property
    def is_huge_page_fault(self) -> bool:
        """Whether it asks for huge pages: then those that it did not get are a figure like another."""
        return self.name.startswith(HUGE_PAGE_FAULTS)


class AuditRow(Frozen):
    """Page-array requests of one kind in one phase, and what the kernel did for them.

    From histograms of trace events, of the processes alone that make the requests. Reclaim and
    compaction are those for this order and with or without __GFP_NORETRY as here.
    """

    phase: TrialPhase = Field(description="when they were made")
    order: int = Field(description="of the page array: 2^order pages if it is to be contiguous")
    gfp_flags: str = Field(description="decoded, as kmalloc was asked")
    requests: int = Field(description="page arrays requested")
    contiguous: int = Field(description="allocated as physically contiguous memory")
    fell_back: int = Field(description="allocated by vmalloc")
    refused: int = Field(description="failed")
    reclaims: int = Field(description="direct reclaims on the way")
    reclaim_us: int = Field(description="guest time in them, microseconds")
    reclaimed_pages: int = Field(0, description="pages that they freed")
    compactions: int = Field(description="compactions of a zone on the way")
    compact_us: int = Field(description="guest time in them, microseconds")
    compacted: int = Field(0, description="compactions that made a block of the order")
    deferred: int = Field(0, description="compactions that the kernel deferred, because others had failed")


class AuditPhase(Frozen):
    """One traced phase as a whole: what page arrays do not account for."""

    phase: TrialPhase = Field(description="which")
    made: int | None = Field(
        description="requests that the processes say they made, each with a page array: as many as were"
        " traced; null: they do not say"
    )
    requests: int = Field(description="page arrays that were traced")
    other_reclaims: int = Field(description="direct reclaims for anything else, vmalloc's pages included")
    other_reclaim_us: int = Field(description="guest time in them, microseconds")
    other_compactions: int = Field(description="compactions of a zone for anything else")
    other_compact_us: int = Field(description="guest time in them, microseconds")
    oom_kills: int = Field(description="processes that the OOM killer chose on behalf of these requests")
    taken_kb: int = Field(description="memory of the guest that the tracing took")
    dropped: int = Field(0, description="events that the histograms had no room for: the counts lack them")
    vmalloc_seen: bool = Field(
        False,
        description="vmalloc was traced, too; else what it gave is concluded from what succeeded",
    )

    @model_validator(mode="before")
    @classmethod
    def _read_format_1(cls, data: Any) -> Any:
        return renamed(data, {"mmaps": "made"})


class Costs(Frozen):
    """What the kernel did for memory in one phase of a trial, whoever asked for it. Nothing was traced.

    Times are guest nanoseconds, and those of the processor under the deterministic clock a quarter as many
    instructions. A figure that the guest's kernel does not tell is left out.
    """

    phase: TrialPhase = Field(description="which")
    benchmark: str | None = Field(
        None, description="the benchmark that ran meanwhile; null: of the whole phase"
    )
    elapsed_ns: int = Field(description="guest time from its beginning to its end")
    figures: dict[str, int] = Field(description="by key")


class PageRequests(Frozen):
    """Requests to the page allocator of one order and with the same flags, in one traced phase.

    From histograms of trace events, of the traced processes alone: whatever they were for.
    """

    phase: TrialPhase = Field(description="when they were made")
    order: int = Field(description="of 2^order contiguous pages each")
    gfp_flags: str = Field(description="decoded, as the page allocator was asked")
    requests: int | None = Field(description="how many; null: requests of order 0 are not traced")
    served: int = Field(description="of them, at that order")
    waits: bool = Field(description="with __GFP_DIRECT_RECLAIM: reclaims and compacts before it fails")
    kswapd_wakeups: int = Field(0, description="of them, those that woke a sleeping kswapd")


class Victim(Frozen):
    """A process that the kernel killed."""

    role: str
    pid: int
    signal: int


class ProcessEnd(Frozen):
    """How a process of the trigger ended, by itself or by a signal; those that the agent ended have none."""

    process: int = Field(description="its number within the trigger, from 0")
    pid: int
    exit_status: int | None = Field(None, description="null: it died by the signal")
    signal: int | None = Field(None, description="number of the signal that it died by")
    start_error: str | None = Field(
        None, description="name of the errno for which there was no shell to run the command"
    )


class CommandOutput(Frozen):
    """What the trigger's command wrote to stdout and stderr; `output.log` holds it."""

    bytes: int = Field(description="how much it wrote, as far as the guest reported")
    left_out: int = Field(description="bytes of it that were not kept: beyond 48 KiB, all but the end")
    end: str = Field(description="the end of it, at most 2000 bytes; others than UTF-8 as `\\xNN`")


class SettingWritten(Frozen):
    """A setting of the variant, as its fork wrote it; `before` and `after` are what the kernel shows."""

    name: str = Field(description="`vm.swappiness`, or a path below /sys")
    value: str = Field(description="what was written")
    before: str = Field(description="what the file held; empty: it cannot be read")
    after: str = Field(description="what it held then")


class BlockResult(Frozen):
    """One boot brought (or not) to its target."""

    block: int = Field(description="its number in the scenario; 0 for the proof boot of `hard: forbidden`")
    attempt: int = Field(description="1, or more for a repetition")
    mode: str = Field(description="`block`, or `proof` for the throw-away boot of `hard: forbidden`")
    clock: Clock = Field(description="what time passed in the guest")
    variants: tuple[str, ...] = Field(description="the variants that fork from it")
    seed: int = Field(description="64-bit seed of its randomness, drawn from the scenario's")
    frozen: bool = Field(description="the target was reached and a snapshot taken: forks can run on from it")
    host_seconds: float = Field(description="from power-on to the snapshot, on the host's clock")
    fingerprint: str | None = Field(description="of where free memory lies; equal ones are one state")
    shuffled: bool | None = Field(
        None, description="the guest's kernel shuffled its free lists, so that blocks differ; null: not known"
    )
    ram_sha256: str | None = Field(description="of the whole memory, under the deterministic clock")
    host_memory_kb: int | None = Field(
        None, description="memory of the host that the guest's memory took: what was touched of it"
    )
    target: TargetState | None = Field(description="the state that pressure ended in")
    memory: tuple[MemorySample, ...] = Field(description="the guest's memory before and at the target")


class TrialResult(Frozen):
    """One trial, judged."""

    trial: int = Field(description="its place in the plan")
    directory: str = Field(pattern="^[0-9]+(-[0-9]+)?$", description="its directory under trials/")
    block: int
    attempt: int
    variant: str
    cold: bool = Field(
        False,
        description="it booted a guest of its own (`trials.fork: false`) and shares its memory with no other"
        " trial",
    )
    fork: int = Field(1, description="which of the variant's forks of this block, from 1")
    clock: Clock = Field("realtime", description="what time passed in the guest")
    mode: str
    stage: Stage = Field(
        "trigger",
        description="what it was for: the trigger, benchmarks alone (`relaxed`, `target`), or one of"
        " them again with tracing (`audit-`)",
    )
    seed: int
    fingerprint: str | None = Field(None, description="of where free memory lay at the target")
    outcome: Outcome
    panicked: bool = False
    why: str = Field(description="one sentence: what decided the outcome")
    host_seconds: float = Field(description="from the start of its QEMU to its end, on the host's clock")
    private_memory_kb: int | None = Field(
        None,
        description="the most memory of the host that was this guest's alone, looked at when its phases"
        " began and its trigger ended",
    )
    guest_release: str | None = None
    target: TargetState | None = None
    settings: tuple[SettingWritten, ...] = Field(
        (), description="the variant's settings, written before anything else of the trial; below"
    )
    proof_repaired: bool | None = Field(None, description="`hard: forbidden`: compaction repaired the state")
    oom_events: int = Field(0, description="OOM kills and headers on the console since the trigger's start")
    oom_kill_vmstat: int | None = Field(
        None, description="oom_kill of /proc/vmstat since the trigger's start"
    )
    disagreement: str | None = Field(None, description="console and vmstat disagree")
    first_oom: MemoryEvent | None = None
    allocation_failures: int = 0
    kernel_bugs: tuple[str, ...] = ()
    crashes: tuple[KernelCrash, ...] = Field(
        (), description="crashes and bugs on the whole console, equal ones as one; panics among them; below"
    )
    requests: RequestSummary | None = None
    processes: tuple[ProcessEnd, ...] = Field(
        (), description="processes of the trigger that had ended before the agent ended the trigger; below"
    )
    output: CommandOutput | None = Field(None, description="of a trigger `command`; below")
    page_arrays: RequestPaths | None = None
    benchmarks: tuple[BenchmarkRow, ...] = Field((), description="figures of the benchmarks; below")
    measures: tuple[Measure, ...] = Field((), description="what the trigger measured itself; below")
    audit: tuple[AuditRow, ...] = Field((), description="allocation audit; below")
    audit_phases: tuple[AuditPhase, ...] = Field(
        (), description="the phases that were traced, as wholes; empty: nothing was traced; below"
    )
    costs: tuple[Costs, ...] = Field(
        (), description="what its phases cost the kernel; empty for one that was traced; below"
    )
    page_requests: tuple[PageRequests, ...] = Field(
        (), description="requests to the page allocator of traced processes, by order; below"
    )
    victims: tuple[Victim, ...] = ()
    vmstat_delta: dict[str, int] = Field(
        default_factory=dict, description="counters over the trigger, those that moved"
    )
    memory: tuple[MemorySample, ...] = ()
    notes: tuple[str, ...] = ()
    device: DeviceFacts | None = Field(
        None, description="the device, where the agent was a process on one of others; below"
    )

    @model_validator(mode="before")
    @classmethod
    def _read_format_1(cls, data: Any) -> Any:
        """There `requests` were the page arrays, and `mmaps` the requests of the only trigger with some."""
        former = {"requests": "page_arrays", "mmaps": "requests"}
        return renamed(data, former) if isinstance(data, dict) and "mmaps" in data else data
