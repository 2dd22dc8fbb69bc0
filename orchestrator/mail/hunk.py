# SPDX-License-Identifier: Apache-2.0
"""One hunk: which of the mail's lines are its lines, and which are the broken-off ends of others.

The counts in the header decide. Where they leave a choice, the lines of the base do.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

_MAX_JOINS = 40


@dataclass(frozen=True)
class HunkLine:
    """A line of a hunk: kind is " ", "-" or "+". `whole` is False when its end was broken off in the mail."""

    kind: str
    text: str
    whole: bool = True


@dataclass(frozen=True)
class Shaped:
    """A hunk's lines, and how many of the mail's lines they took."""

    lines: tuple[HunkLine, ...]
    used: int
    joined: int

    @property
    def old(self) -> list[HunkLine]:
        """What the base should have."""
        return [line for line in self.lines if line.kind != "+"]

    def reversed(self) -> Shaped:
        """The hunk that undoes this one."""
        swap = {"+": "-", "-": "+", " ": " "}
        turned = [HunkLine(swap[line.kind], line.text, line.whole) for line in self.lines]
        return Shaped(tuple(_removed_first(turned)), self.used, self.joined)


@dataclass(frozen=True)
class Hunk:
    """A hunk's header, and the mail's lines up to whatever ends it. Starts and counts are in lines."""

    line: int
    old_start: int
    old_count: int
    new_start: int
    new_count: int
    section: str
    raw: tuple[str, ...]

    @cached_property
    def changes(self) -> tuple[tuple[str, str], ...]:
        """Its added and removed lines, as far as they are there."""
        shaped = shape(self)
        lines: Sequence[HunkLine] = shaped.lines if shaped else [_line(text) for text in self.raw]
        return tuple((line.kind, line.text) for line in lines if line.kind in "+-")

    @property
    def function(self) -> str:
        """The name in the header behind the second @@, if it is a function's."""
        names: list[str] = re.findall(r"([A-Za-z_]\w*)\s*\(", self.section[:300])
        return names[0] if names else ""


def squeezed(text: str) -> str:
    """A line without any white space: what survives of it in every mail."""
    return "".join(text.split())


def shape(hunk: Hunk, known: frozenset[str] = frozenset()) -> Shaped | None:
    """The hunk's lines; None when there are too few. `known`: squeezed lines of the base."""
    lost = not any(text.startswith((" ", "\t")) for text in hunk.raw)
    best: tuple[tuple[int, int], Shaped] | None = None
    for joins in range(_MAX_JOINS):
        shaped = _with_joins(hunk, joins, lost, known)
        if shaped is None:
            continue
        left = sum(text[:1] in "+- " and bool(text.strip()) for text in hunk.raw[shaped.used :])
        unknown = sum(bool(known) and squeezed(line.text) not in known for line in shaped.old)
        if best is None or (left, unknown) < best[0]:
            best = (left, unknown), shaped
        if left == 0 and unknown == 0 and (joins == 0 or known):
            break
        if joins == 0 and left == 0 and not known:
            break
    return best[1] if best else None


def _with_joins(hunk: Hunk, joins: int, lost: bool, known: frozenset[str]) -> Shaped | None:
    """The shape in which exactly `joins` lines are ends of the lines before them."""
    raw = hunk.raw
    used = _needed(hunk, raw, joins)
    if used is None:
        return None
    candidates = [index for index in range(used) if _may_continue(raw[index])]
    if len(candidates) < joins:
        return None
    chosen = set(_best_joins(hunk, candidates, lost, known)[:joins])
    lines: list[HunkLine] = []
    for index in range(used):
        if index in chosen:
            last = lines.pop() if lines else None
            if last is not None:
                lines.append(HunkLine(last.kind, f"{last.text.rstrip()} {raw[index].strip()}", whole=False))
        elif not raw[index].startswith("\\"):
            lines.append(_line(raw[index]))
    old = sum(line.kind != "+" for line in lines)
    new = sum(line.kind != "-" for line in lines)
    return Shaped(tuple(lines), used, joins) if (old, new) == (hunk.old_count, hunk.new_count) else None


def _needed(hunk: Hunk, raw: Sequence[str], joins: int) -> int | None:
    """How many lines it takes to reach the header's counts when so many are joined."""
    old = new = 0
    for index, text in enumerate(raw):
        if (old - joins, new - joins) == (hunk.old_count, hunk.new_count) and not text.startswith("\\"):
            return index
        kind = _line(text).kind
        old += kind in " -" and not text.startswith("\\")
        new += kind in " +" and not text.startswith("\\")
    return len(raw) if (old - joins, new - joins) == (hunk.old_count, hunk.new_count) else None


def _may_continue(text: str) -> bool:
    return bool(text.strip()) and not text.startswith(("+", "-", "\\"))


def _best_joins(hunk: Hunk, candidates: list[int], lost: bool, known: frozenset[str]) -> list[int]:
    """The candidates, the likeliest ends of broken lines first. The first may be the end of the header."""
    raw = hunk.raw

    def rank(index: int) -> tuple[int, int, int, int]:
        before = _line(raw[index - 1]).text if index else hunk.section
        joined = squeezed(before + raw[index])
        fits = joined in known
        stands_alone = squeezed(raw[index]) in known
        marked = not lost and raw[index].startswith((" ", "\t"))
        return (-fits, stands_alone, marked, -len(before))

    return sorted(candidates, key=rank)


def _line(text: str) -> HunkLine:
    if text[:1] in ("+", "-"):
        return HunkLine(text[0], text[1:])
    return HunkLine(" ", text.removeprefix(" "))


def _removed_first(lines: Sequence[HunkLine]) -> list[HunkLine]:
    """Within a run of changes, removed lines stand before added ones."""
    out: list[HunkLine] = []
    run: list[HunkLine] = []
    for line in [*lines, HunkLine(" ", "")]:
        if line.kind == " ":
            out += sorted(run, key=lambda item: item.kind != "-")
            run = []
            out.append(line)
        else:
            run.append(line)
    return out[:-1]
