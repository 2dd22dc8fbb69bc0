# SPDX-License-Identifier: Apache-2.0
"""Which part of a report a message is, told from the message alone.

Wording by kernel version (mm/oom_kill.c, mm/page_alloc.c, mm/show_mem.c, mm/memcontrol.c and their
forerunners) is in the design notes; every pattern is anchored at the start of the message, so that
prose and source code which mention these words are not taken for reports.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from functools import lru_cache

from orchestrator.oom.crash_heads import crash_head
from orchestrator.oom.lmk import LMK, LMK_DETAIL, LMK_INFO
from orchestrator.oom.slab import SLAB_CACHE, SLAB_HEAD, SLAB_NODE
from orchestrator.oom.stack import parse_frame
from orchestrator.oom.traced import TRACED
from orchestrator.oom.vmalloc import RANGE_FULL
from orchestrator.oom.warn_heads import WARN_HEAD

_GFP = r"(?P<mask>0x[0-9a-f]+)(?:\((?P<flags>[\w| ]*)\)?)?"
_ZONE_NAME = r"(?:Node \d+ )?(?:DMA32|DMA|Normal|HighMem|Movable|Device)"


class LineKind(Enum):
    """Kinds of messages that matter."""

    OOM_HEADER = auto()
    ALLOC_FAILURE = auto()
    VMALLOC_FAILURE = auto()
    NOMMU_FAILURE = auto()
    WARN_HEAD = auto()
    RANGE_FULL = auto()
    SLAB_HEAD = auto()
    SLAB_CACHE = auto()
    SLAB_NODE = auto()
    CPU = auto()
    CPUSET = auto()
    CALL_TRACE = auto()
    FRAME = auto()
    MEM_INFO = auto()
    TOTALS = auto()
    MORE_TOTALS = auto()
    NODE = auto()
    ZONE = auto()
    RESERVE = auto()
    BUDDY = auto()
    FOOTER = auto()
    MEMCG_USAGE = auto()
    MEMCG_STATS = auto()
    MEMCG_TASK = auto()
    MEMCG_GROUP = auto()
    TASKS = auto()
    TASK_ROW = auto()
    CONSTRAINT = auto()
    CHOSEN = auto()
    KILLED = auto()
    NO_KILLABLE = auto()
    SKIPPED = auto()
    REAPED = auto()
    PANIC = auto()
    CRASH = auto()
    TRACED = auto()
    LMK = auto()
    LMK_DETAIL = auto()
    LMK_INFO = auto()
    MARK = auto()
    ELIDED = auto()
    OTHER = auto()


OOM_HEADER = re.compile(
    # Up to about 2.6.16 the header did not name the task.
    rf"^(?:(?P<comm>.{{1,64}}?) invoked oom(?:-killer)?|oom-killer(?=: gfp_mask=0x))(?::|$)\s*"
    rf"(?:gfp_mask={_GFP})?(?P<rest>.*)"
)
ALLOC_FAILURE = re.compile(
    # Two CPUs that print at once cut it behind the name or the order.
    rf"^(?:(?P<comm>.{{1,64}}?): )?page allocation failure[:.]\s+order:(?P<order>\d+)"
    rf"(?:,\s*mode:\s*{_GFP})?(?P<rest>.*)"
)
VMALLOC_FAILURE = re.compile(
    r"^(?P<comm>.{1,64}?): vmalloc(?P<message>"
    r"(?: error: size \d+| size \d+ allocation failure|: allocation failure)[:,]?\s.*?)"
    rf"mode:\s*{_GFP}(?P<rest>.*)"
)
# A machine without MMU (mm/nommu.c) could not map; a memory dump follows.
NOMMU_FAILURE = re.compile(
    r"^Allocation of length \d+ from process (?P<pid>\d+) \((?P<comm>.{1,64}?)\) failed"
)
HEAD_REST = re.compile(
    r"^(?:\(null\)|[0-9,-]+)?,?\s*(?:mode:0x|gfp_mask=0x|order=\d|nodemask=|oom_score_adj=-?\d)"
)
"""What follows a head that was cut there: a message of its own, for other CPUs spoke in between."""
CPU_HEAD = (
    r"^(?:CPU: ?\d+ (?:UID: ?\d+ )?PID: ?(?P<pid>\d+) Comm: |Pid: (?P<oldpid>\d+), comm: )(?P<comm>.{1,64}?)"
    r"(?: Kdump: loaded)?"
)
"""Who ran: the head of a report's CPU line, up to the taint flags."""
CPU = re.compile(
    CPU_HEAD + r"(?:\s+(?:Not\s+tainted|Tainted:[ A-Z]*(?:\[[^\]]*\])?,?)\s+(?P<kernel>\d\.\d\S*)?.*)?$"
)
CPUSET = re.compile(r"^(?P<comm>.{1,64}?) cpuset=(?P<cpuset>\S*)")
MEMCG_USAGE = re.compile(r"^memory: usage (?P<usage>\d+)kB, limit (?P<limit>\d+)kB")
MEMCG_STATS = re.compile(r"^Memory cgroup stats for (?P<path>\S+?):?(?:$|\s)")
MEMCG_TASK = re.compile(r"^Task in (?P<task>\S+) killed as a result of limit of (?P<path>\S+)")
CONSTRAINT = re.compile(r"^oom-kill:constraint=(?P<constraint>\w+)(?P<rest>.*)")
CHOSEN = re.compile(
    r"^(?:Memory cgroup )?[Oo]ut of [Mm]emory(?: \([^)]*\))?: "
    r"[Kk]ill process (?P<pid>\d+) \((?P<comm>.{1,64}?)\)(?:\s+score|\s*$|,|\s+or )"
)
KILLED = re.compile(
    r"^(?P<why>(?:Memory cgroup )?[Oo]ut of [Mm]emory(?: \([^)]*\))?: |[A-Za-z][\w ()-]{0,48}: )?"
    r"Killed process (?P<pid>\d+)(?:, UID \d+,)? \((?P<comm>.{1,64}?)\)"
    r"(?P<rest>(?: \(tgid \d+\))?,? ?(?:total-vm|vsz|vm|UID|anon-rss).*|\.?$)"
)
NO_KILLABLE = re.compile(r"^(?:Memory cgroup o|O)ut of [Mm]emory and no killable processes")
SKIPPED = re.compile(r"^(?:Memory cgroup o|O)ut of [Mm]emory: OOM victim \d+ \(.{1,64}?\) is already exiting")
REAPED = re.compile(r"^oom_reaper: reaped process (?P<pid>\d+) \((?P<comm>.{1,64}?)\)")
PANIC = re.compile(r"^Kernel panic - not syncing: (?P<message>.*)")
ZONE = re.compile(rf"^(?P<name>{_ZONE_NAME}) free:(?P<free>\d+)kB(?P<rest>(?: .*)?)$")
BUDDY = re.compile(rf"^(?P<name>{_ZONE_NAME}): (?P<rest>\d+\*\d+kB.*)")
MARK = re.compile(r"^oomlab: (?P<text>.*)")

