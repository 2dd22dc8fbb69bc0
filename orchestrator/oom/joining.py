# SPDX-License-Identifier: Apache-2.0
"""Puts messages together again that a mail program or a terminal broke into several lines.

A broken-off piece has no time stamp of its own, is no message by itself, and continues the line before in
a way that fits its kind. When in doubt the piece stays on its own: a field is lost then, but none invented.
"""

from __future__ import annotations

import re

from orchestrator.oom.lines import Kind, classify
from orchestrator.oom.transport import Line

_MAX_PIECES = 24
_MAX_LENGTH = 4096

_KEY_VALUE = re.compile(r"[\w()]+:\s?\d*[kK]?B?(?:\s|$)|^\d+k?B?\s|^k?B\s|^: ?\d+kB|all_unreclaimable\?")
_CONTINUES: dict[Kind, re.Pattern[str]] = {
    Kind.OOM_HEADER: re.compile(
        r"^(?:oom-killer|gfp_mask=|order=|oom_score_adj=|oom_adj=|oomkilladj=|nodemask=|\w*GFP_|0x|[|(),=-])"
    ),
    Kind.ALLOC_FAILURE: re.compile(
        r"^(?:allocation failure|failure[:.]|order:|mode:|nodemask=|cpuset=|mems_allowed=|\w*GFP_|0x|[|(),=])"
    ),
    Kind.CPU: re.compile(r""),
    Kind.ZONE: _KEY_VALUE,
    Kind.NODE: _KEY_VALUE,
    Kind.TOTALS: _KEY_VALUE,
    Kind.MORE_TOTALS: _KEY_VALUE,
    Kind.BUDDY: re.compile(r"^(?:\d*\*?\d*kB|\([A-Z]+\)|=|[A-Z]*\)|\*)"),
    Kind.CHOSEN: re.compile(r"^(?:\(|score|\d+ or|or |sacrifice|a child|child)"),
    Kind.CONSTRAINT: re.compile(r"^\S+$"),
    Kind.KILLED: re.compile(r"^(?:\(|[\w-]*(?:vm|vsz|rss|UID|pgtables|oom_score_adj|lowmem)\b|\d*kB,?)"),
    Kind.FRAME: re.compile(r"^(?:\[[\w-]+(?: [0-9a-f]{2,40})?\]?|[0-9a-f]{2,40}\])$"),
    Kind.RESERVE: re.compile(r"^[0-9 ]+$"),
    Kind.LMK: re.compile(r"^(?:adj|-?\d+\b|uid|oom_score_adj)"),
    Kind.PANIC: re.compile(
        r"^(?:Out of|of memory|memory|System is|is deadlocked|deadlocked|on memory|system-wide|compulsory"
        r"|panic_on_oom|is enabled|enabled)"
    ),
}
_CONTINUES[Kind.VMALLOC_FAILURE] = _CONTINUES[Kind.ALLOC_FAILURE]

# What a message that is unrecognisable without its continuation may look like.
_HEAD_NEEDLES = (" invoked", "page", "llocation", "vmalloc", "ill")
_HEAD_INSIDE = re.compile(
    r" invoked$| invoked oom|: page$|: page allocation| allocation failure|vmalloc"
    r"|(?:^|: )[Kk]ill(?:ed|ing)?(?: process)?(?: \d+)?(?:, UID \d+,)?$"
    r"|(?:^|: )[Kk]ill(?:ed)? process \d+ \(.{0,40}$"
)
_HEAD_START = re.compile(
    r"(?:Memory cgroup )?[Oo]ut(?: of)?(?: [Mm]emory:?)?$|Out of memory (?:and|\()"
    r"|Memory(?: cgroup(?: stats(?: for)?)?)?$|memory: usage|Task in /|Tasks (?:in|state)"
    r"|oom-kill:|CPU:(?: ?\d|$)|Pid: \d|Call$|Kernel panic"
    r"|(?:Node \d+ )?(?:DMA32|DMA|Normal|HighMem|Movable):?(?: free:)?$|Node(?: \d+)?$"
    r"|\d+ (?:total(?: pagecache)?|pages(?: in(?: swap)?)?)$|lowmemorykiller:|Kill(?:ing)? '"
    r"|\S{1,16}$|\(?(?:\[<?[0-9a-f]{6,16}>?\]\s*)+(?:\(\w+\)(?: from)?|\?)?$"
)


def _is_head(text: str) -> bool:
    if _HEAD_START.match(text):
        return True
    return any(needle in text for needle in _HEAD_NEEDLES) and _HEAD_INSIDE.search(text) is not None


