# SPDX-License-Identifier: Apache-2.0
"""A report under construction: takes classified messages until it can become a record."""

from __future__ import annotations

import re
from collections.abc import Callable

from orchestrator.oom import lines as patterns
from orchestrator.oom.fields import (
    clean_flags,
    number_after,
    parse_buddy,
    parse_reserve,
    parse_zone,
    pid_of,
    word_after,
)
from orchestrator.oom.lines import LineKind
from orchestrator.oom.records import Buddy, EventType, MemoryEvent, Process, Zone
from orchestrator.oom.stack import StackCollector
from orchestrator.oom.transport import LogLine
from orchestrator.oom.usage import Usage
from orchestrator.oom.vmalloc import missing, page_order

# Damaged or hostile input must not grow a report without bound.
_MAX_ZONES = 512
_MAX_VICTIMS = 4096
_COMM_MAX = 15
_MEMCG_FRAMES = ("mem_cgroup_out_of_memory", "mem_cgroup_oom", "mem_cgroup_oom_synchronize")
_CGROUP_IN_CONSTRAINT = re.compile(r"(?<![\w-])oom_memcg=([^,\s]+)")
_TASK_IN_CONSTRAINT = re.compile(r"(?<![\w-])task=(.{1,64}?),pid=(\d{1,10})(?:,|$)")


def tidy_comm(comm: str) -> str:
    """A task name with what is glued before it cut off (a name has at most 15 characters)."""
    comm = comm.strip()
    if len(comm) > _COMM_MAX and " " in comm and not comm.startswith(("kworker/", "kthread")):
        return comm.rsplit(" ", 1)[1]
    return comm


