# SPDX-License-Identifier: Apache-2.0
"""The guest agent's records on the control line: one JSON object a line.

The format is the one of `images/guest/PROTOCOL.md`. Times are the guest's CLOCK_MONOTONIC.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from orchestrator.files.json_numbers import require_64_bits
from orchestrator.protocol.cost_records import CostRecord, CostTimeline
from orchestrator.protocol.memory_records import (
    Fingerprint,
    Parked,
    Proof,
    Sample,
    State,
    TargetRecord,
)
from orchestrator.protocol.program_records import ProgramEnd, ProgramOutputRecord
from orchestrator.protocol.record import Record

PROTOCOL_VERSION = 4
"""4: requests have the same names whatever a trigger makes; records of 3 are read, too."""


class Hello(Record):
    """The agent runs and talks."""

    event: Literal["hello"]
    protocol: int
    release: str
    machine: str
    page_size_bytes: int
    cpus: int
    mem_total_kb: int
    shuffled: bool | None = None


class DeviceRecord(Record):
    """What kind of device the agent is on, where that is none of its own, and what it may not do there."""

    event: Literal["device"]
    uid: int
    boot_id: str
    binder_impl: str
    """The driver that runs: "c", "rust" or what else its parameter says; "" for none, "unknown" for one that
    does not say."""
    binder_device: str = ""
    """Its path before the trial; "" where there was none."""
    oom_score_adj: int
    """Of the agent itself, once it has tried to make that -1000."""
    lmkd: int = 0
    """The pid of Android's low memory killer; 0 where none is seen."""
    swaps: str = ""
    """/proc/swaps before the trial."""
    lacks: list[str] = Field(default_factory=list)
    """Words of `images/guest/PROTOCOL.md`, such as `pagetypeinfo`, for what this process may not do."""
    benchmarks: list[str] = Field(default_factory=list)
    """Paths of AOSP's own binder benchmarks and tests on the device."""


class Phase(Record):
    """The agent enters a phase of the trial."""

    event: Literal["phase"]
    name: Literal["prepare", "pressure", "target", "relax", "module", "trigger", "after", "benchmark", "end"]


class Woken(Record):
    """A fork runs on, and has understood which variant it is and what it is for."""

    event: Literal["woken"]
    variant: str
    stage: Literal["trigger", "relaxed", "target"] = "trigger"
    traced: bool = False


class SettingRecord(Record):
    """A setting of the variant was written, or why not; what the file held before and after.

    Both are empty for a file that cannot be read.
    """

    event: Literal["setting"]
    name: str
    value: str
    before: str = ""
    after: str = ""
    errno: int = 0


class ModuleLoaded(Record):
    """The variant's driver module was loaded, or why not; a kernel with the driver built in has none.

    `driver` and `device`: how binder and /dev/binder are there; older agents do not say it.
    """

    event: Literal["module"]
    variant: str
    ok: bool
    errno: int
    driver: Literal["module", "built-in", "none"] | None = None
    device: Literal["devtmpfs", "mknod", "binderfs", "found"] | None = None


class BystandersStarted(Record):
    """The processes that stand for the apps which die on a phone."""

    event: Literal["bystanders"]
    pids: list[int]


class TriggerStart(Record):
    """The load under test begins."""

    event: Literal["trigger-start"]
    kind: str
    pids: list[int]
    count: int


class TriggerProgress(Record):
    """How far the trigger has come."""

    former_names: ClassVar[Mapping[str, str]] = {"ok": "succeeded"}

    event: Literal["trigger-progress"]
    succeeded: int
    failed: int


class OomKillCount(Record):
    """`oom_kill` of /proc/vmstat since the trigger's start, when it changed."""

    event: Literal["oom-kill"]
    count: int


class VictimRecord(Record):
    """A process of ours that died by a signal we did not send."""

    event: Literal["victim"]
    pid: int
    role: str
    index: int
    signal: int


class TriggerEnd(Record):
    """The trigger's end, and what its requests came to."""

    former_names: ClassVar[Mapping[str, str]] = {"ok": "succeeded", "unfinished": "in_flight"}

    event: Literal["trigger-end"]
    reason: Literal["finished", "killed", "first-oom", "deadline", "error"]
    attempted: int
    succeeded: int
    failed: int
    in_flight: int
    oom_kill: int


class ProcessEnded(Record):
    """How a process of the trigger ended, unless the agent ended it: by itself, or by a signal.

    `start_errno` says why there was no shell to run the command.
    """

    event: Literal["process-end"]
    process: int
    pid: int
    exit_status: int | None = None
    signal: int | None = None
    start_errno: int | None = None


