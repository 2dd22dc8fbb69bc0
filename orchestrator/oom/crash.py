# SPDX-License-Identifier: Apache-2.0
"""A crash under construction: the lines behind its head, until it can become a record."""

from __future__ import annotations

import re
from collections.abc import Sequence

from orchestrator.oom.crash_heads import Head
from orchestrator.oom.fields import pid_of
from orchestrator.oom.lines import CPU_HEAD, LineKind
from orchestrator.oom.records import FATAL_CRASHES, Frame, KernelCrash, Process
from orchestrator.oom.stack import parse_frame
from orchestrator.oom.transport import LogLine

_MAX_FRAMES = 256
_MESSAGE_CHARS = 300
_CPU = re.compile(
    CPU_HEAD + r"\s+(?:Not\s+tainted|Tainted:\s*(?P<taint>[A-Z](?:[A-Z ]*[A-Z])?))(?:\[[^\]]*\])?,?"
    r"(?:\s+(?P<kernel>\d\.\d\S*))?"
)
_TASK = re.compile(
    r"^(?:Process (?P<comm>.{1,64}?) \(pid: (?P<pid>\d+),"
    r"|(?:Read|Write)(?: of size \d+)? at .* by task (?P<kasan>.{1,64})/(?P<kasanpid>\d+)"
    r"|in_atomic\(\): .* pid: (?P<atomicpid>\d+), name: (?P<atomic>.{1,64}))"
)
# "pc : f+0x1/0x2 [m]", "RIP: 0010:f+..", "PC is at f+..", "EIP: [<c01>] f+..", "epc : f+..", "NIP [c00] f+.."
_PC = re.compile(
    r"^(?:pc ?:|PC is at|E?R?IP:?|EIP is at|epc *:|era *:|ERA *:|NIP|TPC:|Krnl PSW ?:)"
    r"(?:00[0-9a-f]{2}:|[0-9a-f]{8,16}\b|\[?<?[0-9a-f]{8,16}>?\]?|[(<: ])*"
    r"(?P<symbol>[A-Za-z_.$][\w.$]*\+0x[0-9a-f]+/0x[0-9a-f]+(?: +\[[\w-]+)?)"
)
_NULL = re.compile(r"KASAN: null-ptr-deref|kasan: GPF could be caused by NULL-ptr deref")
_END = re.compile(r"^---\[ end (?:trace|Kernel panic)")
_OTHER_STACK = re.compile(
    r"^(?:Allocated by task|Freed by task|Last potentially|Second to last|The buggy address)"
)
# What reports, waits or is interrupted, and so did nothing that somebody would look for.
_REPORTING = re.compile(
    r"dump_backtrace|show_stack|_*dump_stack\w*|unwind_backtrace|walk_stackframe|print_\w+|panic|v?panic|_*die\w*"
    r"|oops_\w+|\w*_bug|bug_handler|\w*brk_handler|call_break_hook|do_debug_exception|_*(?:kasan|asan|hwasan|kfence|ubsan)"
    r"\w*|handle_overflow|_*might_(?:sleep|resched)\w*|_*schedule\w*|_*switch_to\w*|io_schedule\w*|schedule_timeout\w*"
    r"|preempt_schedule\w*|_*(?:mutex_lock|down_(?:read|write)|rwsem_down)\w*|_*mutex_\w+|watchdog\w*|_*rcu_\w*stall\w*"
    r"|wait_for_\w+|bad_page|check_\w+_page\w*|spin_dump|spin_bug|do_raw_spin_\w+|_raw_spin_\w+|bit_wait\w*|folio_wait\w*"
)