class PartialReport:
    """One report being read. `family` is "oom", "alloc-failure" or "orphan" (no header seen yet)."""

    def __init__(self, family: str, line: LogLine, *, trace_open: bool = False) -> None:
        self.family = family
        self.caller = line.caller
        self.line = line.number
        self.time_s = line.time_s
        self.idle_lines = 0
        self.killed = False
        self.group_kill = False
        self.no_killable = False
        self.skipped = False
        self.panic_message: str | None = None
        self.header_seen = family != "orphan"
        self.dump_seen = False
        self.footer_seen = False
        self.elided = False
        self._fields: dict[str, object] = {}
        self._is_memcg = False
        self._selected: re.Match[str] | None = None
        self._stack = StackCollector(trace_open=trace_open)
        self._memcg: dict[str, int | str] = {}
        self._zones: dict[str, Zone] = {}
        self._last_zone: str | None = None
        self._buddy: dict[str, Buddy] = {}
        self._usage = Usage()
        self._victims: list[Process] = []
        self._notes: list[str] = []

    @property
    def trigger(self) -> Process | None:
        """Who asked for memory, as far as it is known."""
        value = self._fields.get("trigger")
        return value if isinstance(value, Process) else None

    @property
    def over(self) -> bool:
        """Whether the report's last line has come (group kills and a panic may still follow)."""
        return self.killed or self.no_killable or self.skipped or self.panic_message is not None

    @property
    def may_go_on(self) -> bool:
        """Whether more lines may follow although the report is over: a group kill, or a panic."""
        if self.panic_message is not None:
            return False
        return self.no_killable or self._is_memcg

    @property
    def has_constraint(self) -> bool:
        """Whether the "oom-kill:constraint=" line was seen."""
        return "constraint" in self._fields

    def wants(self, kind: LineKind, text: str) -> bool:
        """Whether a line that names a task names the one of this report."""
        match = (patterns.CPU if kind is LineKind.CPU else patterns.CPUSET).match(text)
        if match is None:
            return False
        if self.trigger is None:
            return self.header_seen
        if not _same_comm(self.trigger.comm, match["comm"]):
            return False
        return kind is not LineKind.CPU or self.trigger.pid is None

    def take(self, kind: LineKind, line: LogLine) -> None:
        """Adds one message that belongs to this report."""
        self.idle_lines = 0
        handler = _HANDLERS.get(kind)
        if handler is not None:
            handler(self, line.text)

    # -- headers ---------------------------------------------------------------------------------

    def _oom_header(self, text: str) -> None:
        match = patterns.OOM_HEADER.match(text)
        if match is None:
            return
        self._request(match["comm"], match["mask"], match["flags"], number_after("order", match["rest"]))
        rest = match["rest"]
        for name in ("oom_score_adj", "oom_adj"):
            self._set(name, number_after(name, rest))
        self._set("oom_adj", number_after("oomkilladj", rest))
        self._set("nodemask", word_after("nodemask", rest))

    def _alloc_failure(self, text: str) -> None:
        match = patterns.ALLOC_FAILURE.match(text)
        if match is not None:
            self._request(match["comm"], match["mask"], match["flags"], pid_of(match["order"]))
            self._set("nodemask", word_after("nodemask", match["rest"]))
            self._set("cpuset", word_after("cpuset", match["rest"]))

    def _vmalloc_failure(self, text: str) -> None:
        match = patterns.VMALLOC_FAILURE.match(text)
        if match is not None:
            self._request(match["comm"], match["mask"], match["flags"], page_order(match["message"]))
            self._set("vmalloc", missing(match["message"]))

    def _nommu_failure(self, text: str) -> None:
        match = patterns.NOMMU_FAILURE.match(text)
        if match is not None:
            self._set("trigger", Process(comm=match["comm"], pid=pid_of(match["pid"])))

    def _request(self, comm: str | None, mask: str | None, flags: str | None, order: int | None) -> None:
        if comm is not None:
            self._set("trigger", Process(comm=tidy_comm(comm)))
        self._set("gfp_mask", mask)
        self._set("gfp_flags", clean_flags(flags))
        self._set("order", order)

    def _cpu(self, text: str) -> None:
        match = patterns.CPU.match(text)
        if match is None:
            return
        comm = self.trigger.comm if self.trigger else match["comm"].strip()
        self._fields["trigger"] = Process(comm=comm, pid=pid_of(match["pid"] or match["oldpid"]))
        self._set("kernel", match["kernel"])

    def _cpuset(self, text: str) -> None:
        match = patterns.CPUSET.match(text)
        if match is not None:
            self._set("cpuset", match["cpuset"] or None)

    def _set(self, name: str, value: object) -> None:
        if value is not None and name not in self._fields:
            self._fields[name] = value

    # -- stack -----------------------------------------------------------------------------------

    def _call_trace(self, _text: str) -> None:
        if self.over or self.dump_seen:
            self._stack.end()
        else:
            self._stack.heading()

    def _frame(self, text: str) -> None:
        frame = None if self.over else self._stack.add(text)
        if frame is not None and frame.sure and frame.function.startswith(_MEMCG_FRAMES):
            self._is_memcg = True

    # -- dump ------------------------------------------------------------------------------------

    def _dump(self, _text: str) -> None:
        self.dump_seen = True
        self._stack.end()

    def _totals(self, text: str) -> None:
        self._dump(text)
        self._usage.totals(text)

    def _node(self, text: str) -> None:
        self._dump(text)
        self._usage.node(text)

    def _zone(self, text: str) -> None:
        self._dump(text)
        self._usage.zone(text)
        match = patterns.ZONE.match(text)
        zone = parse_zone(match["free"], match["rest"]) if match else None
        if match and zone and len(self._zones) < _MAX_ZONES:
            self._zones.setdefault(match["name"], zone)
            self._last_zone = match["name"]

    def _reserve(self, text: str) -> None:
        self._dump(text)
        zone = self._zones.get(self._last_zone or "")
        if zone is not None and zone.lowmem_reserve_pages is None and self._last_zone is not None:
            reserve = parse_reserve(text)
            self._zones[self._last_zone] = zone.model_copy(update={"lowmem_reserve_pages": reserve})

    def _free_list(self, text: str) -> None:
        self._dump(text)
        match = patterns.BUDDY.match(text)
        if match is None:
            return
        buddy = parse_buddy(match["rest"])
        if buddy is None:
            self._notes.append(f"free list of {match['name']} is damaged and was left out")
        elif len(self._buddy) < _MAX_ZONES:
            self._buddy.setdefault(match["name"], buddy)

    def _footer(self, text: str) -> None:
        self._dump(text)
        self.footer_seen = True

    def _elide(self, _text: str) -> None:
        self.elided = True

    # -- cgroup ----------------------------------------------------------------------------------

    def _memcg_usage(self, text: str) -> None:
        match = patterns.MEMCG_USAGE.match(text)
        if match and len(match["usage"]) <= 18 and len(match["limit"]) <= 19:
            self._stack.end()
            self._memcg.setdefault("usage_kb", int(match["usage"]))
            self._memcg.setdefault("limit_kb", int(match["limit"]))

    def _memcg_stats(self, text: str) -> None:
        match = patterns.MEMCG_STATS.match(text)
        if match:
            self._is_memcg = True
            self._memcg.setdefault("path", match["path"])

    def _memcg_task(self, text: str) -> None:
        match = patterns.MEMCG_TASK.match(text)
        if match:
            self._is_memcg = True
            self._memcg.setdefault("path", match["path"])

    def _constraint(self, text: str) -> None:
        match = patterns.CONSTRAINT.match(text)
        if match is None:
            return
        self._set("constraint", match["constraint"])
        self._set("nodemask", word_after("nodemask", match["rest"]))
        path = _CGROUP_IN_CONSTRAINT.search(match["rest"])
        if path is not None:
            self._is_memcg = True
            self._memcg.setdefault("path", path[1])
        self._is_memcg = self._is_memcg or match["constraint"] == "CONSTRAINT_MEMCG"
        self._selected = _TASK_IN_CONSTRAINT.search(match["rest"])

    # -- ends ------------------------------------------------------------------------------------

    def _chosen(self, text: str) -> None:
        match = patterns.CHOSEN.match(text)
        if match:
            self._is_memcg = self._is_memcg or text.startswith("Memory cgroup")
            self._set("chosen", Process(comm=match["comm"], pid=pid_of(match["pid"])))

    def _killed_line(self, text: str) -> None:
        match = patterns.KILLED.match(text)
        if match is None:
            return
        self.killed = True
        self._is_memcg = self._is_memcg or text.startswith("Memory cgroup")
        victim = Process(comm=match["comm"], pid=pid_of(match["pid"]))
        if victim not in self._victims and len(self._victims) < _MAX_VICTIMS:
            self._victims.append(victim)
        self._set("oom_score_adj_victim", number_after("oom_score_adj", match["rest"]))

    def _no_killable(self, text: str) -> None:
        self.no_killable = True
        self._is_memcg = self._is_memcg or text.startswith("Memory cgroup")

    def _skipped(self, _text: str) -> None:
        self.skipped = True
        self._notes.append("the kernel killed nobody: its victim was exiting already")

    def _panic(self, text: str) -> None:
        match = patterns.PANIC.match(text)
        if match:
            self.panic_message = match["message"].strip()

    def _group(self, _text: str) -> None:
        self.group_kill = True

    # -- result ----------------------------------------------------------------------------------

    def finish(self) -> MemoryEvent | None:
        """The record; None when what was collected is not an event."""
        kind = self._type()
        if kind is None:
            return None
        notes = list(self._notes)
        if self._stack.mixed:
            notes.append("frames of another CPU are mixed into the stack")
        fields = dict(self._fields)
        if self._victims and fields.get("chosen") == self._victims[0]:
            del fields["chosen"]
        return MemoryEvent.model_validate(
            {
                "type": kind,
                "line": self.line,
                "time_s": self.time_s,
                "header": None if self.header_seen or kind == "show-mem" else "missing",
                "outcome": self._outcome(kind),
                "victim": self._victim(),
                "victims": tuple(self._victims) if len(self._victims) > 1 else None,
                "stack": tuple(self._stack.frames),
                "stack_first_caller": self._stack.caller,
                "memcg": self._memcg if self._memcg and self._is_memcg else None,
                "zones": self._zones,
                "buddy": self._buddy,
                "usage_kb": self._usage.kb(self._page_kb()),
                "notes": tuple(notes),
                **fields,
            }
        )

    def _page_kb(self) -> int | None:
        """Every free list begins with single pages."""
        sizes = {buddy.smallest_block_kb for buddy in self._buddy.values()}
        return sizes.pop() if len(sizes) == 1 else None

    def _victim(self) -> Process | None:
        """From the kill line, else from the line that announces the kill."""
        if self._victims:
            return self._victims[0]
        if self._selected is None or self.over:
            return None
        return Process(comm=self._selected[1], pid=int(self._selected[2]))

    def _type(self) -> EventType | None:
        if self.family == "alloc-failure":
            return "alloc-failure"
        if self.family == "oom" or self.over or "chosen" in self._fields or self._selected is not None:
            return "memcg-oom" if self._is_memcg else "oom"
        return "show-mem" if self._zones and self.dump_seen else None

    def _outcome(self, kind: EventType) -> str | None:
        if kind == "alloc-failure":
            return "allocation failed"
        if kind == "show-mem":
            return None
        if self.killed:
            return "killed"
        if self.no_killable:
            return "no killable process" + ("; panic" if self.panic_message is not None else "")
        if self.panic_message is not None:
            return f"panic: {self.panic_message.removeprefix('Out of memory: ')}"
        return "not shown" if self.footer_seen and not self.elided else "truncated"


