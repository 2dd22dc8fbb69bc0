# SPDX-License-Identifier: Apache-2.0
"""What a kernel log reports about memory running out, as frozen records.

Field names, types and counting rules are those of the report corpus (see docs): a field that is None
was not in the text. Sizes are kB as the kernel prints them (1 kB = 1024 bytes).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import Field

from orchestrator.frozen import Frozen

EventType = Literal["oom", "memcg-oom", "alloc-failure", "lmk-kill", "show-mem", "retries"]


class Record(Frozen):
    """Base of all records: frozen, unknown fields refused."""

    def as_json(self) -> dict[str, Any]:
        """JSON-ready dictionary without the fields that were not in the text."""
        return self.model_dump(mode="json", exclude_none=True)


class Process(Record):
    """A task as the log names it; pid is None where only the name is printed."""

    comm: str
    pid: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Keeps `pid: null`: "named without a pid" is a fact of its own."""
        return {"comm": self.comm, "pid": self.pid}


class Frame(Record):
    """One stack frame; `sure` is False for frames that the kernel marks with "?"."""

    function: str
    module: str | None = None
    sure: bool = True


class Zone(Record):
    """One zone line of a memory dump."""

    free_kb: int
    min_kb: int | None = None
    low_kb: int | None = None
    high_kb: int | None = None
    boost_kb: int | None = None
    reserved_highatomic_kb: int | None = None
    present_kb: int | None = None
    managed_kb: int | None = None
    free_cma_kb: int | None = None
    free_highatomic_kb: int | None = None
    lowmem_reserve_pages: tuple[int, ...] | None = Field(
        None, description="kept from requests that could use a higher zone, by the kernel's zone number"
    )


class Buddy(Record):
    """One free list: blocks per order, smallest first, and the migrate types that each order shows."""

    counts: tuple[int, ...]
    smallest_block_kb: int
    migratetypes: tuple[str, ...]
    printed_total_kb: int | None = None
    sum_matches: bool | None = None


class Memcg(Record):
    """The memory cgroup whose limit was hit."""

    usage_kb: int | None = None
    limit_kb: int | None = None
    path: str | None = None


class SlabFailure(Record):
    """The cache of objects that got no new slab; counts are those of all nodes together."""

    cache: str = Field(description="its name")
    object_bytes: int = Field(description="size of an object")
    default_order: int | None = Field(None, description="order of its slabs")
    min_order: int | None = Field(None, description="order that is tried when the default one cannot be had")
    slabs: int | None = Field(None, description="slabs that it has")
    objects: int | None = Field(None, description="objects in them")
    free_objects: int | None = Field(None, description="free objects in partly used ones")


class LowMemoryKill(Record):
    """What a low memory killer said of why it killed."""

    reason: str | None = Field(None, description="its reason, in its own words")
    freed_kb: int | None = Field(None, description="memory that the kill was to free: the victim's")
    swap_kb: int | None = Field(None, description="of the victim, in swap")
    cache_kb: int | None = Field(None, description="file cache, as it was compared with the limit")
    free_kb: int | None = Field(None, description="free memory above the reserve; negative: below")
    limit_kb: int | None = Field(None, description="limit that both were held against")
    min_adj: int | None = Field(None, description="least oom_score_adj that was to be killed there")
    mem_free_kb: int | None = Field(None, description="MemFree at that time")
    cached_kb: int | None = Field(None, description="Cached at that time")
    swap_free_kb: int | None = Field(None, description="SwapFree at that time")


class RetryZone(Record):
    """A zone as the allocator saw it when it decided whether reclaim was worth another round (traced)."""

    available_pages: int | None = Field(None, description="free and reclaimable pages")
    reclaimable_pages: int | None = Field(None, description="of them, what reclaim might still free")
    min_pages: int | None = Field(None, description="its min watermark")
    passes: bool = Field(description="whether they would have sufficed")
    rounds_without_progress: int | None = Field(
        None, description="rounds in a row that freed nothing; 16 are the most"
    )


class Retries(Record):
    """How often a request was tried again before it succeeded, failed, or killed somebody (traced)."""

    reclaim: int = Field(description="looks at a zone, whether reclaim is worth another round")
    compaction: int = Field(description="decisions whether compaction is worth another try")
    compaction_result: str | None = Field(None, description="what the last compaction came to")
    zones: dict[str, RetryZone] = Field(default_factory=dict, description="each zone at the last look")


