# SPDX-License-Identifier: Apache-2.0
"""Messages that are known wherever in a line they stand, for the shape that only they have.

What stands before one of them is the prefix that a logger put before every line of this text, whatever it
is. Messages that begin with free text (the name of a task) are found by a prefix that others have shown.
"""

from __future__ import annotations

import re

_ZONE = r"(?:Node \d{1,5} )?(?:DMA32|DMA|Normal|HighMem|Movable|Device)"
_SHAPES = re.compile(
    r"(?<![\w.%$/-])(?:"
    r"CPU: ?\d{1,6} (?:UID: ?\d{1,10} )?PID: ?\d{1,10} Comm: |Pid: \d{1,10}, comm: "
    r"|Call [Tt]race:\s*$|Mem-[Ii]nfo:\s*$"
    rf"|{_ZONE} free:\d+kB (?:boost|min):\d|{_ZONE}: \d+[*_]\d+kB"
    r"|Node \d{1,5} active_anon:\d|active_anon:\d+ inactive_anon:\d|lowmem_reserve\[\]: ?\d"
    r"|oom-kill:constraint=[A-Z]"
    r"|(?:Memory cgroup )?[Oo]ut of [Mm]emory(?: \([^)]{1,40}\))?: (?:[Kk]illed|[Kk]ill) process \d+ \("
    r"|(?:Memory cgroup )?[Oo]ut of [Mm]emory and no killable processes"
    r"|Killed process \d+ \(.{1,64}?\) ?,? ?(?:total-vm|vsz):\d"
    r"|Kernel panic - not syncing: "
    r"|memory: usage \d+kB, limit \d|Memory cgroup stats for /|Task in /\S{0,200} killed as a result of limit"
    r"|SLUB: Unable to allocate memory on |oom_reaper: reaped process \d"
    r"|Tasks state \(memory values in pages\)|\d+ total pagecache pages"
    r"|lowmemorykiller: (?:Kill|send sigkill)|Kill(?:ing)? '[^']{1,128}' \(\d+\), (?:uid|adj|oom)"
    r"|BUG: (?:[Uu]nable to handle|kernel NULL pointer|KASAN: |soft lockup - CPU#)"
    r"|Unable to handle (?:the )?kernel |Internal error: Oops|kernel BUG at \S+:\d"
    r")"
)
# Those messages of a report that begin with the name of a task, and where in them the name ends.
_NAMED = re.compile(
    r" invoked oom(?:-killer)?(?:: ?(?:gfp_mask=|$)|$)"
    r"|: page allocation failure[:.] ?order:\d|: [a-z][\w ,]{2,60}[:.] ?order:\d+, mode:0x"
    r"|: vmalloc(?: error| size \d+| ?: allocation failure)"
)
_FRAME = re.compile(
    r"(?:\[<?[0-9a-f]{8,16}>?\] )?\(?(?:\? )?(?<![\w.])[A-Za-z_][\w.]{0,100}\+0x[0-9a-f]{1,8}/0x[0-9a-f]{1,8}"
)
# A look for one of these costs less than the pattern.
_SIGNS = re.compile(r":|ill")


def find_shape(text: str) -> int | None:
    """Where a message of a known shape begins, None where there is none."""
    if not _SIGNS.search(text):
        return None
    match = _SHAPES.search(text)
    return None if match is None else match.start()


def find_frame(text: str) -> int | None:
    """Where a line of a stack begins."""
    match = _FRAME.search(text) if "+0x" in text else None
    return None if match is None else match.start()


def name_end(text: str) -> int | None:
    """Where the name of the task ends in a message that begins with one; None for any other."""
    match = _NAMED.search(text) if "oom" in text or "order:" in text or "vmalloc" in text else None
    return None if match is None else match.start()
