# SPDX-License-Identifier: Apache-2.0
"""What a patch out of a mail is to one base: something that applies, is in already, or neither."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from orchestrator.mail.diff import FileDiff, FoundPatch
from orchestrator.patch_review.edits import Direction, Edit, applied, edit_file, is_copy, is_rename
from orchestrator.patch_review.source_file import SourceFile
from orchestrator.patch_review.tree_files import ChangedFiles, Files, of_that_name
from orchestrator.patch_review.unified import unified


class Kind(StrEnum):
    """The verdicts."""

    APPLIES = "applies"
    ADAPTED = "applies, adapted"
    PARTLY = "partly in this base, the rest applies"
    ALREADY = "already in this base"
    INCOMPLETE = "incomplete"
    LACKS = "touches files that the base lacks"
    OUTSIDE = "touches files outside what is built"
    ELSEWHERE = "touches nothing of what is built"
    REFUSED = "does not apply"


GOOD = (Kind.APPLIES, Kind.ADAPTED, Kind.PARTLY)
"""There is a patch to be applied."""


@dataclass(frozen=True)
class Applicability:
    """The verdict, what was adapted or stands against it, and the patch restored for this base.

    For `ALREADY` the text is the reverse, which makes the base to compare with; for `PARTLY` it is the rest.
    `rebuilt` names lines of the files after the patch (path, number from 1) whose white space is not the
    author's. `result`: the base's files after the text.
    """

    kind: Kind
    remarks: tuple[str, ...] = ()
    text: str = ""
    rebuilt: frozenset[tuple[str, int]] = frozenset()
    result: Files = field(default_factory=dict)


def check(patch: FoundPatch, base: Files, scope: str) -> Applicability:
    """The verdict on a patch for one base, whose files below `scope` ("": all of them) are given. Pure."""
    if patch.missing:
        return Applicability(
            Kind.INCOMPLETE, (*patch.missing, "not built: half a patch can be a worse kernel")
        )
    outside = [file.path for file in patch.files if not is_inside(file, scope)]
    if outside:
        elsewhere = all(not is_inside(file, scope) and is_inside(file, "") for file in patch.files)
        kind = Kind.ELSEWHERE if elsewhere else Kind.OUTSIDE
        return Applicability(kind, (f"outside {scope}: {', '.join(dict.fromkeys(outside))[:500]}",))
    binary = [file.path for file in patch.files if "inary" in file.odd]
    if binary:
        return Applicability(Kind.REFUSED, (f"binary, no change of text: {', '.join(binary)[:500]}",))
    return _judged(patch, base)


def _judged(patch: FoundPatch, base: Files) -> Applicability:
    modes = tuple(f"{file.path}: its mode stays as it is" for file in patch.files if " mode " in file.odd)
    if not any(file.hunks or is_rename(file) for file in patch.files):
        return Applicability(Kind.REFUSED, (*modes, "nothing else is changed: there is nothing to build"))
    forward, backward, rest = (
        [edit_file(file, base, direction) for file in patch.files] for direction in Direction
    )
    if not _problems(forward):
        return _with(_made(forward, patch, base, Direction.FORWARD), modes)
    if not _problems(backward) and any(
        edit.placed or is_rename(file) or file.new_path is None
        for edit, file in zip(backward, patch.files, strict=True)
    ):
        return _with(_made(backward, patch, base, Direction.BACKWARD), modes)
    if not _problems(rest) and any(edit.present for edit in rest):
        partly = _made(rest, patch, base, Direction.REST)
        if partly.text:
            return _with(partly, modes)
    lacking = [edit.file.path for edit in forward if edit.lacks]
    if lacking:
        return Applicability(Kind.LACKS, tuple(_lacking_words(path, base) for path in dict.fromkeys(lacking)))
    behind = [f"in reverse: {problem}" for problem in _problems(backward)]
    return Applicability(Kind.REFUSED, (*_problems(forward), *behind))


def _problems(edits: Sequence[Edit]) -> list[str]:
    return [problem for edit in edits for problem in edit.problems]


def _lacking_words(path: str, base: Files) -> str:
    others = of_that_name(base, path)[:_MOST_NAMED]
    return f"{path} (files of that name: {', '.join(others)})" if others else path


_MOST_NAMED = 3


def _with(verdict: Applicability, remarks: tuple[str, ...]) -> Applicability:
    """The same, and what was left out of it."""
    if not remarks:
        return verdict
    kind = Kind.ADAPTED if verdict.kind is Kind.APPLIES else verdict.kind
    return replace(verdict, kind=kind, remarks=(*remarks, *verdict.remarks))


def is_inside(file: FileDiff, scope: str) -> bool:
    """Whether a file is below `scope`; below "" is every path that does not leave the source."""
    paths = [path for path in (file.old_path, file.new_path) if path is not None]
    start = f"{scope}/" if scope else ""
    return bool(paths) and all(
        path.startswith(start)
        and not path.startswith("/")
        and ".." not in path.split("/")
        and path.isprintable()
        for path in paths
    )


def _made(edits: Sequence[Edit], patch: FoundPatch, base: Files, direction: Direction) -> Applicability:
    changed: dict[str, SourceFile | None] = {}
    rebuilt: set[tuple[str, int]] = set()
    texts: list[str] = []
    for diff, edit in zip(patch.files, edits, strict=True):
        if edit.done:
            continue
        text, lines = applied(edit)
        target = diff.old_path if direction is Direction.BACKWARD else diff.new_path
        rebuilt |= {(target or edit.file.path, number) for number in lines}
        for before, after in _changes(diff, edit, base, target, text):
            path = (after or before or edit.file).path
            changed[path] = after
            texts.append(unified(before, after))
    remarks = tuple(remark for edit in edits for remark in edit.remarks)
    kind = {Direction.BACKWARD: Kind.ALREADY, Direction.REST: Kind.PARTLY}.get(direction, Kind.APPLIES)
    if kind is Kind.APPLIES and remarks:
        kind = Kind.ADAPTED
    result = ChangedFiles(base, changed)
    return Applicability(kind, remarks, "".join(texts), frozenset(rebuilt), result)


def _changes(
    diff: FileDiff, edit: Edit, base: Files, target: str | None, text: str
) -> Iterator[tuple[SourceFile | None, SourceFile | None]]:
    """Before and after, for each path that changes: a renamed file goes, and comes under its new name."""
    old = edit.file if edit.file.path in base else None
    if old is not None and (target is None or (target != old.path and not is_copy(diff))):
        yield old, None
    if target is not None:
        yield (old if old is not None and target == old.path else None), SourceFile(target, text)
