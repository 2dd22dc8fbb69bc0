# SPDX-License-Identifier: Apache-2.0
"""A patch for files that the base has under another name, or for code that it has in another file. Pure.

Only where one place fits, and no other does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from orchestrator.mail.diff import FileDiff, FoundPatch
from orchestrator.mail.hunk import Hunk, shape
from orchestrator.patch_review.applicability import GOOD, Applicability, Kind, check
from orchestrator.patch_review.edits import Direction, edit_file, is_rename
from orchestrator.patch_review.hunk_position import HunkPosition, find_place
from orchestrator.patch_review.source_file import SourceFile
from orchestrator.patch_review.tree_files import Files, beside, of_that_name

_MOST_CANDIDATES = 8
_TELLING_CHARS = 8


@dataclass(frozen=True)
class _Relocated:
    """Diffs in the place of one, and what to say of that."""

    diffs: tuple[FileDiff, ...]
    remarks: tuple[str, ...] = ()


def check_anywhere(patch: FoundPatch, base: Files, scope: str) -> Applicability:
    """`check`, and where that finds no place: the same for where the base has the code instead."""
    verdict = check(patch, base, scope)
    if verdict.kind not in (Kind.REFUSED, Kind.LACKS):
        return verdict
    moved = [_relocated(diff, base) for diff in patch.files]
    remarks = [remark for each in moved for remark in each.remarks]
    if not remarks:
        return verdict
    files = _joined([diff for each in moved for diff in each.diffs])
    found = check(replace(patch, files=files), base, scope)
    if found.kind not in (*GOOD, Kind.ALREADY):
        return verdict
    kind = Kind.ADAPTED if found.kind is Kind.APPLIES else found.kind
    return replace(found, kind=kind, remarks=(*remarks, *found.remarks))


def _relocated(diff: FileDiff, base: Files) -> _Relocated:
    if diff.old_path is None or is_rename(diff):
        return _Relocated((diff,))
    edit = edit_file(diff, base, Direction.REST)
    if edit.lacks:
        return _renamed(diff, diff.old_path, base)
    if not edit.failed:
        return _Relocated((diff,))
    return _split(diff, edit.failed, base)


def _renamed(diff: FileDiff, path: str, base: Files) -> _Relocated:
    """The same change to the one file of that name in which every hunk has a place."""
    fits = []
    for other in of_that_name(base, path)[:_MOST_CANDIDATES]:
        renamed = _at(diff, other)
        if not edit_file(renamed, base, Direction.REST).problems:
            fits.append(renamed)
    if len(fits) != 1:
        return _Relocated((diff,))
    return _Relocated((fits[0],), (f"{path} is {fits[0].path} in the base",))


def _split(diff: FileDiff, failed: Sequence[int], base: Files) -> _Relocated:
    """Hunks that have no place in their file each as a change to the one beside it that has their lines."""
    kept = tuple(hunk for number, hunk in enumerate(diff.hunks) if number not in failed)
    diffs, remarks = [replace(diff, hunks=kept)] if kept else [], []
    for number in failed:
        hunk = diff.hunks[number]
        places = list(_places(hunk, diff.path, base))
        if len(places) != 1:
            return _Relocated((diff,))
        file, index = places[0]
        diffs.append(replace(_at(diff, file.path), hunks=(hunk,)))
        what = f"{name}()" if (name := file.function_at(index)) else "its code"
        remarks.append(f"{diff.path}: hunk {number + 1}: {what} is in {file.path} in the base")
    return _Relocated(tuple(diffs), tuple(remarks))


def _places(hunk: Hunk, path: str, base: Files) -> Iterator[tuple[SourceFile, int]]:
    shaped = shape(hunk)
    if shaped is None:
        return
    lines = [line.text.strip() for line in shaped.lines if line.kind == "-"]
    lines = lines or [line.text.strip() for line in shaped.lines if line.kind == " "]
    telling = max(lines, key=len, default="")
    if len(telling) < _TELLING_CHARS:
        return
    for other in beside(base, path):
        file = base[other]
        if telling in file.text:
            own = shape(hunk, file.known) or shaped
            place = find_place(hunk, own, file, start=hunk.old_start)
            if isinstance(place, HunkPosition):
                yield file, place.index + len(own.old) // 2


def _at(diff: FileDiff, path: str) -> FileDiff:
    return replace(diff, old_path=path, new_path=path if diff.new_path is not None else None)


def _joined(diffs: Sequence[FileDiff]) -> tuple[FileDiff, ...]:
    """One diff for each file."""
    joined: dict[tuple[str | None, str | None], FileDiff] = {}
    for diff in diffs:
        key = (diff.old_path, diff.new_path)
        held = joined.get(key)
        joined[key] = diff if held is None else replace(held, hunks=(*held.hunks, *diff.hunks))
    return tuple(joined.values())
