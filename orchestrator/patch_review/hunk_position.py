# SPDX-License-Identifier: Apache-2.0
"""Where in a base's file a hunk belongs, by its lines without white space.

Removed lines must all be there. Lines of context may differ, since mail and base come from different
versions; but at least half of them must agree, and no other place may fit as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.mail.hunk import Hunk, Shaped, squeezed
from orchestrator.patch_review.source_file import SourceFile

_MAX_CANDIDATES = 500


@dataclass(frozen=True)
class HunkPosition:
    """The index of the first line of the hunk's old side in the file."""

    index: int
    moved_lines: int


@dataclass(frozen=True)
class NoPosition:
    """Why a hunk has no place."""

    reason: str


@dataclass(frozen=True)
class _Score:
    agreeing: int
    in_function: bool
    distance: int
    index: int

    @property
    def merit(self) -> tuple[int, bool]:
        """What makes one place better than another, but for the distance."""
        return (self.agreeing, self.in_function)


def find_place(hunk: Hunk, shaped: Shaped, file: SourceFile, *, start: int) -> HunkPosition | NoPosition:
    """The one place that fits; `start` is the line (from 1) that the hunk's header names for this side."""
    old = [squeezed(line.text) for line in shaped.old]
    if not old:
        return (
            HunkPosition(0, 0)
            if not file.lines
            else NoPosition("it shows no line of the base to find its place by")
        )
    context = sum(1 for line in shaped.lines if line.kind == " " and line.text.strip())
    scores = [
        score
        for index in _candidates(shaped, old, file)
        if (score := _score(hunk, shaped, old, file, index, start)) and score.agreeing * 2 >= context
    ]
    if not scores:
        return NoPosition(_why(hunk, shaped, file))
    scores.sort(key=lambda score: (-score.agreeing, not score.in_function, score.distance))
    best = scores[0]
    if len(scores) > 1 and scores[1].merit == best.merit and best.agreeing < context:
        return NoPosition(f"lines {best.index + 1} and {scores[1].index + 1} fit equally well")
    if len(scores) > 1 and scores[1].merit == best.merit and scores[1].distance == best.distance:
        return NoPosition(f"lines {best.index + 1} and {scores[1].index + 1} fit equally well")
    return HunkPosition(best.index, best.index + 1 - start)


def _candidates(shaped: Shaped, old: Sequence[str], file: SourceFile) -> list[int]:
    """Indexes where the rarest removed line, or any line of context, would stand right."""
    kinds = [line.kind for line in shaped.old]
    removed = [at for at, kind in enumerate(kinds) if kind == "-" and old[at]]
    if removed:
        rarest = min(removed, key=lambda at: len(file.places.get(old[at], ())))
        offsets = [rarest]
    else:
        offsets = [at for at in range(len(old)) if len(old[at]) > 1] or list(range(len(old)))
    found = dict.fromkeys(
        place - at for at in offsets for place in file.places.get(old[at], ())[:_MAX_CANDIDATES]
    )
    return [index for index in found if 0 <= index <= len(file.lines) - len(old)][:_MAX_CANDIDATES]


def _score(
    hunk: Hunk, shaped: Shaped, old: Sequence[str], file: SourceFile, index: int, start: int
) -> _Score | None:
    agreeing = 0
    for at, line in enumerate(shaped.old):
        same = file.squeezed[index + at] == old[at]
        if line.kind == "-" and not same:
            return None
        agreeing += same and line.kind == " " and bool(old[at])
    if not any(line.kind == "-" for line in shaped.lines) and not _neighbours_agree(shaped, old, file, index):
        return None
    around = {file.function_at(index), file.function_at(index + len(old) - 1)}
    return _Score(agreeing, bool(hunk.function) and hunk.function in around, abs(index + 1 - start), index)


def _neighbours_agree(shaped: Shaped, old: Sequence[str], file: SourceFile, index: int) -> bool:
    """Pure insertions: the lines right before and behind them are the base's."""
    at = 0
    for number, line in enumerate(shaped.lines):
        if line.kind == "+":
            around = [at - 1] if number and shaped.lines[number - 1].kind == " " else []
            if number + 1 < len(shaped.lines) and shaped.lines[number + 1].kind == " ":
                around.append(at)
            if any(file.squeezed[index + near] != old[near] for near in around):
                return False
        else:
            at += 1
    return True


def _why(hunk: Hunk, shaped: Shaped, file: SourceFile) -> str:
    for line in shaped.lines:
        if line.kind == "-" and squeezed(line.text) not in file.known:
            return f"the base has no line '{line.text.strip()[:100]}'"
    where = f" in {hunk.function}()" if hunk.function else ""
    return f"the lines around the change{where} are others in the base"