class CrashDraft:
    """One report of a crash being read."""

    def __init__(self, head: Head, line: LogLine, *, lone: bool) -> None:
        self.caller = line.caller
        self.line = line.number
        self.ended = False
        self.idle_lines = 0
        self.lone = lone
        """Nothing of another crash came shortly before."""
        self._die = head.die
        self._message = line.text[:_MESSAGE_CHARS]
        self._time_s = line.time_s
        self._stamped = line.stamped
        self._what = head.what
        self._kind = head.kind
        self._task = None if head.comm is None else Process(comm=head.comm, pid=pid_of(head.pid))
        self._tainted: str | None = None
        self._kernel: str | None = None
        self._pc = parse_frame(head.place) if head.place else None
        self._stack: list[Frame] = []
        self._stacks = 0
        self._parts = 0

    def goes_on_with(self, head: Head) -> bool:
        """Whether this head is a further one of the same report: what faulted, then "Oops: ... [#1]"."""
        before = self._kind == "oops" or self._message.lower().startswith("kernel bug")
        return (
            head.kind == "oops" and before and self._die is None and (head.die is not None or not self._parts)
        )

    @property
    def fatal_before(self) -> bool:
        """Whether the first head alone says that the kernel does not go on."""
        return self._kind in FATAL_CRASHES

    def also(self, head: Head) -> None:
        """Adds such a head: "Unable to handle ..." is followed by "Internal error: ... [#1]"."""
        self.idle_lines = 0
        self._die = head.die if self._die is None else self._die
        self._what = self._what or head.what

    def take(self, kind: LineKind, line: LogLine) -> bool:
        """Adds a message; False when it is none of this report's."""
        self.idle_lines += 1
        taken = self._frame(kind, line.text) or (
            kind in (LineKind.CPU, LineKind.OTHER) and self._other(line.text)
        )
        if taken:
            self.idle_lines = 0
            self._parts += 1
        return taken

    def _frame(self, kind: LineKind, text: str) -> bool:
        if kind is LineKind.CALL_TRACE:
            self._stacks += 1
        elif kind is LineKind.FRAME and self._stacks <= 1:
            frame = parse_frame(text)
            if frame is not None and len(self._stack) < _MAX_FRAMES:
                self._stack.append(frame)
        return kind in (LineKind.CALL_TRACE, LineKind.FRAME)

    def _other(self, text: str) -> bool:
        if _END.match(text):
            self.ended = True
            return True
        if _OTHER_STACK.match(text):
            self._stacks = 2
            return True
        if _NULL.search(text):
            self._what = "NULL pointer dereference"
            return True
        return self._whose(text) or self._where(text)

    def _whose(self, text: str) -> bool:
        match = _CPU.match(text)
        if match is not None:
            if self._kernel is None:
                self._task = Process(comm=match["comm"].strip(), pid=pid_of(match["pid"] or match["oldpid"]))
                self._tainted = (match["taint"] or "").replace(" ", "")
                self._kernel = match["kernel"]
            return True
        match = _TASK.match(text)
        if match is None:
            return False
        if self._task is None:
            comm = match["comm"] or match["kasan"] or match["atomic"]
            self._task = Process(
                comm=comm, pid=pid_of(match["pid"] or match["kasanpid"] or match["atomicpid"])
            )
        return True

    def _where(self, text: str) -> bool:
        match = _PC.match(text)
        if match is None:
            return False
        if self._pc is None and self._kind != "panic":
            self._pc = parse_frame(match["symbol"])
        return True

    def finish(self) -> KernelCrash | None:
        """The record; None for what only looks like a head: no stamp before it, and nothing behind it."""
        if not self._stamped and not self._parts and self._kind != "panic":
            return None
        caller = _caller(self._pc, self._stack)
        return KernelCrash(
            kind=self._kind,
            line=self.line,
            time_s=self._time_s,
            message=self._message,
            what=self._what,
            pc=self._pc.function if self._pc else None,
            pc_module=self._pc.module if self._pc else None,
            caller=caller.function if caller else None,
            caller_module=caller.module if caller else None,
            task=self._task,
            tainted=self._tainted,
            kernel=self._kernel,
            die=self._die,
            panic=self._what if self._kind == "panic" else None,
            stack=tuple(self._stack),
        )


def _caller(pc: Frame | None, stack: Sequence[Frame]) -> Frame | None:
    """The first frame in a module that is not the place itself; else the first above it."""
    frames = [frame for frame in stack if frame.sure]
    while (
        frames
        and _REPORTING.fullmatch(frames[0].function)
        and (pc is None or frames[0].function != pc.function)
    ):
        frames = frames[1:]
    if pc is not None:
        names = [frame.function for frame in frames]
        frames = frames[names.index(pc.function) + 1 :] if pc.function in names else frames
    elif frames and frames[0].module is not None:
        return frames[0]
    if pc is None or pc.module is None:
        in_module = next((frame for frame in frames if frame.module is not None), None)
        if in_module is not None:
            return in_module
    return frames[0] if frames else None
