# SPDX-License-Identifier: Apache-2.0
"""Finds crashes among classified messages: takes what is theirs, and leaves the rest to others.

A crash that is reported again while it is still held, by an Oops in the path that ends the task, say, is
one crash that came several times. A panic that follows is its end, and no crash of its own; one over memory
is the OOM's.
"""

from __future__ import annotations

from orchestrator.oom.crash import CrashDraft
from orchestrator.oom.crash_heads import Head, crash_head, is_warning
from orchestrator.oom.lines import LineKind, is_oom_panic, panic_message
from orchestrator.oom.records import CrashBegun, Event, KernelCrash
from orchestrator.oom.transport import LogLine

_MOST = 8
# Messages without a part of a report after which its stack is taken for complete.
_IDLE_IN_REPORT = 60
# And after which it is not waited any longer that it comes again.
_IDLE_LIMIT = 400
_OTHERS_BEGIN = frozenset({LineKind.OOM_HEADER, LineKind.ALLOC_FAILURE, LineKind.VMALLOC_FAILURE})


class Crashes:
    """Collects messages; `drain` gives out records in the order they end."""

    def __init__(self) -> None:
        self._drafts: list[CrashDraft] = []
        self._held: list[KernelCrash] = []
        self._idle_lines = 0
        self._events: list[Event] = []

    @property
    def idle(self) -> bool:
        """Whether nothing is under construction."""
        return not self._drafts and not self._held

    @property
    def open_since(self) -> int | None:
        """Number of the first line of the oldest crash under construction; None when idle."""
        lines = [draft.line for draft in self._drafts] + [crash.line for crash in self._held]
        return min(lines, default=None)

    def drain(self) -> list[Event]:
        """The records finished since the last call."""
        events, self._events = self._events, []
        return events

    def close(self) -> None:
        """Finishes everything that is still open: the input ended, or the agent says that a phase did."""
        for draft in list(self._drafts):
            self._settle(draft)
        self._events += self._held
        self._held.clear()

    def take(self, kind: LineKind, line: LogLine) -> bool:
        """Adds a message; True when it is a crash's, and nobody else's."""
        head = crash_head(line.text) if kind is LineKind.CRASH else None
        if kind is LineKind.PANIC and not is_oom_panic(line.text):
            head = Head("panic", panic_message(line.text))
        if head is not None:
            self._begin(head, line)
            return True
        if self.idle:
            return False
        self._idle_lines += 1
        if kind is LineKind.MARK or self._idle_lines > _IDLE_LIMIT:
            self.close()
        elif kind in _OTHERS_BEGIN or (kind is LineKind.OTHER and is_warning(line.text)):
            for draft in list(self._drafts):
                self._settle(draft)
        return self._part(kind, line)

    def _begin(self, head: Head, line: LogLine) -> None:
        draft = next((draft for draft in self._drafts if _same_caller(draft, line)), None)
        if draft is not None and draft.goes_on_with(head):
            draft.also(head)
            if not draft.fatal_before:
                self._notify(head, line)
            return
        if draft is not None:
            self._settle(draft)
        self._drafts.append(CrashDraft(head, line, lone=self._idle_lines > _IDLE_IN_REPORT))
        self._idle_lines = 0
        self._notify(head, line)
        if len(self._drafts) > _MOST or len(self._held) > _MOST:
            self.close()

    def _notify(self, head: Head, line: LogLine) -> None:
        begun = CrashBegun(line=line.number, time_s=line.time_s, crash=head.kind, message=line.text)
        self._events.append(begun)

    def _part(self, kind: LineKind, line: LogLine) -> bool:
        for draft in list(self._drafts):
            if not _same_caller(draft, line):
                continue
            taken = draft.take(kind, line)
            if taken:
                self._idle_lines = 0
            if draft.ended or draft.idle_lines > _IDLE_IN_REPORT:
                self._settle(draft)
            if taken:
                return True
        return False

    def _settle(self, draft: CrashDraft) -> None:
        """Takes it for complete; it may still come again, or end in a panic."""
        self._drafts.remove(draft)
        crash = draft.finish()
        if crash is None:
            return
        if crash.kind == "panic" and self._held and not draft.lone:
            self._held[-1] = self._held[-1].model_copy(update={"panic": crash.what})
            return
        for index, held in enumerate(self._held):
            if held.signature == crash.signature:
                self._held[index] = held.model_copy(update={"times": held.times + 1})
                return
        self._held.append(crash)


def _same_caller(draft: CrashDraft, line: LogLine) -> bool:
    return line.caller is None or draft.caller is None or draft.caller == line.caller