_FOOTER = re.compile(
    r"^(?:\d+ (?:total pagecache pages|pages (?:in swap cache|RAM|HighMem|reserved|shared|non-shared"
    r"|hwpoisoned|cma reserved|in pagetable cache|swap cached|slab))|Swap cache stats:|Free swap |Total swap "
    r"|Node \d+ hugepages_total)"
)
_TASK_ROW = re.compile(r"^\[ *(?:pid|\d+) *\] +(?:uid|\d+) +(?:tgid|\d+)")
_ELIDED = re.compile(
    r"^(?:\[?\.\.+\]?|\[?…\]?|<[. ]*(?:snip|trim|cut|skip|elided|snipped)[. ]*>|\[(?:snip|trim|cut)\])\s*$"
)
# Patterns by the characters that their messages can begin with: most lines are then told apart by one look.
_ANCHORED = (
    ("C", re.compile(r"^Call [Tt]race:"), LineKind.CALL_TRACE),
    ("M", re.compile(r"^Mem-[Ii]nfo:"), LineKind.MEM_INFO),
    ("aA", re.compile(r"^(?:active_anon:\d+(?: |$)|[aA]ctive:\d+ )"), LineKind.TOTALS),
    # The totals are one message of several lines.
    (
        "aumsf",
        re.compile(r"^(?:active_file|unevictable|mapped|slab_reclaimable|free):\d+(?: |$)"),
        LineKind.MORE_TOTALS,
    ),
    ("N", re.compile(r"^Node \d+ active_anon:"), LineKind.NODE),
    ("lp", re.compile(r"^(?:lowmem_reserve|protections?)\[\]:"), LineKind.RESERVE),
    ("A", NOMMU_FAILURE, LineKind.NOMMU_FAILURE),
    ("T", re.compile(r"^Tasks state "), LineKind.TASKS),
    (
        "T",
        re.compile(r"^Tasks in \S+ are going to be killed due to memory\.oom\.group"),
        LineKind.MEMCG_GROUP,
    ),
    ("OM", NO_KILLABLE, LineKind.NO_KILLABLE),
    ("OM", SKIPPED, LineKind.SKIPPED),
    ("NDHM", ZONE, LineKind.ZONE),
    ("NDHM", BUDDY, LineKind.BUDDY),
    ("CP", CPU, LineKind.CPU),
    ("o", CONSTRAINT, LineKind.CONSTRAINT),
    ("m", MEMCG_USAGE, LineKind.MEMCG_USAGE),
    ("M", MEMCG_STATS, LineKind.MEMCG_STATS),
    ("T", MEMCG_TASK, LineKind.MEMCG_TASK),
    ("K", PANIC, LineKind.PANIC),
    ("o", MARK, LineKind.MARK),
    ("o", REAPED, LineKind.REAPED),
    ("v", RANGE_FULL, LineKind.RANGE_FULL),
    ("S", SLAB_HEAD, LineKind.SLAB_HEAD),
    ("c", SLAB_CACHE, LineKind.SLAB_CACHE),
    ("n", SLAB_NODE, LineKind.SLAB_NODE),
    ("0123456789STFN", _FOOTER, LineKind.FOOTER),
    ("[", _TASK_ROW, LineKind.TASK_ROW),
    (".[<\u2026", _ELIDED, LineKind.ELIDED),
)
_BY_FIRST: dict[str, list[tuple[re.Pattern[str], LineKind]]] = {}
for _firsts, _pattern, _kind in _ANCHORED:
    for _first in _firsts:
        _BY_FIRST.setdefault(_first, []).append((_pattern, _kind))

