# SPDX-License-Identifier: Apache-2.0
"""Puts classified messages together into events, keeping reports of several CPUs apart.

Messages that carry a caller id (CONFIG_PRINTK_CALLER) go to the report of that caller. Without one they go
to the newest open report, except those that name a task. Counting rules: one event for each "invoked
oom-killer" header, and one for a kill or "no killable processes" line whose header is missing; a panic over
memory belongs to its event; kills of a whole cgroup are one event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from orchestrator.oom import lines as patterns
from orchestrator.oom.fields import pid_of
from orchestrator.oom.lines import LineKind
from orchestrator.oom.lmk import LmkDraft
from orchestrator.oom.partial_report import PartialReport
from orchestrator.oom.records import Event, Mark
from orchestrator.oom.traced import Traced
from orchestrator.oom.transport import LogLine
from orchestrator.oom.unread import looks_like

_MAX_OPEN = 8
# Messages without a part for an open report after which it is taken for finished.
_IDLE_LIMIT = 400
_IDLE_AFTER_DUMP = 12
_IDLE_AFTER_KILL = 3
_IDLE_AFTER_LMK = 4
_IDLE_IN_GROUP_KILL = 64
# A report is printed without a pause: what comes this long behind its last line is of another event, whose
# own head was suppressed or left out. Only a slow console with much to print holds up a line for minutes.
_MAX_PAUSE_SECONDS = 120.0
_MAX_HELD_UP_SECONDS = 600.0
# Victims whose reaping may be told after another event has begun.
_RECENT_VICTIMS = 64
# Other CPUs' messages between two that belong together.
_MOST_LINES_BETWEEN = 4

_HEADERS = {LineKind.OOM_HEADER, LineKind.ALLOC_FAILURE, LineKind.VMALLOC_FAILURE, LineKind.WARN_HEAD}
_SLAB = {LineKind.SLAB_HEAD, LineKind.SLAB_CACHE, LineKind.SLAB_NODE}
_DUMP = {
    LineKind.MEM_INFO,
    LineKind.TOTALS,
    LineKind.MORE_TOTALS,
    LineKind.NODE,
    LineKind.ZONE,
    LineKind.RESERVE,
    LineKind.BUDDY,
    LineKind.FOOTER,
}
_OOM_ONLY = {
    LineKind.MEMCG_USAGE,
    LineKind.MEMCG_STATS,
    LineKind.MEMCG_TASK,
    LineKind.TASKS,
    LineKind.TASK_ROW,
    LineKind.CONSTRAINT,
    LineKind.CHOSEN,
    LineKind.KILLED,
    LineKind.NO_KILLABLE,
    LineKind.SKIPPED,
}
_NEVER_FIRST = {LineKind.MORE_TOTALS, LineKind.FOOTER, LineKind.RESERVE, LineKind.TASK_ROW, LineKind.SKIPPED}
_STARTS_ORPHAN = (_DUMP | _OOM_ONLY) - _NEVER_FIRST


class Assembler:
    """Collects messages; `events` fills up with finished records in the order they end."""

    def __init__(self) -> None:
        self._open: list[PartialReport] = []
        self._events: list[Event] = []
        self._foreign_trace = False
        self._torn: tuple[PartialReport, LineKind, LogLine] | None = None
        self._victims: list[int | None] = []
        self._range_full: LogLine | None = None
        self._lmk: LmkDraft | None = None
        self._trace = Traced()

    @property
    def idle(self) -> bool:
        """Whether nothing is under construction."""
        return not self._open and self._lmk is None and self._trace.empty

    @property
    def open_since(self) -> int | None:
        """Number of the first line of the oldest report under construction; None when idle."""
        lines = [draft.line for draft in self._open] + ([self._lmk.line.number] if self._lmk else [])
        if self._trace.first_line is not None:
            lines.append(self._trace.first_line)
        return min(lines, default=None)

    def drain(self) -> list[Event]:
        """The records finished since the last call."""
        events, self._events = self._events, []
        return events

    def rest(self) -> None:
        """Forgets what the surroundings looked like (called when the reader stops looking at every line)."""
        self._foreign_trace = False

    def crash(self) -> None:
        """A crash is reported: frames that come now may be its own."""
        for draft in self._open:
            draft.idle_lines += 1
        self._foreign_trace = True

    def close(self) -> None:
        """Finishes everything that is still open: the input ended."""
        for draft in list(self._open):
            self._finish(draft)
        self._lmk_ends()
        self._events += self._trace.close()

    def take(self, kind: LineKind, line: LogLine) -> None:
        """Adds one message."""
        if self._lmk is not None:
            self._lmk.idle_lines += 1
            if self._lmk.idle_lines > _IDLE_AFTER_LMK or kind is LineKind.MARK:
                self._lmk_ends()
        if self._open:
            for draft in self._open:
                draft.idle_lines += 1
            self._finish_ended(kind, line)
        route = _ROUTES.get(kind)
        if kind is LineKind.OTHER and self._open:
            self._mend(line)
            self._note_unread(line)
        elif route is not None:
            route(self, kind, line)
            self._finish_ended(None, line)

    # -- opening ---------------------------------------------------------------------------------

    def _open_report(self, kind: LineKind, line: LogLine) -> None:
        if kind is LineKind.OOM_HEADER:
            match = patterns.OOM_HEADER.match(line.text)
            if match is None or (match["mask"] is None and not _bare_header(line)):
                return
            for draft in list(self._open):
                # One OOM report at a time (oom_lock): a new header ends the one before.
                if draft.family != "alloc-failure" and _same_caller(draft, line):
                    self._finish(draft)
        elif kind is LineKind.ALLOC_FAILURE and not _is_whole_or_cut(line):
            return
        for draft in list(self._open):
            if draft.footer_seen and _same_caller(draft, line):
                self._finish(draft)
        if kind is not LineKind.OOM_HEADER and self._is_told_twice(kind, line):
            return
        family = "oom" if kind is LineKind.OOM_HEADER else "alloc-failure"
        trace_open = self._foreign_trace and line.caller is None
        draft = self._add(PartialReport(family, line, trace_open=trace_open))
        draft.take(kind, line)
        self._torn = (draft, kind, line)
        full, self._range_full = self._range_full, None
        if kind is LineKind.VMALLOC_FAILURE and full is not None and _just_before(full, line):
            draft.take(LineKind.RANGE_FULL, full)

    def _mend(self, line: LogLine) -> None:
        """Adds the rest of a head that was cut off by what another CPU printed."""
        if self._torn is None or not patterns.HEAD_REST.match(line.text):
            return
        draft, kind, head = self._torn
        if draft in self._open and _same_caller(draft, line):
            whole = head._replace(text=f"{head.text.rstrip()}{line.text}")
            self._torn = (draft, kind, whole)
            draft.take(kind, whole)

    def _note_unread(self, line: LogLine) -> None:
        """Keeps in mind what a line seems to show that nobody understood."""
        what = looks_like(line.text) if line.source == "kernel" else None
        draft = next(self._candidates(line), None)
        if what is not None and draft is not None and not draft.over:
            draft.dump.unread.setdefault(what, line.number)

    def _is_told_twice(self, kind: LineKind, line: LogLine) -> bool:
        """Whether a cache that got no slab has said before what this head says of the slab's pages."""
        draft = next((draft for draft in self._candidates(line) if draft.slab_alone), None)
        if draft is not None:
            draft.take(kind, line)
        return draft is not None

    def _traced(self, _kind: LineKind, line: LogLine) -> None:
        """What the log has told already is not told again."""
        for event in self._trace.take(line):
            if event.victim is None or event.victim.pid not in self._victims:
                self._events.append(event)

    def _remember(self, _kind: LineKind, line: LogLine) -> None:
        """That there were no addresses: the failure that comes of it is told next, if at all."""
        self._range_full = line

    def _add(self, draft: PartialReport) -> PartialReport:
        if len(self._open) >= _MAX_OPEN:
            self._finish(self._open[0])
        self._open.append(draft)
        return draft

    # -- routing ---------------------------------------------------------------------------------

    def _candidates(self, line: LogLine) -> Iterator[PartialReport]:
        """Open reports that the message may belong to, newest first."""
        return (draft for draft in reversed(self._open) if _same_caller(draft, line))

    def _stack(self, kind: LineKind, line: LogLine) -> None:
        for draft in self._candidates(line):
            if not draft.over and not _is_late(draft, line):
                draft.take(kind, line)
                return
        self._foreign_trace = True

    def _named(self, kind: LineKind, line: LogLine) -> None:
        for draft in self._candidates(line):
            if not draft.over and draft.wants(kind, line.text):
                draft.take(kind, line)
                return
            if kind is LineKind.CPU:
                draft.other_begins(line.text)

    def _part(self, kind: LineKind, line: LogLine) -> None:
        for draft in self._candidates(line):
            if _accepts(draft, kind, line):
                draft.take(kind, line)
                return
        if kind in _STARTS_ORPHAN:
            self._orphan(kind, line)

    def _slab(self, kind: LineKind, line: LogLine) -> None:
        """Behind the failure for pages that it is due to, else a failure of its own."""
        for draft in self._candidates(line):
            if draft.family == "alloc-failure" and not _is_late(draft, line):
                draft.take(kind, line)
                return
        if kind is LineKind.SLAB_HEAD:
            trace_open = self._foreign_trace and line.caller is None
            self._add(PartialReport("alloc-failure", line, trace_open=trace_open)).take(kind, line)

    def _reaped(self, kind: LineKind, line: LogLine) -> None:
        match = patterns.REAPED.match(line.text)
        pid = pid_of(match["pid"]) if match else None
        for draft in () if pid in self._victims else self._candidates(line):
            if draft.family != "alloc-failure" and not draft.over and not _is_late(draft, line):
                draft.take(kind, line)
                return

    def _orphan(self, kind: LineKind, line: LogLine) -> None:
        """Begins a report whose header is missing, or a dump that needs none."""
        for draft in list(self._open):
            if draft.family == "orphan" and _same_caller(draft, line):
                self._finish(draft)
        self._add(PartialReport("orphan", line)).take(kind, line)

    def _remark(self, kind: LineKind, line: LogLine) -> None:
        draft = next(self._candidates(line), None)
        if draft is None and kind is LineKind.MEMCG_GROUP:
            draft = self._add(PartialReport("orphan", line))
        if draft is not None:
            draft.take(kind, line)

    def _single(self, kind: LineKind, line: LogLine) -> None:
        if kind is LineKind.PANIC:
            self._panic(line)
        elif kind is LineKind.MARK:
            text = line.text.removeprefix("oomlab: ")
            self._events.append(Mark(line=line.number, time_s=line.time_s, text=text))
        elif kind is LineKind.LMK:
            self._lmk_begins(line)
        elif self._lmk is not None and kind is LineKind.LMK_DETAIL:
            self._lmk.detail(line.text)
        elif kind is LineKind.LMK_INFO and not (self._lmk is not None and self._lmk.info(line.text)):
            self._lmk_begins(line)

    def _lmk_begins(self, line: LogLine) -> None:
        if self._lmk is None or not self._lmk.also(line):
            self._lmk_ends()
            self._lmk = LmkDraft(line)

    def _lmk_ends(self) -> None:
        if self._lmk is not None:
            self._events.append(self._lmk.finish())
            self._lmk = None

    def _panic(self, line: LogLine) -> None:
        """One over memory: others are crashes, and none of these reports' business."""
        for draft in self._candidates(line):
            if draft.family != "alloc-failure" and not draft.killed:
                draft.take(LineKind.PANIC, line)
                return
        self._add(PartialReport("orphan", line)).take(LineKind.PANIC, line)

    # -- finishing -------------------------------------------------------------------------------

    def _finish(self, draft: PartialReport) -> None:
        self._open.remove(draft)
        event = draft.finish()
        if event is not None:
            killed = event.victims or ((event.victim,) if event.victim else ())
            self._victims = [*self._victims, *(process.pid for process in killed)][-_RECENT_VICTIMS:]
            self._events.append(event)

    def _finish_ended(self, kind: LineKind | None, line: LogLine) -> None:
        """Ends reports that are complete; `kind` is that of the next message, None after it was taken."""
        for draft in list(self._open):
            if draft.idle_lines > _patience(draft) or (kind is not None and _ends_before(draft, kind, line)):
                self._finish(draft)


