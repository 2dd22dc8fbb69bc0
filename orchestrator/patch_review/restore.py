# SPDX-License-Identifier: Apache-2.0
"""A hunk put into a base's file: the base's own lines for context, its white space for what mail lost."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from orchestrator.mail.hunk import HunkLine, Shaped, squeezed
from orchestrator.patch_review.source_file import SourceFile

_TAB = 8
_LIKE = 0.5
_OPENS = re.compile(r"(?:\{|:|^\s*(?:(?:else )?if|for|while|list_for_each\w*)\b.*\)|\belse|\bdo)\s*$")


@dataclass
class Piece:
    """A stretch of a file and what it becomes. `rebuilt`: indexes in `new` of lines with restored space."""

    start: int
    old_count: int
    new: list[str] = field(default_factory=list)
    rebuilt: set[int] = field(default_factory=set)
    context: list[tuple[str, str]] = field(default_factory=list)
    white_space: bool = False
    guessed: int = 0


def restore(shaped: Shaped, file: SourceFile, index: int) -> Piece:
    """What the hunk makes of the lines from `index` on."""
    piece = Piece(index, len(shaped.old))
    exact = _is_exact(shaped, file, index)
    at = index
    removed: list[str] = []
    added: list[HunkLine] = []
    for line in shaped.lines:
        if line.kind == " ":
            _finish_run(piece, added, removed, exact)
            added, removed = [], []
            _keep(piece, line, file.lines[at])
        elif line.kind == "-":
            removed.append(file.lines[at])
        else:
            added.append(line)
        at += line.kind != "+"
    _finish_run(piece, added, removed, exact)
    piece.white_space = not exact
    return piece


def _is_exact(shaped: Shaped, file: SourceFile, index: int) -> bool:
    """The mail kept white space: every line that the base has too is the same to the last tab.

    Where no line of the base stands beside (a new file), what the mail says is all there is.
    """
    pairs = zip(shaped.old, file.lines[index:], strict=False)
    same = [(line.text, own) for line, own in pairs if squeezed(line.text) == squeezed(own) and own.strip()]
    return all(text == own for text, own in same)


def _keep(piece: Piece, line: HunkLine, own: str) -> None:
    if squeezed(line.text) != squeezed(own):
        piece.context.append((line.text.strip(), own.strip()))
    piece.new.append(own)


def _finish_run(piece: Piece, added: Sequence[HunkLine], removed: Sequence[str], exact: bool) -> None:
    partners = _partners([line.text for line in added], removed)
    for line, partner in zip(added, partners, strict=True):
        if exact and line.whole:
            piece.new.append(line.text)
            continue
        if partner is not None:
            text = respace(line.text, partner)
        elif not line.text.strip():
            text = ""
        else:
            text = _indent(piece.new, line.text) + line.text.strip()
            piece.guessed += 1
        piece.rebuilt.add(len(piece.new))
        piece.new.append(text)


def _partners(added: Sequence[str], removed: Sequence[str]) -> list[str | None]:
    """For every added line the removed one that it most likely replaces, in their order."""
    partners: list[str | None] = []
    first = 0
    for text in added:
        ratios = [
            difflib.SequenceMatcher(None, squeezed(text), squeezed(old), autojunk=False).ratio()
            for old in removed[first : first + 20]
        ]
        if ratios and max(ratios) > _LIKE:
            chosen = first + ratios.index(max(ratios))
            partners.append(removed[chosen])
            first = chosen + 1
        else:
            partners.append(None)
    return partners


def respace(text: str, partner: str) -> str:
    """`text` with the white space of `partner` where both have the same words, single spaces elsewhere."""
    words, others = text.split(), partner.split()
    gaps = [match[0] for match in re.finditer(r"\s+|(?<=\S)$|^(?=\S)", partner)]
    if partner[:1].strip():
        gaps[0] = ""
    before: dict[int, str] = {}
    matcher = difflib.SequenceMatcher(None, others, words, autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal" or (tag == "replace" and i2 - i1 == j2 - j1):
            before |= {j1 + step: gaps[i1 + step] for step in range(i2 - i1)}
    pieces = [(before.get(number, " ") or " ") + word for number, word in enumerate(words) if number]
    indent = partner[: len(partner) - len(partner.lstrip())]
    return indent + "".join(words[:1] + pieces)


def _indent(above: Sequence[str], text: str) -> str:
    """The indentation that the kernel's style gives a line below these."""
    last = next((line for line in reversed(above) if line.strip()), "")
    column = _open_column(last)
    if column is not None:
        return "\t" * (column // _TAB) + " " * (column % _TAB)
    indent = last[: len(last) - len(last.lstrip())].replace(" ", "")
    if _OPENS.search(last):
        indent += "\t"
    return indent[:-1] if text.lstrip().startswith("}") and not last.rstrip().endswith("{") else indent


def _open_column(line: str) -> int | None:
    """The column behind the last parenthesis that stays open, tabs being eight wide."""
    wide = line.expandtabs(_TAB)
    opened: list[int] = []
    for column, char in enumerate(wide):
        if char == "(":
            opened.append(column + 1)
        elif char == ")" and opened:
            opened.pop()
    return opened[-1] if opened else None
