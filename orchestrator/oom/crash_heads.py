# SPDX-License-Identifier: Apache-2.0
"""The messages with which a kernel begins to tell that it has crashed, or found a bug in itself.

From arch/*/kernel/traps.c and mm/fault.c, lib/bug.c, kernel/watchdog*.c, kernel/rcu/tree_stall.h,
kernel/hung_task.c, mm/kasan, mm/kfence, lib/ubsan.c and their forerunners. Anchored at the start of the
message. What only warns (WARNING) is none of them.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from orchestrator.oom.records import CrashKind

_WATCHDOG = r"(?:(?:NMI )?watchdog: )?(?:CPU\d+: )?"
# die() of each architecture as its printk() has it: "%s: %04x [#%d]", "Oops: %s, sig: %ld [#%d]" and so on
# (arch/*/kernel/traps.c). The cause is free text and not looked at: a list would always be short.
_DIE = re.compile(
    r"^(?P<what>(?:Internal error|Oops)\b[^\[\]]{0,200}?"  # arm, arm64, powerpc, riscv
    r"|[^\[\]]{1,200}?:\s(?:[0-9a-f]{4,16}(?: ilc:\d)?|sig: \d+)(?=\s)"  # x86, s390, sh, xtensa
    r"|.{1,64}\(\d+\): [^\[\]]{1,160}?"  # sparc
    r"|[Kk]ernel (?:BUG|bug)"  # riscv
    r"|[^\[\]]{1,200}(?=\[#\d{1,5}\]:\s*$))"  # mips, loongarch
    r"\s*\[#(?P<die>\d{1,5})\](?::|,|\s*[A-Z][\w=()]*)*\s*$"
)
_HEADS: tuple[tuple[CrashKind, re.Pattern[str]], ...] = (
    (
        "oops",
        re.compile(
            r"^(?:BUG: [Uu]nable to handle (?:the )?(?:kernel )?|(?:CPU \d+ )?[Uu]nable to handle"
            r" (?:the )?kernel |BUG: [Kk]ernel (?=NULL pointer ))(?P<what>.{1,120}?)"
            r"(?: on (?:read|write))?(?: in virtual .*| \(.*\))?(?: at .*|,.*|\.)?$"
        ),
    ),
    ("oops", re.compile(r"^(?:traps: )?PANIC: (?P<what>double fault)")),
    ("bug", re.compile(r"^[Kk]ernel BUG (?P<what>at \S+?:\d+)!?$")),
    ("kasan", re.compile(r"^BUG: KASAN: (?P<what>[\w -]+?) (?:in|on) (?P<place>\S+(?: \[[\w-]+\])?)")),
    ("kfence", re.compile(r"^BUG: KFENCE: (?P<what>[\w -]+?) in (?P<place>\S+(?: \[[\w-]+\])?)")),
    ("kmsan", re.compile(r"^BUG: KMSAN: (?P<what>[\w -]+?) in (?P<place>\S+(?: \[[\w-]+\])?)")),
    ("kcsan", re.compile(r"^BUG: KCSAN: (?P<what>[\w -]+?) in (?P<place>\S+(?: \[[\w-]+\])?)")),
    ("ubsan", re.compile(r"^UBSAN: (?P<what>.{1,80}? in \S+:\d+)(?::\d+)?\s*$")),
    (
        "soft-lockup",
        re.compile(
            rf"^{_WATCHDOG}BUG: soft lockup - CPU#\d+ (?P<what>stuck for \d+m?s)!?"
            r"(?: \[(?P<comm>.{1,64}):(?P<pid>\d+)\])?"
        ),
    ),
    ("hard-lockup", re.compile(rf"^{_WATCHDOG}Watchdog detected hard LOCKUP on (?P<what>cpu \d+)")),
    (
        "rcu-stall",
        re.compile(
            r"^(?:rcu: )?INFO: (?P<what>rcu\w*(?: \w+)? (?:self-)?detected (?:expedited )?stalls? on \w+)"
        ),
    ),
    (
        "hung-task",
        re.compile(
            r"^INFO: task (?P<comm>.{1,64}?):(?P<pid>\d+)"
            r" (?P<what>blocked (?:in I/O wait )?for more than \d+ seconds)"
        ),
    ),
    ("workqueue-lockup", re.compile(r"^BUG: workqueue lockup - (?P<what>pool .{1,80})")),
    ("bug", re.compile(r"^BUG(?: [\w.:-]{1,64} \([^)]{1,64}\))?: (?P<what>.{1,160})$")),
)
_NEEDLES = ("[#", "BUG", "nable to handle", "LOCKUP", "stall", "UBSAN", "blocked ", "PANIC: ")
_WARNING = re.compile(r"^(?:WARNING: |INFO: (?:possible|suspicious|trying to register|inconsistent)|={20,}$)")
# What belongs to the address or to the moment is no part of a name: equal crashes have equal names.
_TAIL = re.compile(
    r"(?:[:,] (?:address|kernel address|sig)\b.*| for address.*| at (?:virtual )?address.*"
    r"|: ?[0-9a-f]{1,16}(?: ilc:\d)?|, probably for .*)+$"
)
_VALUES = re.compile(r"(?:\s+[\w-]+[:=]\S*|\s+\[?[0-9a-f]{8,16}\]?)+$")
_LEAD = re.compile(r"^(?:.{1,64}\(\d+\): )?(?:Internal error: |Oops(?: - |: ?|$))*")


class Head(NamedTuple):
    """What the first line of a report says."""

    kind: CrashKind
    what: str
    """In the kernel's words, without addresses."""
    die: int | None = None
    """The number behind "[#", which counts the Oopses since boot."""
    place: str = ""
    """The function that it names, as the kernel prints it ("f+0x1/0x2"); empty where it names none."""
    comm: str | None = None
    pid: str | None = None


def crash_head(text: str) -> Head | None:
    """What the message begins, if it begins a report of a crash."""
    if not any(needle in text for needle in _NEEDLES):
        return None
    if "[#" in text:
        match = _DIE.match(text)
        if match is not None:
            what = _LEAD.sub("", _TAIL.sub("", match["what"])).strip()
            return Head("oops", what, die=int(match["die"]))
    for kind, pattern in _HEADS:
        match = pattern.match(text)
        if match is not None:
            groups = match.groupdict()
            what = groups["what"].strip()
            if not what.startswith("at ") and kind in ("oops", "bug"):
                what = _VALUES.sub("", _TAIL.sub("", what))
            return Head(
                kind,
                what,
                place=groups.get("place") or "",
                comm=groups.get("comm"),
                pid=groups.get("pid"),
            )
    return None


def is_warning(text: str) -> bool:
    """Whether the message begins a report that only warns: what follows belongs to that."""
    return _WARNING.match(text) is not None