_ROUTES: dict[LineKind, Callable[[Assembler, LineKind, LogLine], None]] = {
    **dict.fromkeys(_HEADERS, Assembler._open_report),
    **dict.fromkeys(_DUMP | _OOM_ONLY, Assembler._part),
    LineKind.NOMMU_FAILURE: Assembler._orphan,
    **dict.fromkeys((LineKind.MARK, LineKind.PANIC), Assembler._single),
    **dict.fromkeys((LineKind.LMK, LineKind.LMK_DETAIL, LineKind.LMK_INFO), Assembler._single),
    **dict.fromkeys(_SLAB, Assembler._slab),
    LineKind.RANGE_FULL: Assembler._remember,
    LineKind.TRACED: Assembler._traced,
    LineKind.REAPED: Assembler._reaped,
    **dict.fromkeys((LineKind.FRAME, LineKind.CALL_TRACE), Assembler._stack),
    **dict.fromkeys((LineKind.CPU, LineKind.CPUSET), Assembler._named),
    **dict.fromkeys((LineKind.ELIDED, LineKind.MEMCG_GROUP), Assembler._remark),
}


def _patience(draft: PartialReport) -> int:
    if draft.group_kill:
        return _IDLE_IN_GROUP_KILL
    if draft.over:
        # A panic after "no killable processes", or "Tasks in ... are going to be killed", may follow.
        return _IDLE_AFTER_KILL if draft.may_go_on else -1
    if draft.family == "alloc-failure" and draft.footer_seen:
        return _IDLE_AFTER_DUMP
    return _IDLE_LIMIT


