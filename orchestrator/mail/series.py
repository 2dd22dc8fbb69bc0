# SPDX-License-Identifier: Apache-2.0
"""Which patches belong together, and in which order: by `[PATCH v2 3/7]`, not by their place in a file. Pure.

The marks are those of git-format-patch(1). A reply keeps the mark of what it answers: a quoted patch
stands for the original where that is missing, one of the reply's own does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from orchestrator.errors import InputError
from orchestrator.mail.diff import FoundPatch
from orchestrator.text.amounts import noun_for

MOST_PARTS = 999

_MARK = re.compile(r"\[([^\[\]]{0,60}PATCH[^\[\]]{0,60})\]", re.IGNORECASE)
_PART = re.compile(r"(?<![\w.])(\d{1,4})/(\d{1,4})(?![\w.])")
_VERSION = re.compile(r"(?:\b|(?<=PATCH))v(\d{1,3})\b", re.IGNORECASE)
_REPLY = re.compile(r"^\s*(?:re|aw|sv)\s*:", re.IGNORECASE)
_RANGE = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")


@dataclass(frozen=True)
class SeriesMark:
    """What a subject says of its patch. `part` and `total` are 0 where it has no number."""

    version: int
    part: int
    total: int
    reply: bool
    title: str


def mark_of(subject: str) -> SeriesMark:
    """`Re: [PATCH v2 3/7] binder: x` is part 3 of 7, version 2, of a reply."""
    found = _MARK.search(subject)
    inside = found[1] if found else ""
    numbers, version = _PART.search(inside), _VERSION.search(inside)
    part, total = (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)
    if not 1 <= total <= MOST_PARTS or part > total:
        part = total = 0
    title = re.sub(r"[^a-z0-9]+", " ", subject[found.end() if found else 0 :].lower()).strip()
    return SeriesMark(int(version[1]) if version else 1, part, total, bool(_REPLY.match(subject)), title)


@dataclass(frozen=True)
class PatchGroup:
    """Patches that are one change, in the order in which they are applied.

    `numbers` are what people call them by; `missing` parts of the series are in no text. `before` are
    patches, with their numbers, that are no part of this change but may be needed first.
    """

    numbers: tuple[int, ...]
    patches: tuple[FoundPatch, ...]
    version: int = 1
    total: int = 0
    missing: tuple[int, ...] = ()
    before: tuple[tuple[int, FoundPatch], ...] = ()

    @property
    def name(self) -> str:
        """As a subject would have it: `[PATCH v2 n/3]`."""
        version = f" v{self.version}" if self.version > 1 else ""
        return f"[PATCH{version} n/{self.total}]" if self.total else f"[PATCH{version}]"


@dataclass(frozen=True)
class Arranged:
    """All patches of a text: groups, the one to be tried first before the others; what was left for newer."""

    groups: tuple[PatchGroup, ...] = ()
    older: tuple[PatchGroup, ...] = ()

    @property
    def patches(self) -> Mapping[int, FoundPatch]:
        """Every patch by its number, those of older versions and those that may be needed first too."""
        found: dict[int, FoundPatch] = {}
        for group in (*self.groups, *self.older):
            found |= dict(zip(group.numbers, group.patches, strict=True))
            found |= dict(group.before)
        return dict(sorted(found.items()))


def arrange(patches: Sequence[FoundPatch], *, together: bool = False) -> Arranged:
    """Groups of patches: the newest version first, and of one age in the order of the text.

    `together`: patches without a number are one series, in their order (files that were given as one).
    """
    marks = [(mark_of(patch.subject), patch) for patch in patches]
    series: dict[tuple[int, int], list[tuple[SeriesMark, FoundPatch]]] = {}
    alone: list[PatchGroup] = []
    loose = [patch for mark, patch in marks if not mark.part and not _is_suggestion(mark, patch)]
    for mark, patch in marks:
        if mark.part and not _is_suggestion(mark, patch):
            series.setdefault((mark.version, mark.total), []).append((mark, patch))
        elif not (together and patch in loose):
            alone.append(PatchGroup((), (patch,), mark.version))
    groups = [_series(version, total, found) for (version, total), found in series.items()]
    if together and loose:
        groups.append(PatchGroup((), tuple(loose)))
    groups += alone
    newest, older = _by_age(groups)
    return _numbered(newest, older)


def _is_suggestion(mark: SeriesMark, patch: FoundPatch) -> bool:
    """A reply's own patch: not the one that it answers."""
    return mark.reply and patch.depth == 0