_COMPLETE: dict[Kind, re.Pattern[str]] = {
    Kind.OOM_HEADER: re.compile(r"(?:oom_score_adj|oomkilladj)=-?\d+ |oom_score_adj=-?\d{3,4}$"),
    Kind.ALLOC_FAILURE: re.compile(r"mems_allowed=\d"),
    Kind.BUDDY: re.compile(r"= ?\d+kB$"),
    Kind.CPU: re.compile(r" #\d+"),  # the build's number; behind it stands nothing that is looked at
    Kind.CONSTRAINT: re.compile(r"uid=?\d+$"),
    Kind.LMK: re.compile(r"adj -?\d"),
    Kind.PANIC: re.compile(r"enabled$|deadlocked on memory$"),
}
# Heads that stay heads with one more word.
_NEARER = re.compile(r"^(?:CPU:|Kernel panic|Tasks? in|Out of memory|memory: usage|Memory cgroup)")
_NEVER = re.compile(r"(?!)")
# Kinds that a continuation may look like when it is read without its head ("DMA free:..." behind "Node 0").
_LOOKS_WHOLE = {
    Kind.OTHER,
    Kind.OOM_HEADER,
    Kind.FRAME,
    Kind.ZONE,
    Kind.BUDDY,
    Kind.NODE,
    Kind.TOTALS,
    Kind.MORE_TOTALS,
}


# A terminal breaks at its width, also inside words and numbers; a mail program only at spaces. These are
# places where no message has a space.
_NO_SPACE = re.compile(
    r"[_|*]\n\S|[a-z]=\n\S|0x[0-9a-f]*\n[0-9a-f]|[A-Za-z]\n_|\n[|):*=]|k\nB\b|\d\n\d*k?B\b|\d\n\d+[*]\d"
    r"|:\n\d+k?B\b|:\n: |\([A-Z]*\n[A-Z]*\)|\d\n\d+ (?:PID|Comm):|[0-9a-f]\n[0-9a-f]+[,(]"
)


def _glue(left: str, right: str) -> str:
    """Joins two pieces, with a space unless the break was inside a word."""
    if left.endswith("$"):
        left = left[:-1]  # the mark of an editor for "goes on"
        return left + right
    seam = f"{left[-24:]}\n{right[:24]}"
    return left + right if _NO_SPACE.search(seam) else f"{left} {right}"


class Joiner:
    """Holds the newest message until it is clear that nothing more belongs to it."""

    def __init__(self) -> None:
        self._held: Line | None = None
        self._kind = Kind.OTHER
        self._pieces = 0

    @property
    def empty(self) -> bool:
        """Whether no message is held back."""
        return self._held is None

    def feed(self, line: Line) -> list[tuple[Kind, Line]]:
        """Takes the next line; returns the messages that are complete now."""
        kind = classify(line.text, line.source)
        held = self._held
        text = None if held is None else self._joined(held, line, kind)
        if held is not None and text is not None:
            self._held = held._replace(text=text, continues=line.continues)
            self._kind = classify(text, held.source)
            self._pieces += 1
            return []
        done = self.flush()
        if line.continues or kind in _CONTINUES or (kind is Kind.OTHER and _is_head(line.text)):
            self._held, self._kind, self._pieces = line, kind, 1
        else:
            done.append((kind, line))
        return done

    def flush(self) -> list[tuple[Kind, Line]]:
        """Gives out the held message (end of input, or a blank line)."""
        if self._held is None:
            return []
        done = [(self._kind, self._held)]
        self._held = None
        return done

    def _joined(self, held: Line, line: Line, kind: Kind) -> str | None:
        """The held text with this line added; None when the line is a message of its own."""
        if self._pieces >= _MAX_PIECES or len(held.text) + len(line.text) > _MAX_LENGTH:
            return None
        if held.continues:
            return held.text + line.text
        if line.stamped:
            return None
        if self._kind is Kind.OTHER:
            whole = kind is Kind.OOM_HEADER and not line.text.startswith("oom-killer:")
            return _completed_head(held, line.text) if kind in _LOOKS_WHOLE and not whole else None
        if kind is not Kind.OTHER or not self._goes_on(held.text, line.text):
            return None
        return _glue(held.text, line.text)

    def _goes_on(self, text: str, piece: str) -> bool:
        if text.endswith("$"):
            return True
        if _COMPLETE.get(self._kind, _NEVER).search(text):
            return False
        return _CONTINUES.get(self._kind, _NEVER).search(piece) is not None


def _completed_head(head: Line, piece: str) -> str | None:
    """An unrecognisable head with this piece, if that makes it a message or brings it nearer to one."""
    joined = _glue(head.text, piece)
    for text in (joined, head.text + piece):
        if classify(text, head.source) is not Kind.OTHER:
            return text
    fits = _CONTINUES[Kind.OOM_HEADER].search(piece) or _CONTINUES[Kind.ALLOC_FAILURE].search(piece)
    nearer = fits is not None or _NEARER.search(joined) is not None
    return joined if nearer and _is_head(joined) else None
