# SPDX-License-Identifier: Apache-2.0
"""Events of the kernel's tracer that are about running out of memory: include/trace/events/oom.h, 4.7 to 7.2.

Lines of trace and trace_pipe ("comm-pid [cpu] flags time: event: fields", with a tgid if asked for), of
trace-cmd report, of perf script ("comm pid [cpu] time: oom:event: fields"), and of a tracer's buffer that the
kernel printed on its way down ("comm-pid 2d..1 time us : event: fields").
"""

from __future__ import annotations

import re
from collections import OrderedDict

from orchestrator.oom.fields import pid_of
from orchestrator.oom.records import MemoryEvent, Process, Retries, RetryZone
from orchestrator.oom.transport import LogLine

NAMES = (
    "oom_score_adj_update|reclaim_retry_zone|mark_victim|wake_reaper|start_task_reaping|finish_task_reaping"
    "|skip_task_reaping|compact_retry"
)
TRACED = re.compile(
    r"^(?P<comm>\S.{0,31}?)(?:-(?P<pid>\d{1,10})|\s+(?P<perfpid>\d{1,10})(?:/\d{1,10})?)"
    r"(?:\s+\([ \d-]{1,12}\))?\s+(?:\[\d{1,5}\](?:\s+\S{4,8})?\s+(?P<time>\d{1,12}\.\d{1,9}):"
    r"|\d{1,5}\S{3,6}\s+(?P<us>\d{1,15})us[ !+#*@$]*:)\s+(?:\d{1,12}\s+)?"
    rf"(?:oom:)?(?P<event>{NAMES}):\s+(?P<fields>\S.*)$"
)
_FIELD = re.compile(r"([a-z_-]{1,32})[=:](-?[\w.]{1,64})")
_NAME = re.compile(r"\bcomm=(.{1,64}?)(?= oom_score_adj=| total-vm=|$)")
# Bounds for what a long trace is remembered of.
_MOST_TASKS = 4096
_MOST_ZONES = 64


class _Task:
    """What one task's request has come to so far."""

    def __init__(self, line: LogLine, who: Process, time_s: float | None) -> None:
        self.line, self.who, self.time_s = line, who, time_s
        self.order: int | None = None
        self.reclaim = self.compaction = 0
        self.zones: dict[str, RetryZone] = {}
        self.result: str | None = None

    def reclaimed(self, fields: dict[str, str]) -> None:
        """Reclaim went round once more, and this zone was looked at again (should_reclaim_retry)."""
        self.reclaim += 1
        self.order = _number(fields.get("order"))
        name = f"Node {fields.get('node', '?')} {fields.get('zone', '?')}"
        if len(self.zones) < _MOST_ZONES or name in self.zones:
            self.zones[name] = RetryZone(
                reclaimable_pages=_number(fields.get("reclaimable")),
                available_pages=_number(fields.get("available")),
                min_pages=_number(fields.get("min_wmark")),
                passes=fields.get("wmark_check") == "1",
                rounds_without_progress=_number(fields.get("no_progress_loops")),
            )

    def compacted(self, fields: dict[str, str]) -> None:
        """Compaction was tried, and it was asked whether it is worth another try (should_compact_retry)."""
        self.compaction += 1
        self.order = _number(fields.get("order"))
        self.result = fields.get("compaction_result")

    def retries(self) -> Retries | None:
        """The record; None where nothing was retried."""
        if not self.reclaim and not self.compaction:
            return None
        return Retries(
            reclaim=self.reclaim, compaction=self.compaction, compaction_result=self.result, zones=self.zones
        )


class Traced:
    """Gathers a trace; a victim ends what its killer's request has come to."""

    def __init__(self) -> None:
        self._tasks: OrderedDict[int | None, _Task] = OrderedDict()
        self._names: OrderedDict[int, tuple[str, int | None]] = OrderedDict()
        self._marked: OrderedDict[int, None] = OrderedDict()

    @property
    def empty(self) -> bool:
        """Whether nothing waits to be told."""
        return not self._tasks

    @property
    def first_line(self) -> int | None:
        """Where the oldest request begins."""
        return next((task.line.number for task in self._tasks.values()), None)

    def take(self, line: LogLine) -> list[MemoryEvent]:
        """Adds a line; returns the events that it ends."""
        match = TRACED.match(line.text)
        if match is None:
            return []
        fields = dict(_FIELD.findall(match["fields"]))
        name = _NAME.search(match["fields"])
        if name is not None:
            self._remember(fields, name[1].strip())
        who = Process(comm=match["comm"], pid=pid_of(match["pid"] or match["perfpid"]))
        time_s = float(match["time"]) if match["time"] else int(match["us"]) / 1e6
        if match["event"] == "mark_victim":
            return self._victim(line, who, time_s, fields)
        done: list[MemoryEvent] = []
        if match["event"] in ("reclaim_retry_zone", "compact_retry"):
            task = self._tasks.get(who.pid)
            if task is not None and task.order not in (None, _number(fields.get("order"))):
                done.append(_event(self._tasks.pop(who.pid)))
            task = self._tasks.setdefault(who.pid, _Task(line, who, time_s))
            (task.reclaimed if match["event"] == "reclaim_retry_zone" else task.compacted)(fields)
            if len(self._tasks) > _MOST_TASKS:
                done.append(_event(self._tasks.popitem(last=False)[1]))
        return done

    def close(self) -> list[MemoryEvent]:
        """What requests have come to of which no victim is known."""
        done = [_event(task) for task in self._tasks.values()]
        self._tasks.clear()
        return done

    def _remember(self, fields: dict[str, str], name: str) -> None:
        pid = pid_of(fields.get("pid"))
        if pid is not None:
            self._names[pid] = (name, _number(fields.get("oom_score_adj")))
            if len(self._names) > _MOST_TASKS:
                self._names.popitem(last=False)

    def _victim(
        self, line: LogLine, who: Process, time_s: float, fields: dict[str, str]
    ) -> list[MemoryEvent]:
        pid = pid_of(fields.get("pid"))
        if pid is None or pid in self._marked:
            return []  # each thread's memory is marked once more
        self._marked[pid] = None
        if len(self._marked) > _MOST_TASKS:
            self._marked.popitem(last=False)
        task = self._tasks.pop(who.pid, None) or _Task(line, who, time_s)
        name, adj = self._names.get(pid, ("?", None))
        return [_event(task, Process(comm=name, pid=pid), adj)]


def _event(task: _Task, victim: Process | None = None, adj: int | None = None) -> MemoryEvent:
    return MemoryEvent(
        type="oom" if victim is not None else "retries",
        line=task.line.number,
        time_s=task.time_s,
        trigger=None if task.who.comm == "<...>" else task.who,
        order=task.order,
        victim=victim,
        oom_score_adj_victim=adj,
        outcome=None if victim is None else "killed",
        header=None if victim is None else "missing",
        retries=task.retries(),
        traced=True,
    )


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and len(text) <= 15 and text.lstrip("-").isdecimal() else None
