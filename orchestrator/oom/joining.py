# SPDX-License-Identifier: Apache-2.0
"""Puts messages together again that a mail program or a terminal broke into several lines.

A broken-off piece has no time stamp of its own, is no message by itself, and continues the line before in
a way that fits its kind. When in doubt the piece stays on its own: a field is lost then, but none invented.
"""

from __future__ import annotations

import re

from orchestrator.oom.lines import LineKind, classify
from orchestrator.oom.transport import LogLine

_MAX_PIECES = 24
_MAX_LENGTH = 4096
# So many characters on each side of a break tell whether it is inside a word.
_SEAM = 160
_MIN_WIDTH = 40

_KEY_VALUE = re.compile(r"[\w()]+:\s?\d*[kK]?B?(?:\s|$)|^\d+k?B?\s|^k?B\s|^: ?\d+kB|all_unreclaimable\?")
_CONTINUES: dict[LineKind, re.Pattern[str]] = {
    LineKind.OOM_HEADER: re.compile(
        r"^(?:[A-Z_]*[|)]|oom-killer|gfp_mask=|order=|oom_score_adj=|oom_adj=|oomkilladj=|nodemask=|\w*GFP_|0x|[|(),=-])"
    ),
    LineKind.ALLOC_FAILURE: re.compile(
        r"^(?:[A-Z_]*[|)]|allocation failure|failure[:.]|order:|mode:|nodemask=|cpuset=|mems_allowed="
        r"|\w*GFP_|0x|[|(),=])"
    ),
    LineKind.CPU: re.compile(r""),
    LineKind.ZONE: _KEY_VALUE,
    LineKind.NODE: _KEY_VALUE,
    LineKind.TOTALS: _KEY_VALUE,
    LineKind.MORE_TOTALS: _KEY_VALUE,
    LineKind.BUDDY: re.compile(r"^(?:\d*\*?\d*kB|\([A-Z]+\)|=|[A-Z]*\)|\*)"),
    LineKind.CHOSEN: re.compile(r"^(?:\(|score|\d+ or|or |sacrifice|a child|child)"),
    LineKind.CONSTRAINT: re.compile(r"^\S+$"),
    LineKind.KILLED: re.compile(r"^(?:\(|[\w-]*(?:vm|vsz|rss|UID|pgtables|oom_score_adj|lowmem)\b|\d*kB,?)"),
    LineKind.FRAME: re.compile(r"^(?:\[[\w-]+(?: [0-9a-f]{2,40})?\]?|[0-9a-f]{2,40}\])$"),
    LineKind.RESERVE: re.compile(r"^[0-9 ]+$"),
    LineKind.SLAB_HEAD: re.compile(r"^(?:on node|node -?\d|-?\d+[, ]|\(?gfp=|\(of|\w*GFP_)"),
    LineKind.SLAB_CACHE: re.compile(
        r"^(?:(?:object|buffer) size|size: \d|\d+[, ]|(?:default|min) order|order: \d|\d+$)"
    ),
    LineKind.SLAB_NODE: re.compile(r"^(?:\d+[,/]|objs: |free: |\d+$)"),
    LineKind.LMK: re.compile(
        r"^(?:adj|-?\d+|uid|oom_score_adj|to\b|free\b|k[Bb]\b|rss\b|anon\b|swap\b|dmabuf_\w+|;|reason:|is\b|breached"
        r"|even\b|after\b|kill\b|watermark|and\b|low\b|high\b|thrashing|utilization|device|not\b|responding|on\b|in\b"
        r"|direct|reclaim\b|filecache|\(\d)"
    ),
    LineKind.PANIC: re.compile(
        r"^(?:Out of|of memory|memory|System is|is deadlocked|deadlocked|on memory|system-wide|compulsory"
        r"|panic_on_oom|is enabled|enabled)"
    ),
}
_CONTINUES[LineKind.VMALLOC_FAILURE] = _CONTINUES[LineKind.ALLOC_FAILURE]

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
    r"|SL[AU]B: Unable|cache: \S{1,32}(?: object)?(?: size:)?$|cache: \S{1,32}, object|node \d+: slabs:"
    r"|oom-kill:|CPU:(?: ?\d|$)|Pid: \d|Call$|Kernel panic"
    r"|(?:Node \d+ )?(?:DMA32|DMA|Normal|HighMem|Movable):?(?: free:)?$|Node(?: \d+)?$"
    r"|\d+ (?:total(?: pagecache)?|pages(?: in(?: swap)?)?)$|lowmemorykiller:|Kill(?:ing)? '"
    r"|\S{1,16}$|.{0,80}\) from (?:\[<?[0-9a-f]*>?\]?)? ?\(?\w*$"
    r"|\(?(?:\[<?[0-9a-f]{6,16}>?\]\s*)+(?:\(\w+\)(?: from)?|\?)?$"
)