def _series(version: int, total: int, found: Iterable[tuple[SeriesMark, FoundPatch]]) -> PatchGroup:
    """Of several mails that claim to be one part the last counts (it was sent again), quotations least."""
    parts: dict[int, tuple[SeriesMark, FoundPatch]] = {}
    for mark, patch in found:
        held = parts.get(mark.part)
        if held is None or (len(patch.missing), mark.reply) <= (len(held[1].missing), held[0].reply):
            parts[mark.part] = (mark, patch)
    numbers = sorted(parts)
    missing = tuple(n for n in range(1, total + 1) if n not in parts)
    return PatchGroup(tuple(numbers), tuple(parts[n][1] for n in numbers), version, total, missing)


def _by_age(groups: Sequence[PatchGroup]) -> tuple[list[PatchGroup], list[PatchGroup]]:
    """The newest version of every work, newest first, and what they replace.

    Two groups are versions of one work if they share a title, or if both are series: people rename parts.
    """
    works: list[list[PatchGroup]] = []
    for group in groups:
        same = next((work for work in works if any(_is_one_work(group, other) for other in work)), None)
        if same is None:
            works.append([group])
        else:
            same.append(group)
    newest: list[PatchGroup] = []
    older: list[PatchGroup] = []
    for work in works:
        best = max(group.version for group in work)
        newest += [group for group in work if group.version == best]
        older += [group for group in work if group.version < best]
    replies = [all(mark_of(patch.subject).reply for patch in group.patches) for group in newest]
    order = sorted(range(len(newest)), key=lambda at: (replies[at], -newest[at].version, at))
    return [newest[at] for at in order], older


def _is_one_work(one: PatchGroup, other: PatchGroup) -> bool:
    if one.total and other.total:
        return one.version != other.version
    titles = [{mark_of(patch.subject).title for patch in group.patches} - {""} for group in (one, other)]
    return one.version != other.version and bool(titles[0] & titles[1])


def _numbered(newest: Sequence[PatchGroup], older: Sequence[PatchGroup]) -> Arranged:
    """The first series keeps its own numbers; all others are counted on from there."""
    after = 0
    made: list[PatchGroup] = []
    for at, group in enumerate((*newest, *older)):
        if at == 0 and group.total:
            made.append(group)
            after = group.total
            continue
        count = len(group.patches)
        numbers = tuple(range(after + 1, after + count + 1))
        before = [pair for other in made for pair in zip(other.numbers, other.patches, strict=True)]
        # Of patches without a number nobody says whether one needs the other.
        made.append(replace(group, numbers=numbers, before=() if group.total else tuple(before)))
        after += count
    return Arranged(tuple(made[: len(newest)]), tuple(made[len(newest) :]))


def numbers_of(words: Sequence[str]) -> tuple[int, ...]:
    """`1-2` and `4` are 1, 2 and 4; InputError for anything else."""
    numbers: list[int] = []
    for word in (part.strip() for each in words for part in each.split(",")):
        found = _RANGE.fullmatch(word)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
        if not 1 <= first <= last <= first + MOST_PARTS:
            raise InputError(f"--patch {word!r} is no number of a patch", hint="such as 2, 1-2 or 1,3")
        numbers += range(first, last + 1)
    return tuple(dict.fromkeys(numbers))


def narrowed(arranged: Arranged, wanted: Sequence[int]) -> Arranged:
    """Only the patches `wanted`, in the order of their series; InputError for a number that none has."""
    patches = arranged.patches
    for number in wanted:
        if number not in patches:
            there = f"there are {listed(patches)}" if patches else "there is none"
            raise InputError(
                f"--patch {number}: no such patch; {there}", hint="`oomlab mail FILE` shows them by number"
            )
    chosen = set(wanted)
    groups = [group for group in (*arranged.groups, *arranged.older) if chosen & set(group.numbers)]
    pairs = [
        (n, patch)
        for group in groups
        for n, patch in zip(group.numbers, group.patches, strict=True)
        if n in chosen
    ]
    first, at = groups[0], groups[0].numbers.index(pairs[0][0])
    before = (*first.before, *zip(first.numbers[:at], first.patches[:at], strict=True))
    numbers, chosen_patches = zip(*pairs, strict=True)
    return Arranged((PatchGroup(numbers, chosen_patches, first.version, first.total, (), before),))


def listed(numbers: Iterable[int]) -> str:
    """Numbers as --patch takes them: 1, 2, 3 and 5 are `1-3,5`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def missing_words(group: PatchGroup) -> str:
    """Which parts of a series are in no text; empty where it is whole."""
    if not group.missing:
        return ""
    parts = noun_for("part", len(group.missing))
    return f"{parts} {listed(group.missing)} of {group.name} missing"