def _ends_before(draft: PartialReport, kind: LineKind, line: LogLine) -> bool:
    """Whether a report that has had its last line cannot contain the next message."""
    if not draft.over or not _same_caller(draft, line):
        return False
    if kind is LineKind.OTHER or kind is LineKind.MARK or kind is LineKind.MEMCG_GROUP:
        return False
    if kind is LineKind.KILLED:
        return not draft.group_kill
    return not (kind is LineKind.PANIC and draft.no_killable)


def _same_caller(draft: PartialReport, line: LogLine) -> bool:
    return line.caller is None or draft.caller is None or draft.caller == line.caller


def _accepts(draft: PartialReport, kind: LineKind, line: LogLine) -> bool:
    """Whether a dump or kill message belongs to an open report."""
    if _is_late(draft, line):
        return False
    if draft.group_kill:
        return kind is LineKind.KILLED
    if kind in _OOM_ONLY:
        return not (draft.family == "alloc-failure" or (kind is LineKind.CONSTRAINT and draft.has_constraint))
    return not (kind in (LineKind.MEM_INFO, LineKind.ZONE, LineKind.BUDDY) and draft.footer_seen)


def _is_late(draft: PartialReport, line: LogLine) -> bool:
    if draft.last_time_s is None or line.time_s is None:
        return False
    pause_s = abs(line.time_s - draft.last_time_s)
    return pause_s > (_MAX_PAUSE_SECONDS if draft.idle_lines > _IDLE_AFTER_DUMP else _MAX_HELD_UP_SECONDS)


def _just_before(first: LogLine, second: LogLine) -> bool:
    return first.caller == second.caller and second.number - first.number <= _MOST_LINES_BETWEEN


def _bare_header(line: LogLine) -> bool:
    """A header without gfp_mask counts only as a kernel message of its own, not in prose."""
    return line.stamped and line.text.rstrip(":").endswith(("invoked oom-killer", "invoked oom"))


def _is_whole_or_cut(line: LogLine) -> bool:
    """Whether an allocation failure has its mask, or ends where another CPU cut it; prose does neither."""
    match = patterns.ALLOC_FAILURE.match(line.text)
    if match is None:
        return False
    cut = line.stamped and not match["rest"].strip(" ,")
    return cut or (match["mask"] is not None and (match["comm"] is not None or line.stamped))