def _is_head(text: str) -> bool:
    if _HEAD_START.match(text):
        return True
    return any(needle in text for needle in _HEAD_NEEDLES) and _HEAD_INSIDE.search(text) is not None


_COMPLETE: dict[LineKind, re.Pattern[str]] = {
    LineKind.OOM_HEADER: re.compile(r"(?:oom_score_adj|oomkilladj)=-?\d+ |oom_score_adj=-?\d{3,4}$"),
    LineKind.ALLOC_FAILURE: re.compile(r"mems_allowed=\d"),
    LineKind.BUDDY: re.compile(r"= ?\d+kB$"),
    LineKind.CPU: re.compile(r" #\d+"),  # the build's number; behind it stands nothing that is looked at
    LineKind.CONSTRAINT: re.compile(r"uid=?\d+$"),
    LineKind.PANIC: re.compile(r"enabled$|deadlocked on memory$"),
}
# Heads that stay heads with one more word.
_NEARER = re.compile(
    r"^(?:SL[AU]B: |cache: |node \d+: |CPU:|Kernel panic|Tasks? in|Out of memory|memory: usage|Memory cgroup)"
)
_NEVER = re.compile(r"(?!)")
# Kinds that a continuation may look like when it is read without its head ("DMA free:..." behind "Node 0").
_LOOKS_WHOLE = {
    LineKind.OTHER,
    LineKind.OOM_HEADER,
    LineKind.FRAME,
    LineKind.ZONE,
    LineKind.BUDDY,
    LineKind.NODE,
    LineKind.TOTALS,
    LineKind.MORE_TOTALS,
}


# A terminal breaks at its width, also inside words and numbers; a mail program only at spaces. These are
# places where no message has a space.
_NO_SPACE = re.compile(
    r"[_|*]\n\S|[a-z]=\n\S|0x[0-9a-f]*\n[0-9a-f]|[A-Za-z]\n_|\n[|):*=]|k\nB\b|\d\n\d*k?B\b|\d\n\d+[*]\d"
    r"|(?:mask=|mode:)\s?0x[0-9a-f]+(?:\([\w|]*\n|\n\([A-Z_])|\(\w*\n\w*\+0x|<[0-9a-f]*\n[0-9a-f]*>"
    r"|:\n\d+k?B\b|:\n: |\([A-Z]*\n[A-Z]*\)|\d\n\d+ (?:PID|Comm):|[0-9a-f]\n[0-9a-f]+[,(]"
)


# Of these a mail program never makes two: that a line of the full width ends so shows a terminal.
_INSIDE_WORD = re.compile(
    r"(?:mask=|mode:)\s?0x[0-9a-f]+\([\w|]*[A-Z]\n[A-Z]|\(\w+\n\w+\+0x|<[0-9a-f]+\n[0-9a-f]+>|\d+k\nB\b"
)


def _seam(left: str, right: str) -> str:
    return f"{left[-_SEAM:]}\n{right[:_SEAM]}"


