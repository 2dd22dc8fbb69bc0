# SPDX-License-Identifier: Apache-2.0
"""What looks like a patch and is none: a diff of two outputs, a fragment, a diffstat by itself. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.mail.diff import HUNK_HEAD, STAT_SUMMARY, FoundPatch, find_diffs
from orchestrator.mail.hunk import shape, squeezed
from orchestrator.mail.message import MailLine, Message
from orchestrator.text.amounts import count_of

_STAT_LINE = re.compile(r"^\s*(\S[^|\n]{0,200}?)\s+\|\s+(?:\d{1,6}\s*[-+]*|Bin\b.*)\s*$")
_CHANGED = re.compile(r"^\s{0,8}[-+](?![-+])(?:\s.*|\w.*)[;{}()=,:*&|>#].*$|^[-+](?:\t+| {4,})\S.*$")
_MOST_SHOWN = 5


class LeftoverKind(StrEnum):
    """What there is instead of a patch."""

    COMPARISON = "a diff of two files"
    FRAGMENT = "a fragment"
    DIFFSTAT = "a diffstat"


@dataclass(frozen=True)
class Leftover:
    """Where it stands, what it is, and what it lacks, in words. `file` is as in `FoundPatch`."""

    line: int
    depth: int
    kind: LeftoverKind
    words: str
    file: str = ""

    @property
    def sentence(self) -> str:
        """All of it."""
        place = f"{self.file}, line {self.line}" if self.file else f"line {self.line}"
        return f"{place}: {self.kind}: {self.words}"


@dataclass(frozen=True)
class _Fragment:
    line: int
    depth: int
    changes: frozenset[str]
    words: str


def find_leftovers(message: Message, patches: Sequence[FoundPatch]) -> list[Leftover]:
    """Of one mail; what one of the `patches` of the whole text shows in full is none."""
    diffs = find_diffs(message)
    found = [*_comparisons(diffs), *_fragments(message, diffs, patches), *_diffstats(message, patches)]
    return sorted(found, key=lambda item: item.line)


def _comparisons(diffs: Sequence[FoundPatch]) -> Iterator[Leftover]:
    for diff in diffs:
        for file in diff.files:
            if file.compared:
                words = f"{file.compared}: what a program printed, say, and no patch"
                yield Leftover(file.line or diff.line, diff.depth, LeftoverKind.COMPARISON, words)


def _fragments(
    message: Message, diffs: Sequence[FoundPatch], patches: Sequence[FoundPatch]
) -> Iterator[Leftover]:
    whole = [_changes([kind + text for kind, text in _all_changes(patch)]) for patch in patches]
    for fragment in _changed_runs(message, diffs):
        if fragment.changes and not any(fragment.changes <= known for known in whole):
            yield Leftover(fragment.line, fragment.depth, LeftoverKind.FRAGMENT, fragment.words)


def _all_changes(patch: FoundPatch) -> Iterator[tuple[str, str]]:
    return (change for file in patch.files for hunk in file.hunks for change in hunk.changes)


def _changes(texts: Sequence[str]) -> frozenset[str]:
    return frozenset(squeezed(text) for text in texts if squeezed(text[1:]))


def _changed_runs(message: Message, diffs: Sequence[FoundPatch]) -> Iterator[_Fragment]:
    """Hunks that no file's name stands above, and changed lines without even a hunk's header."""
    for depth in message.depths:
        lines = [line for line in message.lines if line.depth == depth]
        taken = _taken(lines, [diff for diff in diffs if diff.depth == depth])
        at = 0
        while at < len(lines):
            if at in taken:
                at += 1
                continue
            run = _run(lines, at, taken)
            if run:
                yield _fragment(lines[at], run)
            at += len(run) or 1


def _taken(lines: Sequence[MailLine], diffs: Sequence[FoundPatch]) -> set[int]:
    """The lines that are part of a diff, by their places among those of its depth."""
    places = {line.number: index for index, line in enumerate(lines)}
    taken: set[int] = set()
    for hunk in (hunk for diff in diffs for file in diff.files for hunk in file.hunks):
        shaped = shape(hunk)
        used = shaped.used if shaped is not None else len(hunk.raw)
        begin = places[hunk.line]
        taken |= set(range(begin - 2, begin + used + 1))  # with the names of the file above
    return taken


def _run(lines: Sequence[MailLine], at: int, taken: set[int]) -> list[str]:
    """The lines of a fragment from its first; none where none begins."""
    head = HUNK_HEAD.match(lines[at].text)
    headed = head is not None or lines[at].text.startswith("@@ ")
    if not headed and not _CHANGED.match(lines[at].text):
        return []
    left = max(int(head[2] or 1), int(head[4] or 1)) if head is not None else 0
    run = [lines[at].text]
    for index in range(at + 1, len(lines)):
        text = lines[index].text
        mark = text[:1] or " "
        ends = not (mark in "+-\\" or (headed and mark in " \t")) or not (text.strip() or left > 0)
        if ends or index in taken or STAT_SUMMARY.match(text):
            break
        left -= mark in " \t"  # a changed line counts on one side only: the longer side bounds the rest
        run.append(text)
    return run if headed or _is_code(run) else []


def _is_code(run: Sequence[str]) -> bool:
    """Not the points of a list: one that begins with a dash has words behind it, no end of a statement."""
    ends = sum(text.rstrip().endswith((";", "{", "}", ",", ")", "\\", "*/")) for text in run)
    signs = {text.lstrip()[:1] for text in run}
    return ends * 2 >= len(run) and (signs == {"+", "-"} or any(text[1:2] == "\t" for text in run))


def _fragment(first: MailLine, run: Sequence[str]) -> _Fragment:
    changed = [text.lstrip() for text in run if text.lstrip()[:1] in ("+", "-") and text.lstrip()[1:].strip()]
    counts = f"+{sum(text[0] == '+' for text in changed)} -{sum(text[0] == '-' for text in changed)}"
    if first.text.lstrip().startswith("@@"):
        place = first.text.rsplit("@@", 1)[-1].strip()
        where = f" (in {place[:80]})" if place else ""
        words = f"a hunk{where} without the name of a file above it, {counts}: it can be put on no base"
    else:
        words = f"changed lines without a file and a place, {counts}: they can be put on no base"
    return _Fragment(first.number, first.depth, _changes(changed), words)


def _diffstats(message: Message, patches: Sequence[FoundPatch]) -> Iterator[Leftover]:
    """Those whose files no patch of the text changes."""
    changed = {file.path for patch in patches for file in patch.files}
    for depth in message.depths:
        paths: list[str] = []
        for line in (line for line in message.lines if line.depth == depth):
            summary = STAT_SUMMARY.match(line.text)
            if stat := _STAT_LINE.match(line.text):
                paths.append(stat[1].strip())
            elif summary is not None:
                if not _covered(paths, changed, int(summary[1])):
                    yield _diffstat(line, paths, summary)
                paths = []
            elif line.text.strip():
                paths = []


def _covered(paths: Sequence[str], changed: set[str], files: int) -> bool:
    """Whether patches that are here change these files; git shortens a path from its left."""
    ends = [path.rpartition("...")[2].lstrip("/") for path in paths]
    if not ends:
        return len(changed) >= files
    return any(path.endswith(end) for end in ends for path in changed)


def _diffstat(line: MailLine, paths: Sequence[str], summary: re.Match[str]) -> Leftover:
    files, plus, minus = (int(number or 0) for number in summary.groups())
    more = f" and {len(paths) - _MOST_SHOWN} more" if len(paths) > _MOST_SHOWN else ""
    named = f" ({', '.join(paths[:_MOST_SHOWN])}{more})" if paths else ""
    words = f"{count_of('file', files)}{named}, +{plus} -{minus}, without the diff that it counts"
    return Leftover(line.number, line.depth, LeftoverKind.DIFFSTAT, words)