def _same_comm(left: str, right: str) -> bool:
    """Whether two printings name the same task (either may be cut to 15 characters)."""
    return left[:_COMM_MAX] == right.strip()[:_COMM_MAX]


_HANDLERS: dict[LineKind, Callable[[PartialReport, str], None]] = {
    LineKind.OOM_HEADER: PartialReport._oom_header,
    LineKind.ALLOC_FAILURE: PartialReport._alloc_failure,
    LineKind.VMALLOC_FAILURE: PartialReport._vmalloc_failure,
    LineKind.NOMMU_FAILURE: PartialReport._nommu_failure,
    LineKind.CPU: PartialReport._cpu,
    LineKind.CPUSET: PartialReport._cpuset,
    LineKind.CALL_TRACE: PartialReport._call_trace,
    LineKind.FRAME: PartialReport._frame,
    LineKind.MEM_INFO: PartialReport._dump,
    LineKind.TOTALS: PartialReport._totals,
    LineKind.MORE_TOTALS: PartialReport._totals,
    LineKind.NODE: PartialReport._node,
    LineKind.RESERVE: PartialReport._reserve,
    LineKind.ZONE: PartialReport._zone,
    LineKind.BUDDY: PartialReport._free_list,
    LineKind.FOOTER: PartialReport._footer,
    LineKind.ELIDED: PartialReport._elide,
    LineKind.MEMCG_USAGE: PartialReport._memcg_usage,
    LineKind.MEMCG_STATS: PartialReport._memcg_stats,
    LineKind.MEMCG_TASK: PartialReport._memcg_task,
    LineKind.MEMCG_GROUP: PartialReport._group,
    LineKind.CONSTRAINT: PartialReport._constraint,
    LineKind.CHOSEN: PartialReport._chosen,
    LineKind.KILLED: PartialReport._killed_line,
    LineKind.NO_KILLABLE: PartialReport._no_killable,
    LineKind.SKIPPED: PartialReport._skipped,
    LineKind.PANIC: PartialReport._panic,
}