# Kinds whose start is free text (a task's name, say); the needle decides whether the pattern is worth trying.
_NAMED = (
    (" invoked oom", OOM_HEADER, LineKind.OOM_HEADER),
    ("oom-killer: gfp_mask=0x", OOM_HEADER, LineKind.OOM_HEADER),
    ("Killed process", KILLED, LineKind.KILLED),
    ("ill process", CHOSEN, LineKind.CHOSEN),
    ("page allocation failure", ALLOC_FAILURE, LineKind.ALLOC_FAILURE),
    (": vmalloc", VMALLOC_FAILURE, LineKind.VMALLOC_FAILURE),
    (" mode:", WARN_HEAD, LineKind.WARN_HEAD),
    ("mark_victim: ", TRACED, LineKind.TRACED),
    ("_retry", TRACED, LineKind.TRACED),
    ("oom_score_adj_update: ", TRACED, LineKind.TRACED),
    ("lowmemorykiller: ", LMK, LineKind.LMK),
    ("simple_lmk: ", LMK, LineKind.LMK),
    ("send sigkill to ", LMK, LineKind.LMK),
)
# What user space's own killer says where the log does not show which program spoke.
_LMK_ALONE = re.compile(r"^Kill(?:ing)? '[^']{1,128}' \(\d+\), .{0,80}?adj -?\d+.*(?:to free \d|score_adj)")
_LMK_TAGS = ("lowmemorykiller", "lmkd")
_FRAME_SIGN = re.compile(r"\+0x|\.(?:c|h|S|rs):")


# A line is asked for twice: for its prefix, and for what it continues.
@lru_cache(maxsize=8)
def classify(text: str, source: str = "kernel") -> LineKind:
    """The kind of a message; `source` is the program that logged it."""
    if source != "kernel":
        return _killer_of_user_space(text, source)
    if ("+0x" in text or "." in text) and _FRAME_SIGN.search(text) and parse_frame(text):
        return LineKind.FRAME
    for needle, pattern, kind in _NAMED:
        if needle in text and pattern.match(text):
            return kind
    for pattern, kind in _BY_FIRST.get(text[:1], ()):
        if pattern.match(text):
            return kind
    if text.startswith("Kill") and _LMK_ALONE.match(text):
        return LineKind.LMK
    if LMK_DETAIL.match(text):
        return LineKind.LMK_DETAIL
    if " cpuset=" in text and CPUSET.match(text):
        return LineKind.CPUSET
    return LineKind.OTHER if crash_head(text) is None else LineKind.CRASH


def _killer_of_user_space(text: str, source: str) -> LineKind:
    if source == "killinfo":
        return LineKind.LMK_INFO if LMK_INFO.match(text) else LineKind.OTHER
    if source not in _LMK_TAGS:
        return LineKind.OTHER
    if LMK.match(text):
        return LineKind.LMK
    return LineKind.LMK_DETAIL if LMK_DETAIL.match(text) else LineKind.OTHER


def panic_message(text: str) -> str:
    """What a panic says of itself."""
    match = PANIC.match(text)
    return match["message"].strip() if match else text


def is_oom_panic(text: str) -> bool:
    """Whether a panic is the OOM's own, for want of victims or by panic_on_oom (mm/oom_kill.c)."""
    message = panic_message(text)
    return message.startswith("Out of memory") or message == "System is deadlocked on memory"
