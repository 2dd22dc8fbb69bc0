# SPDX-License-Identifier: Apache-2.0
"""The hunks of one file put in their places in a base: forward, in reverse, or as fits. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

from orchestrator.mail.diff import FileDiff
from orchestrator.mail.hunk import Hunk, Shaped, shape, squeezed
from orchestrator.patch_review.hunk_position import NoPosition, find_place
from orchestrator.patch_review.restore import Piece, respace, restore
from orchestrator.patch_review.source_file import SourceFile
from orchestrator.patch_review.tree_files import Files
from orchestrator.text.amounts import count_of


class Direction(Enum):
    """How hunks are read. `REST`: forward, but for those whose result is there already."""

    FORWARD = auto()
    BACKWARD = auto()
    REST = auto()


@dataclass
class Edit:
    """One file under way. `placed`: a hunk has a place of its own; `present`: hunks that are in already.

    `failed`: numbers (from 0) of hunks without a place; `lacks`: the base has no such file.
    """

    file: SourceFile
    pieces: list[Piece] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    present: int = 0
    placed: bool = False
    lacks: bool = False
    done: bool = False
    """All that the diff does to this file is done in the base."""


def is_copy(diff: FileDiff) -> bool:
    """Whether a diff leaves the old file where it is."""
    return diff.odd.startswith("copy")


def is_rename(diff: FileDiff) -> bool:
    """Whether a file has another name afterwards; a copy counts."""
    return None not in (diff.old_path, diff.new_path) and diff.old_path != diff.new_path


def edit_file(diff: FileDiff, base: Files, direction: Direction) -> Edit:
    """Every hunk of a file put in its place."""
    edit = _begun(diff, base, direction)
    if edit.problems or edit.done:
        return edit
    for number, hunk in enumerate(diff.hunks):
        name = f"{edit.file.path}: hunk {number + 1}"
        shaped = shape(hunk, edit.file.known)
        if shaped is None:
            edit.problems.append(f"{name} is not whole")
            continue
        before = len(edit.problems)
        _put(edit, hunk, shaped, name, direction)
        if len(edit.problems) > before:
            edit.failed.append(number)
    edit.pieces.sort(key=lambda piece: piece.start)
    if any(
        two.start < one.start + one.old_count for one, two in zip(edit.pieces, edit.pieces[1:], strict=False)
    ):
        edit.problems.append(f"{edit.file.path}: hunks fall on the same lines")
    return edit


def _begun(diff: FileDiff, base: Files, direction: Direction) -> Edit:
    """The file that a diff starts from, and what stands against it whatever its hunks say."""
    back = direction is Direction.BACKWARD
    source, target = (diff.new_path, diff.old_path) if back else (diff.old_path, diff.new_path)
    path = source or target or ""
    edit = Edit(base[path] if path in base else SourceFile(path, ""))
    if source is not None and source not in base:
        edit.done = direction is Direction.REST and _is_done(diff, base)
        edit.lacks = not edit.done
        edit.problems += [] if edit.done else [f"{path}: the base has no such file"]
    elif target is not None and target in base and (source is None or is_rename(diff)):
        edit.done = direction is Direction.REST and source is None and _is_done(diff, base)
        if not edit.done and not (back and diff.new_path is None):
            edit.problems.append(f"{target}: the base has this file already")
        elif not edit.done:
            edit.problems.append(f"{target}: the base has this file still")
    edit.present += edit.done
    return edit


def _is_done(diff: FileDiff, base: Files) -> bool:
    """A file that is removed and not there, or that is new, and there just so."""
    if diff.new_path is None:
        return diff.old_path not in base
    back = edit_file(diff, base, Direction.BACKWARD)
    return not back.problems and (back.placed or is_rename(diff))


def _put(edit: Edit, hunk: Hunk, shaped: Shaped, name: str, direction: Direction) -> None:
    back = direction is Direction.BACKWARD
    turned = shaped.reversed() if back else shaped
    start = hunk.new_start if back else hunk.old_start
    place = find_place(hunk, turned, edit.file, start=start)
    if isinstance(place, NoPosition):
        if direction is Direction.REST and _stands(hunk, shaped, edit.file):
            edit.present += 1
            edit.remarks.append(f"{name} is in already")
            return
        moved = _moved(hunk, turned, edit.file) if back else None
        if moved is None:
            edit.problems.append(f"{name}: {place.reason}")
            return
        edit.pieces += moved
        lines = ", ".join(str(piece.start + 1) for piece in moved)
        edit.remarks.append(f"{name}: its result stands elsewhere in {hunk.function}() (line {lines})")
        return
    edit.placed = True
    piece = restore(turned, edit.file, place.index)
    edit.pieces.append(piece)
    edit.remarks += _remarks(piece, turned, name, place.moved_lines)
    here = edit.file.function_at(place.index + piece.old_count // 2)
    if hunk.function and here and hunk.function != here and not edit.file.function_lines(hunk.function):
        edit.remarks.append(f"{name}: lands in {here}(), the base has no {hunk.function}()")


def _stands(hunk: Hunk, shaped: Shaped, file: SourceFile) -> bool:
    turned = shaped.reversed()
    place = find_place(hunk, turned, file, start=hunk.new_start)
    return not isinstance(place, NoPosition) or _moved(hunk, turned, file) is not None


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


def applied(edit: Edit) -> tuple[str, list[int]]:
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