class Output(Record):
    """What the trigger's command wrote; the characters of `text` are bytes, `at` is where they stand.

    `stream` tells stdout and stderr apart where the recipe asked for that; then it is all that was written.
    """

    event: Literal["output"]
    stream: Literal["stdout", "stderr"] | None = None
    at: int
    text: str

    @property
    def data(self) -> bytes:
        """The bytes as they were written."""
        return self.text.encode("latin-1", errors="replace")


class Latencies(Record):
    """Latency (ns) and errno (0: it succeeded) of consecutive requests of one trigger process.

    `fell_back` (1: vmalloc served it) is of a trigger that knows.
    """

    event: Literal["latencies", "mmaps"]
    process: int
    first: int
    latency_ns: list[int]
    errno: list[int]
    fell_back: list[int] | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(self.latency_ns) != len(self.errno):
            raise ValueError(f"{len(self.latency_ns)} latencies beside {len(self.errno)} errors")
        if self.fell_back is not None and len(self.fell_back) != len(self.errno):
            raise ValueError(f"{len(self.fell_back)} fallbacks beside {len(self.errno)} errors")
        return self


class MeasureRecord(Record):
    """A figure that a trigger measured itself, beside its requests."""

    event: Literal["measure"]
    name: str = Field(min_length=1, max_length=64)
    value: float = Field(allow_inf_nan=False)
    unit: str = Field("", max_length=32)


class BenchmarkRecord(Record):
    """What one benchmark did, also one that the kernel killed; times are sums over its iterations.

    `iterations` are the timed ones that were made, failed ones (`failed`) included; times and
    percentiles are of those that succeeded, `failed_ns` is the wall time of the others. `where`, `reply` (a
    BR_* of the driver) and `errno` say why the benchmark, or its last failed iteration, did not do its
    work. `counters` are the driver's own, of huge pages those of /proc/vmstat.
    """

    event: Literal["benchmark"]
    name: str
    when: Literal["relaxed", "target", "after"]
    iterations: int
    failed: int
    warmup: int
    real_ns: int
    cpu_ns: int
    p50_ns: int | None = None
    p99_ns: int | None = None
    max_ns: int | None = None
    failed_ns: int = 0
    killed: bool
    oom_kills: int
    where: str = ""
    reply: str = ""
    errno: int = 0
    counters: str = Field("", description="`BC_TRANSACTION 200,...`")
    settings: str = Field("", description="`enabled=madvise,defrag=madvise`")


class Histogram(Record):
    """A tracefs histogram of the allocations of a phase's processes, as the kernel printed it."""

    event: Literal["histogram", "requests"]
    phase: Literal["relaxed", "target", "trigger", "after"] = "trigger"
    table: str
    text: str


class AuditEnd(Record):
    """A phase is traced no more; `taken_kb` of the guest's memory went into its histograms."""

    former_names: ClassVar[Mapping[str, str]] = {"mmaps": "requests"}

    event: Literal["audit"]
    phase: Literal["relaxed", "target", "trigger", "after"]
    requests: int | None = None
    taken_kb: int


class VmallocInfo(Record):
    """Areas in /proc/vmallocinfo that the binder driver owns while the maps are held."""

    event: Literal["vmallocinfo"]
    areas: int
    size_bytes: int


class ProbeResult(Record):
    """How long a fixed loop took on the guest's CPU."""

    event: Literal["probe"]
    loops: int
    elapsed_us: int


class AgentError(Record):
    """Something the agent needed did not work; the trial is no evidence."""

    event: Literal["error"]
    where: str
    errno: int
    message: str


class Note(Record):
    """Something worth knowing that does not end the trial."""

    event: Literal["note"]
    text: str


class End(Record):
    """The agent's last words before power-off."""

    event: Literal["end"]
    oom_kill_total: int


ControlRecord = Annotated[
    Hello | DeviceRecord | Phase | Sample | State | TargetRecord | Proof | Parked | Fingerprint | Woken
    | SettingRecord | ModuleLoaded | BystandersStarted | TriggerStart
    | TriggerProgress | OomKillCount | VictimRecord | ProcessEnded | Output | TriggerEnd | Latencies
    | BenchmarkRecord | MeasureRecord | ProgramOutputRecord | ProgramEnd
    | Histogram | AuditEnd | CostRecord | CostTimeline | VmallocInfo
    | ProbeResult | AgentError | Note | End,
    Field(discriminator="event"),
]  # fmt: skip

_RECORD: TypeAdapter[ControlRecord] = TypeAdapter(ControlRecord)


def parse_record(line: bytes) -> ControlRecord:
    """One line of the control channel; ValueError when it is not a record of the protocol."""
    require_64_bits(line)
    try:
        return _RECORD.validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"not a control record ({place} {first['msg']}): {line[:200]!r}") from None
