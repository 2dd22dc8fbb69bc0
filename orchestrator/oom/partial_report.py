# SPDX-License-Identifier: Apache-2.0
"""A report under construction: takes classified messages until it can become a record."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.oom import lines as patterns
from orchestrator.oom.dump_part import DumpPart
from orchestrator.oom.fields import (
    clean_flags,
    number_after,
    pid_of,
    same_comm,
    tidy_comm,
    word_after,
)
from orchestrator.oom.lines import LineKind
from orchestrator.oom.memcg_part import MemcgPart
from orchestrator.oom.records import EventType, MemoryEvent, Process
from orchestrator.oom.slab import SlabPart
from orchestrator.oom.stack import StackCollector
from orchestrator.oom.transport import LogLine
from orchestrator.oom.vmalloc import missing, page_order, range_full, requested_bytes
from orchestrator.oom.warn_heads import WARN_HEAD, order_of, stalled_ms, without_order

# Damaged or hostile input must not grow a report without bound.
_MAX_VICTIMS = 4096


class PartialReport:
    """One report being read. `family` is "oom", "alloc-failure" or "orphan" (no header seen yet)."""

    def __init__(self, family: str, line: LogLine, *, trace_open: bool = False) -> None:
        self.family = family
        self.caller = line.caller
        self.line = line.number
        self.time_s = line.time_s
        self.last_time_s = line.time_s
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
        self._memcg = MemcgPart()
        self._slab = SlabPart()
        self._stack = StackCollector(trace_open=trace_open)
        self.dump = DumpPart()
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
        return self.no_killable or self._memcg.hit

    @property
    def slab_alone(self) -> bool:
        """Whether all that is here is a cache that got no slab: the failure for its pages may follow."""
        return bool(self._slab.request()) and "order" not in self._fields and not self._stack.frames

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
        if not same_comm(self.trigger.comm, match["comm"]):
            return False
        return kind is not LineKind.CPU or self.trigger.pid is None

    def other_begins(self, text: str) -> None:
        """A CPU line that is not this report's: what is printed of a stack from here on is another task's."""
        match = patterns.CPU.match(text)
        if (
            match is not None
            and self.trigger is not None
            and not self.trigger.comm.endswith(match["comm"].strip())
        ):
            self._stack.other()

    def take(self, kind: LineKind, line: LogLine) -> None:
        """Adds one message that belongs to this report."""
        self.idle_lines = 0
        self.last_time_s = self.last_time_s if line.time_s is None else line.time_s
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

    def _warn_head(self, text: str) -> None:
        match = WARN_HEAD.match(text)
        if match is not None:
            self._request(match["comm"], match["mask"], match["flags"], order_of(match["message"]))
            self._set("nodemask", word_after("nodemask", match["rest"]))
            self._set("cpuset", word_after("cpuset", match["rest"]))
            self._set("warning", without_order(match["message"]))

    def _vmalloc_failure(self, text: str) -> None:
        match = patterns.VMALLOC_FAILURE.match(text)
        if match is not None:
            self._request(match["comm"], match["mask"], match["flags"], page_order(match["message"]))
            self._set("vmalloc", missing(match["message"]))
            self._set("vmalloc_bytes", requested_bytes(match["message"]))

    def _range_full(self, text: str) -> None:
        self._fields["vmalloc"] = range_full(text)

    def _nommu_failure(self, text: str) -> None:
        match = patterns.NOMMU_FAILURE.match(text)
        if match is not None:
            self._set("trigger", Process(comm=match["comm"], pid=pid_of(match["pid"])))

    def _request(self, comm: str | None, mask: str | None, flags: str | None, order: int | None) -> None:
        if comm is not None and tidy_comm(comm):
            self._set("trigger", Process(comm=tidy_comm(comm)))
        self._set("gfp_mask", mask)
        self._set("gfp_flags", clean_flags(flags))
        self._set("order", order)

    def _cpu(self, text: str) -> None:
        match = patterns.CPU.match(text)
        if match is None:
            return
        self._stack.own()
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
        if frame is not None:
            self._memcg.frame(frame)

    # -- dump ------------------------------------------------------------------------------------

    def _dump_line(self, _text: str) -> None:
        self.dump_seen = True
        self._stack.end()

    def _totals(self, text: str) -> None:
        self._dump_line(text)
        self.dump.totals(text)

    def _node(self, text: str) -> None:
        self._dump_line(text)
        self.dump.node(text)

    def _zone(self, text: str) -> None:
        self._dump_line(text)
        self.dump.zone(text)

    def _reserve(self, text: str) -> None:
        self._dump_line(text)
        self.dump.reserve(text)

    def _free_list(self, text: str) -> None:
        self._dump_line(text)
        self.dump.free_list(text)

    def _footer(self, text: str) -> None:
        self._dump_line(text)
        self.footer_seen = True

    def _elide(self, _text: str) -> None:
        self.elided = True

    # -- cgroup ----------------------------------------------------------------------------------

    def _memcg_usage(self, text: str) -> None:
        if self._memcg.usage(text):
            self._stack.end()

    def _memcg_path(self, text: str) -> None:
        self._memcg.path(text)

    def _constraint(self, text: str) -> None:
        for name, value in self._memcg.constraint(text).items():
            self._set(name, value)

    # -- slab ------------------------------------------------------------------------------------

    def _slab_head(self, text: str) -> None:
        if self._slab.head(text):
            self._stack.end_if_any()

    def _slab_cache(self, text: str) -> None:
        self._slab.cache(text)

    def _slab_node(self, text: str) -> None:
        self._slab.node(text)

    # -- ends ------------------------------------------------------------------------------------

    def _chosen(self, text: str) -> None:
        match = patterns.CHOSEN.match(text)
        if match:
            self._memcg.said_by(text)
            self._set("chosen", Process(comm=match["comm"], pid=pid_of(match["pid"])))

    def _killed_line(self, text: str) -> None:
        match = patterns.KILLED.match(text)
        if match is None:
            return
        self.killed = True
        self._memcg.said_by(text)
        victim = Process(comm=match["comm"], pid=pid_of(match["pid"]))
        if victim not in self._victims and len(self._victims) < _MAX_VICTIMS:
            self._victims.append(victim)
        self._set("oom_score_adj_victim", number_after("oom_score_adj", match["rest"]))

    def _reaped(self, text: str) -> None:
        """Whom the reaper found dead was killed, where the line that says so is missing."""
        match = patterns.REAPED.match(text)
        if match is not None and not self.killed:
            self.killed = True
            self._victims.append(Process(comm=match["comm"], pid=pid_of(match["pid"])))

    def _no_killable(self, text: str) -> None:
        self.no_killable = True
        self._memcg.said_by(text)

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
        notes = [*self.dump.notes, *self._notes]
        if self._stack.mixed:
            notes.append("frames of another CPU are mixed into the stack")
        fields = dict(self._fields) if "order" in self._fields else {**self._slab.request(), **self._fields}
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
                "memcg": self._memcg.finish(),
                "slab": self._slab.finish(),
                "zones": self.dump.zones,
                "buddy": self.dump.buddy,
                "usage_kb": self.dump.usage_kb(),
                "unread": self.dump.unread,
                "notes": tuple(notes),
                **fields,
            }
        )

    def _victim(self) -> Process | None:
        """From the kill line, else from the line that announces the kill."""
        if self._victims:
            return self._victims[0]
        selected = self._memcg.selected
        if selected is None or self.over:
            return None
        return Process(comm=selected[1], pid=int(selected[2]))

    def _type(self) -> EventType | None:
        if self.family == "alloc-failure":
            return "alloc-failure"
        if self.family == "oom" or self.over or "chosen" in self._fields or self._memcg.selected is not None:
            return "memcg-oom" if self._memcg.hit else "oom"
        return "show-mem" if self.dump.zones and self.dump_seen else None

    def _outcome(self, kind: EventType) -> str | None:
        if kind == "alloc-failure":
            stalled = stalled_ms(str(self._fields.get("warning", "")))
            return "allocation failed" if stalled is None else "allocation stalled"
        if kind == "show-mem":
            return None
        if self.killed:
            return "killed"
        if self.no_killable:
            return "no killable process" + ("; panic" if self.panic_message is not None else "")
        if self.panic_message is not None:
            return f"panic: {self.panic_message.removeprefix('Out of memory: ')}"
        return "not shown" if self.footer_seen and not self.elided else "truncated"


_HANDLERS: dict[LineKind, Callable[[PartialReport, str], None]] = {
    LineKind.OOM_HEADER: PartialReport._oom_header,
    LineKind.ALLOC_FAILURE: PartialReport._alloc_failure,
    LineKind.VMALLOC_FAILURE: PartialReport._vmalloc_failure,
    LineKind.NOMMU_FAILURE: PartialReport._nommu_failure,
    LineKind.RANGE_FULL: PartialReport._range_full,
    LineKind.WARN_HEAD: PartialReport._warn_head,
    LineKind.SLAB_HEAD: PartialReport._slab_head,
    LineKind.SLAB_CACHE: PartialReport._slab_cache,
    LineKind.SLAB_NODE: PartialReport._slab_node,
    LineKind.REAPED: PartialReport._reaped,
    LineKind.CPU: PartialReport._cpu,
    LineKind.CPUSET: PartialReport._cpuset,
    LineKind.CALL_TRACE: PartialReport._call_trace,
    LineKind.FRAME: PartialReport._frame,
    LineKind.MEM_INFO: PartialReport._dump_line,
    LineKind.TOTALS: PartialReport._totals,
    LineKind.MORE_TOTALS: PartialReport._totals,
    LineKind.NODE: PartialReport._node,
    LineKind.RESERVE: PartialReport._reserve,
    LineKind.ZONE: PartialReport._zone,
    LineKind.BUDDY: PartialReport._free_list,
    LineKind.FOOTER: PartialReport._footer,
    LineKind.ELIDED: PartialReport._elide,
    LineKind.MEMCG_USAGE: PartialReport._memcg_usage,
    LineKind.MEMCG_STATS: PartialReport._memcg_path,
    LineKind.MEMCG_TASK: PartialReport._memcg_path,
    LineKind.MEMCG_GROUP: PartialReport._group,
    LineKind.CONSTRAINT: PartialReport._constraint,
    LineKind.CHOSEN: PartialReport._chosen,
    LineKind.KILLED: PartialReport._killed_line,
    LineKind.NO_KILLABLE: PartialReport._no_killable,
    LineKind.SKIPPED: PartialReport._skipped,
    LineKind.PANIC: PartialReport._panic,
}