class MemoryEvent(Record):
    """One OOM event, allocation-failure warning, low-memory-killer kill or stand-alone memory dump."""

    type: EventType
    line: int = Field(ge=1, description="number of the first line in the input")
    time_s: float | None = Field(None, description="seconds since boot, from the printk time stamp")
    trigger: Process | None = None
    gfp_mask: str | None = None
    gfp_flags: str | None = None
    order: int | None = None
    warning: str | None = Field(
        None, description="the words of a warning's head that is not `page allocation failure`"
    )
    lmk: LowMemoryKill | None = Field(None, description="what a low memory killer said of why it killed")
    traced: bool | None = Field(None, description="true: read of the kernel's tracer, not of its log")
    retries: Retries | None = Field(
        None, description="how often the request was tried again, where it was traced"
    )
    slab: SlabFailure | None = Field(None, description="the cache that got no new slab")
    vmalloc: str | None = Field(
        None, description="what a failed vmalloc could not have; where `order` is null it was no pages"
    )
    vmalloc_bytes: int | None = Field(
        None, description="size of the area that was requested, where it is said"
    )
    oom_score_adj: int | None = None
    oom_adj: int | None = None
    constraint: str | None = None
    nodemask: str | None = None
    cpuset: str | None = None
    chosen: Process | None = Field(None, description="selected process whose child died instead")
    victim: Process | None = None
    victims: tuple[Process, ...] | None = None
    oom_score_adj_victim: int | None = None
    outcome: str | None = None
    header: Literal["missing"] | None = None
    stack_first_caller: str | None = None
    stack: tuple[Frame, ...] = ()
    kernel: str | None = None
    memcg: Memcg | None = None
    zones: dict[str, Zone] = Field(default_factory=dict)
    buddy: dict[str, Buddy] = Field(default_factory=dict)
    usage_kb: dict[str, int] = Field(
        default_factory=dict,
        description="what memory is used for, by the names of the dump's lines (active_anon, pagetables and"
        " so on), all nodes together",
    )
    unread: dict[str, int] = Field(
        default_factory=dict,
        description="what is in the text and could not be read, with the number of the line that shows it",
    )
    notes: tuple[str, ...] = Field((), description="what could not be read, or not be attributed")

    def as_json(self) -> dict[str, Any]:
        """Like Record.as_json, but leaves out empty collections and keeps `pid: null`."""
        out = {name: value for name, value in super().as_json().items() if value not in ((), [], {})}
        for name in ("trigger", "victim", "chosen"):
            process = getattr(self, name)
            if process is not None:
                out[name] = process.as_json()
        if self.victims is not None:
            out["victims"] = [process.as_json() for process in self.victims]
        return out


CrashKind = Literal[
    "oops", "bug", "panic", "kasan", "kfence", "kmsan", "kcsan", "ubsan", "soft-lockup", "hard-lockup",
    "rcu-stall", "hung-task", "workqueue-lockup",
]  # fmt: skip


class CrashBegun(Record):
    """The first line of a crash, as soon as it is there: for those who watch. The crash itself follows."""

    type: Literal["crash-begun"] = "crash-begun"
    line: int = Field(ge=1)
    time_s: float | None = None
    crash: CrashKind
    message: str

    @property
    def fatal(self) -> bool:
        """The task that was running is ended, or the kernel itself."""
        return self.crash in FATAL_CRASHES


class KernelCrash(Record):
    """A crash of the kernel, or a bug that it found in itself; one record however often it was reported."""

    type: Literal["kernel-crash"] = "kernel-crash"
    kind: CrashKind = Field(description="what reported it: `oops` (a fault), `bug` (BUG), `panic`, ...")
    line: int = Field(ge=1, description="number of the first line in the input")
    time_s: float | None = Field(None, description="seconds since boot, from the printk time stamp")
    message: str = Field(description="its first line, without prefixes")
    what: str = Field(description="the kernel's words for it, without addresses")
    pc: str | None = Field(None, description="function in which it happened, by the program counter")
    pc_module: str | None = Field(None, description="its module, none for the kernel proper")
    caller: str | None = Field(
        None, description="first function on the stack above it that is in a module; else the first above it"
    )
    caller_module: str | None = Field(None, description="module of the caller")
    task: Process | None = Field(None, description="task that was running")
    tainted: str | None = Field(None, description="letters of the taint flags; empty: not tainted")
    kernel: str | None = Field(None, description="release, from the report itself")
    die: int | None = Field(None, description="which Oops since boot: 2 and more come after a crash")
    times: int = Field(1, description="how often it was reported: an Oops may repeat while its task is ended")
    panic: str | None = Field(None, description="what the panic said in which it ended")
    stack: tuple[Frame, ...] = Field((), description="its stack, innermost first")

    @property
    def signature(self) -> tuple[str, ...]:
        """Equal for crashes of the same kind at the same place."""
        place = (self.pc, self.caller)
        return (self.kind, self.what if place == (None, None) else "", *(name or "" for name in place))

    @property
    def fatal(self) -> bool:
        """The task that was running was ended, or the kernel itself."""
        return self.kind in FATAL_CRASHES or (
            self.kind == "bug" and self.message.lower().startswith("kernel bug")
        )


FATAL_CRASHES: frozenset[CrashKind] = frozenset({"oops", "panic"})
"""`kernel BUG at` is followed by an Oops of its own; other BUGs let the kernel go on."""


class Mark(Record):
    """A line that the guest agent wrote into the kernel log ("oomlab: ..."), without that prefix."""

    type: Literal["mark"] = "mark"
    line: int = Field(ge=1)
    time_s: float | None = None
    text: str


def summary(events: Iterable[MemoryEvent]) -> dict[str, Any]:
    """The JSON object for people's scripts: the events and their counts by the counting rules."""
    listed = list(events)
    types = [event.type for event in listed]
    return {
        "events": [event.as_json() for event in listed],
        "oom_events": types.count("oom") + types.count("memcg-oom"),
        "alloc_failure_warnings": types.count("alloc-failure"),
        "lmk_kills": types.count("lmk-kill"),
    }


Event = Annotated[MemoryEvent | CrashBegun | KernelCrash | Mark, Field(discriminator="type")]