def _glue(left: str, right: str) -> str:
    """Joins two pieces, with a space unless the break was inside a word."""
    if left.endswith("$"):
        left = left[:-1]  # the mark of an editor for "goes on"
        return left + right
    return left + right if _NO_SPACE.search(_seam(left, right)) else f"{left} {right}"


class Joiner:
    """Holds the newest message until it is clear that nothing more belongs to it."""

    def __init__(self) -> None:
        self._held: LogLine | None = None
        self._kind = LineKind.OTHER
        self._pieces = 0
        self._widest = 0
        self._hard = False

    @property
    def empty(self) -> bool:
        """Whether no message is held back."""
        return self._held is None

    def feed(self, line: LogLine) -> list[tuple[LineKind, LogLine]]:
        """Takes the next line; returns the messages that are complete now."""
        kind = classify(line.text, line.source)
        self._measure(line.width)
        held = self._held
        text = None if held is None else self._joined(held, line, kind)
        if held is not None and text is not None:
            self._held = held._replace(text=text, continues=line.continues, width=line.width)
            self._kind = classify(text, held.source)
            self._pieces += 1
            return []
        done = self.flush()
        if line.continues or kind in _CONTINUES or (kind is LineKind.OTHER and _is_head(line.text)):
            self._held, self._kind, self._pieces = line, kind, 1
        else:
            done.append((kind, line))
        return done

    def flush(self) -> list[tuple[LineKind, LogLine]]:
        """Gives out the held message (end of input, or a blank line)."""
        if self._held is None:
            return []
        done = [(self._kind, self._held)]
        self._held = None
        return done

    def _measure(self, width: int) -> None:
        """Of text that a terminal broke, the longest lines are all as long as it is wide."""
        if width > self._widest:
            self._widest, self._hard = width, False

    def _is_broken_hard(self, held: LogLine, line: LogLine) -> bool:
        """Whether a terminal ended the line at its width, wherever in a word that was."""
        if held.width < max(self._widest, _MIN_WIDTH):
            return False
        self._hard = self._hard or _INSIDE_WORD.search(_seam(held.text, line.text)) is not None
        return self._hard

    def _joined(self, held: LogLine, line: LogLine, kind: LineKind) -> str | None:
        """The held text with this line added; None when the line is a message of its own."""
        if self._pieces >= _MAX_PIECES or len(held.text) + len(line.text) > _MAX_LENGTH:
            return None
        if held.continues:
            return held.text + line.text
        if line.stamped:
            return None
        if kind in (LineKind.OTHER, LineKind.FRAME) and self._is_broken_hard(held, line):
            return f"{held.text} {line.text}" if line.indented else held.text + line.text
        if self._kind is LineKind.OTHER:
            whole = kind is LineKind.OOM_HEADER and not line.text.startswith("oom-killer:")
            return _completed_head(held, line.text) if kind in _LOOKS_WHOLE and not whole else None
        if kind is not LineKind.OTHER or not self._goes_on(held.text, line.text):
            return None
        return _glue(held.text, line.text)

    def _goes_on(self, text: str, piece: str) -> bool:
        if text.endswith("$"):
            return True
        if _COMPLETE.get(self._kind, _NEVER).search(text):
            return False
        return _CONTINUES.get(self._kind, _NEVER).search(piece) is not None


def _completed_head(head: LogLine, piece: str) -> str | None:
    """An unrecognisable head with this piece, if that makes it a message or brings it nearer to one."""
    joined = _glue(head.text, piece)
    for text in (joined, head.text + piece):
        if classify(text, head.source) is not LineKind.OTHER:
            return text
    fits = _CONTINUES[LineKind.OOM_HEADER].search(piece) or _CONTINUES[LineKind.ALLOC_FAILURE].search(piece)
    nearer = fits is not None or _NEARER.search(joined) is not None
    return joined if nearer and _is_head(joined) else None
