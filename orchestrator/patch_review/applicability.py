# SPDX-License-Identifier: Apache-2.0
"""What a patch out of a mail is to one base: something that applies, is in already, or neither."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from orchestrator.mail.diff import FileDiff, FoundPatch
from orchestrator.mail.hunk import Hunk, Shaped, shape, squeezed
from orchestrator.patch_review.hunk_position import NoPosition, find_place
from orchestrator.patch_review.restore import Piece, respace, restore
from orchestrator.patch_review.source_file import SourceFile
from orchestrator.text.amounts import count_of

Files = Mapping[str, SourceFile]


class Kind(StrEnum):
    """The verdicts."""

    APPLIES = "applies"
    ADAPTED = "applies, adapted"
    ALREADY = "already in this base"
    INCOMPLETE = "incomplete"
    LACKS = "touches files that the base lacks"
    OUTSIDE = "touches files outside what is built"
    ELSEWHERE = "touches nothing of what is built"
    REFUSED = "does not apply"


@dataclass(frozen=True)
class Applicability:
    """The verdict, what was adapted or stands against it, and the patch restored for this base.

    For `ALREADY` the text is the reverse, which makes the base to compare with. `rebuilt` names lines of
    the files after the patch (path, number from 1) whose white space is not the author's.
    """

    kind: Kind
    remarks: tuple[str, ...] = ()
    text: str = ""
    rebuilt: frozenset[tuple[str, int]] = frozenset()
    result: Files = field(default_factory=dict)


@dataclass
class _Edit:
    """One file under way."""

    file: SourceFile
    pieces: list[Piece]
    remarks: list[str]
    problems: list[str]
    placed: bool = False


def check(patch: FoundPatch, base: Files, scope: str) -> Applicability:
    """The verdict on a patch for one base, whose files below `scope` are given. Pure."""
    if patch.missing:
        return Applicability(
            Kind.INCOMPLETE, (*patch.missing, "not built: half a patch can be a worse kernel")
        )
    outside = [file.path for file in patch.files if not _is_inside(file, scope)]
    if outside:
        elsewhere = all(not _is_inside(file, scope) and _is_inside(file, "") for file in patch.files)
        kind = Kind.ELSEWHERE if elsewhere else Kind.OUTSIDE
        return Applicability(kind, (f"outside {scope}: {', '.join(dict.fromkeys(outside))[:500]}",))
    odd = [f"{file.path}: {file.odd}" for file in patch.files if file.odd]
    if odd:
        return Applicability(Kind.REFUSED, (f"more than a change of text: {', '.join(odd)[:500]}",))
    lacking = [file.path for file in patch.files if file.old_path and file.old_path not in base]
    if lacking:
        return Applicability(Kind.LACKS, tuple(dict.fromkeys(lacking)))
    forward = [_edit(file, base, backwards=False) for file in patch.files]
    problems = [problem for edit in forward for problem in edit.problems]
    if not problems:
        return _made(forward, patch, base, backwards=False)
    backward = [_edit(file, base, backwards=True) for file in patch.files]
    if not any(edit.problems for edit in backward) and any(edit.placed for edit in backward):
        return _made(backward, patch, base, backwards=True)
    behind = [problem for edit in backward for problem in edit.problems]
    return Applicability(Kind.REFUSED, (*problems, *(f"in reverse: {problem}" for problem in behind)))


def _is_inside(file: FileDiff, scope: str) -> bool:
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


def _edit(diff: FileDiff, base: Files, *, backwards: bool) -> _Edit:
    """Every hunk of a file put in its place, forward or in reverse."""
    path = diff.path
    file = base.get(path, SourceFile(path, ""))
    edit = _Edit(file, [], [], [])
    if diff.old_path is None and path in base and not backwards:
        edit.problems.append(f"{path}: the base has this file already")
        return edit
    for number, hunk in enumerate(diff.hunks, 1):
        name = f"{path}: hunk {number}"
        shaped = shape(hunk, file.known)
        if shaped is None:
            edit.problems.append(f"{name} is not whole")
            continue
        _put(edit, hunk, shaped.reversed() if backwards else shaped, name, backwards)
    edit.pieces.sort(key=lambda piece: piece.start)
    if any(
        two.start < one.start + one.old_count for one, two in zip(edit.pieces, edit.pieces[1:], strict=False)
    ):
        edit.problems.append(f"{path}: hunks fall on the same lines")
    return edit


def _put(edit: _Edit, hunk: Hunk, shaped: Shaped, name: str, backwards: bool) -> None:
    start = hunk.new_start if backwards else hunk.old_start
    place = find_place(hunk, shaped, edit.file, start=start)
    if isinstance(place, NoPosition):
        moved = _moved(hunk, shaped, edit.file) if backwards else None
        if moved is None:
            edit.problems.append(f"{name}: {place.reason}")
            return
        edit.pieces += moved
        lines = ", ".join(str(piece.start + 1) for piece in moved)
        edit.remarks.append(f"{name}: its result stands elsewhere in {hunk.function}() (line {lines})")
        return
    edit.placed = True
    piece = restore(shaped, edit.file, place.index)
    edit.pieces.append(piece)
    edit.remarks += _remarks(piece, shaped, name, place.moved_lines)
    here = edit.file.function_at(place.index + piece.old_count // 2)
    if hunk.function and here and hunk.function != here and not edit.file.function_lines(hunk.function):
        edit.remarks.append(f"{name}: lands in {here}(), the base has no {hunk.function}()")


def _remarks(piece: Piece, shaped: Shaped, name: str, moved_lines: int) -> list[str]:
    remarks = [f"{name}: context '{mail[:90]}' is '{own[:90]}' in the base" for mail, own in piece.context]
    if shaped.joined:
        remarks.append(f"{name}: {count_of('broken line', shaped.joined)} joined")
    if piece.white_space:
        remarks.append(f"{name}: white space rebuilt from the base's lines")
    if piece.guessed:
        remarks.append(
            f"{name}: indentation of {count_of('new line', piece.guessed)} guessed from the lines above"
        )
    if moved_lines and not piece.white_space and not piece.context:
        remarks.append(f"{name}: {moved_lines:+d} lines away")
    return remarks


def _moved(hunk: Hunk, shaped: Shaped, file: SourceFile) -> list[Piece] | None:
    """The reverse of a hunk whose result stands in the same function, among other lines.

    Only line for line: its lines must stand in that function once, and what they replaced must be gone.
    """
    inside = file.function_lines(hunk.function)
    present = [line.text for line in shaped.lines if line.kind == "-" and line.text.strip()]
    gone = [line.text for line in shaped.lines if line.kind == "+" and line.text.strip()]
    if not inside or not present or len(present) != len(gone):
        return None
    pieces = []
    for new, old in zip(present, gone, strict=True):
        places = [index for index in file.places.get(squeezed(new), ()) if index in inside]
        if len(places) != 1 or any(index in inside for index in file.places.get(squeezed(old), ())):
            return None
        text = respace(old, file.lines[places[0]])
        pieces.append(Piece(places[0], 1, [text], {0}, white_space=True))
    return pieces


def _made(edits: Sequence[_Edit], patch: FoundPatch, base: Files, *, backwards: bool) -> Applicability:
    result: dict[str, SourceFile] = dict(base)
    rebuilt: set[tuple[str, int]] = set()
    texts: list[str] = []
    for diff, edit in zip(patch.files, edits, strict=True):
        before = edit.file if edit.file.path in base else None
        after_path = diff.old_path if backwards else diff.new_path
        text, lines = _applied(edit)
        rebuilt |= {(edit.file.path, number) for number in lines}
        if after_path is None:
            result.pop(edit.file.path, None)
        else:
            result[edit.file.path] = SourceFile(edit.file.path, text)
        texts.append(unified(before, result.get(edit.file.path)))
    remarks = tuple(remark for edit in edits for remark in edit.remarks)
    verdict = Applicability(Kind.APPLIES, remarks, "".join(texts), frozenset(rebuilt), result)
    if backwards:
        return replace(verdict, kind=Kind.ALREADY)
    return replace(verdict, kind=Kind.ADAPTED) if remarks else verdict


def _applied(edit: _Edit) -> tuple[str, list[int]]:
    """The file after its pieces, and the numbers (from 1) of lines with rebuilt white space."""
    lines: list[str] = []
    rebuilt: list[int] = []
    at = 0
    for piece in edit.pieces:
        lines += edit.file.lines[at : piece.start]
        rebuilt += [len(lines) + index + 1 for index in sorted(piece.rebuilt)]
        lines += piece.new
        at = piece.start + piece.old_count
    lines += edit.file.lines[at:]
    ends = edit.file.text.endswith("\n") or not edit.file.text
    return "\n".join(lines) + ("\n" if lines and ends else ""), rebuilt


def unified(before: SourceFile | None, after: SourceFile | None) -> str:
    """A diff as git writes it; a missing file is /dev/null."""
    some = before or after
    if some is None or (before and after and before.text == after.text):
        return ""
    head = f"diff --git a/{some.path} b/{some.path}\n"
    if before is None:
        head += "new file mode 100644\n"
    elif after is None:
        head += "deleted file mode 100644\n"
    lines = difflib.unified_diff(
        _with_ends(before) if before else [],
        _with_ends(after) if after else [],
        f"a/{some.path}" if before else "/dev/null",
        f"b/{some.path}" if after else "/dev/null",
    )
    return head + "".join(_with_heading(line, before) for line in lines)


def _with_ends(file: SourceFile) -> list[str]:
    """Lines with their ends. Not str.splitlines: to that a form feed ends a line, too."""
    ends = file.text.endswith("\n")
    last = len(file.lines) - 1
    return [line if index == last and not ends else f"{line}\n" for index, line in enumerate(file.lines)]


def _with_heading(line: str, before: SourceFile | None) -> str:
    if not line.endswith("\n"):
        return f"{line}\n\\ No newline at end of file\n"
    if line.startswith("@@ -") and before is not None:
        start = int(line[4:].split()[0].split(",")[0])
        heading = before.heading(start - 1)
        return f"{line.rstrip()} {heading}\n" if heading else line
    return line
