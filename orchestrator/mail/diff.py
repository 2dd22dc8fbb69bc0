# SPDX-License-Identifier: Apache-2.0
"""Unified diffs in a mail's lines: where they begin and end, and what of them is missing.

Format: the "Unified Format" of GNU diffutils and git's extended headers (git-diff(1)).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from orchestrator.mail.hunk import Hunk, shape
from orchestrator.mail.message import MailLine, Message
from orchestrator.text.amounts import count_of

MAX_LINE_CHARS = 4000
MAX_HUNKS = 5000

HUNK_HEAD = re.compile(r"^\s*@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@ ?(.*)$")
_GIT = re.compile(r"^\s*diff --git (\S+)(?: (\S+))?\s*$")
_OLD = re.compile(r"^\s*--- (?![\d,]+ ----)(\S[^\t]*?)\s*(?:\t.*)?$")
_NEW = re.compile(r"^\s*\+\+\+ (\S[^\t]*?)\s*(?:\t.*)?$")
_ODD = re.compile(r"^(rename|copy) (?:from|to) |^(?:old|new) mode \d|^(GIT binary patch|Binary files)")
_END = re.compile(r"^\s*(?:-- ?|Index: .*|From [0-9a-f]{12,40} .*|_{10,})$")
STAT_SUMMARY = re.compile(
    r"^\s*(\d{1,6}) files? changed(?:, (\d{1,7}) insertions?\(\+\))?(?:, (\d{1,7}) deletions?\(-\))?"
)
_SUBJECT = re.compile(r"^\s*(?:Subject: ?)?((?:Re: )?\[[^\]]{0,60}PATCH[^\]]{0,60}\].{0,300})$")
_CUT = re.compile(
    r"^\s*(?:\[\s*(?:\.\.\.|…|snip|cut|trimmed)\s*\]|\[?<?-*\s*(?:snip|8<)\s*-*>?\]?)\s*$", re.I
)


_KEPT = re.compile(r"(?:[.~_-](?:orig|old|new|bak|before|after|prev|save|a|b|[0-9]))+$|~+$", re.IGNORECASE)
_OUTPUT = re.compile(
    r"(?:^|/)(?:expect(?:ed|ations?)?|actual|golden|results?|got|want)(?:/|$|\.)"
    r"|\.(?:out|bad|log|dmesg|stdout|stderr|result|expected|actual|tap|exp)$",
    re.IGNORECASE,
)
"""Names of what a test printed, and what it should have; with git's own header that is a patch still."""
_SOURCE = re.compile(r"\.(?:[chS]|cpp|rs|py|sh|dtsi?|rst)$")


@dataclass(frozen=True)
class FileDiff:
    """The hunks of one file. A path is None where the diff says /dev/null."""

    old_path: str | None
    new_path: str | None
    hunks: tuple[Hunk, ...]
    odd: str = ""
    compared: str = ""
    """What is compared, where these are two files, such as a test's output and what it should be."""
    line: int = 0

    @property
    def path(self) -> str:
        """The file, as the tree calls it before the patch (after it for a new one)."""
        return self.old_path or self.new_path or ""


@dataclass(frozen=True)
class Diffstat:
    """The summary line under a diffstat."""

    files: int
    insertions: int
    deletions: int


@dataclass(frozen=True)
class FoundPatch:
    """A patch as the mail holds it. `missing` tells what shows that it is not whole.

    `file` names the file that it is from, where several were given.
    """

    line: int
    depth: int
    subject: str
    files: tuple[FileDiff, ...]
    diffstat: Diffstat | None
    missing: tuple[str, ...] = ()
    file: str = ""

    @property
    def place(self) -> str:
        """Where it stands, in words."""
        return f"{self.file}, line {self.line}" if self.file else f"line {self.line}"

    @property
    def added(self) -> list[str]:
        """The lines it adds, as printed."""
        return self._texts("+")

    @property
    def removed(self) -> list[str]:
        """The lines it removes, as printed."""
        return self._texts("-")

    @property
    def identity(self) -> tuple[object, ...]:
        """Equal for two copies of one change, however mail spaced them."""
        return tuple(
            (file.path, kind, "".join(text.split()))
            for file in self.files
            for hunk in file.hunks
            for kind, text in hunk.changes
        )

    def _texts(self, wanted: str) -> list[str]:
        changes = (change for file in self.files for hunk in file.hunks for change in hunk.changes)
        return [text for kind, text in changes if kind == wanted]


@dataclass
class _Draft:
    """A patch while its lines are read."""

    line: int
    depth: int
    subject: str
    diffstat: Diffstat | None
    files: list[FileDiff] = field(default_factory=list)
    cut: bool = False


def find_patches(message: Message) -> list[FoundPatch]:
    """The patches in one mail, each only once. A diff of two files that are not one and the same is none."""
    own = ((diff, [file for file in diff.files if not file.compared]) for diff in find_diffs(message))
    return without_copies([replace(diff, files=tuple(files)) for diff, files in own if files])


def find_diffs(message: Message) -> list[FoundPatch]:
    """Everything in the form of a diff, patches and others, at every quoting level."""
    found: list[FoundPatch] = []
    for depth in message.depths:
        lines = [line for line in message.lines if line.depth == depth]
        found += [_finished(draft, message.subject) for draft in _Scanner(lines, depth).drafts()]
    return found


def without_copies(found: Sequence[FoundPatch]) -> list[FoundPatch]:
    """The patches, of equal ones (quotations, resent mails) only the most complete, in their order."""
    kept: list[int] = []
    for at in sorted(range(len(found)), key=lambda at: (len(found[at].missing), found[at].depth)):
        if not any(_is_part(found[at], found[other]) for other in kept):
            kept.append(at)
    return [found[at] for at in sorted(kept)]


def _is_part(patch: FoundPatch, other: FoundPatch) -> bool:
    """A quotation keeps the subject. Two parts or versions of a series may well add the same lines."""
    if patch.depth == other.depth == 0 and _mark(patch) != _mark(other):
        return False
    paths = {file.path for file in patch.files}
    return set(patch.identity) <= set(other.identity) and paths <= {file.path for file in other.files}


def _mark(patch: FoundPatch) -> str:
    found = re.search(r"\[[^\]]*PATCH[^\]]*\]", patch.subject, re.IGNORECASE)
    return found[0] if found else ""


class _Scanner:
    """Goes through the lines of one quoting level."""

    def __init__(self, lines: Sequence[MailLine], depth: int) -> None:
        self._lines = [
            line if len(line.text) <= MAX_LINE_CHARS else MailLine(line.number, depth, "") for line in lines
        ]
        self._depth = depth
        self._at = 0

    def drafts(self) -> Iterator[_Draft]:
        """The patches, each with its files."""
        current: _Draft | None = None
        subject, stat, fresh = "", None, True
        while self._at < len(self._lines):
            text = self._lines[self._at].text
            if self._is_file_start():
                if current is None or fresh:
                    if current is not None:
                        yield current
                    current = _Draft(self._lines[self._at].number, self._depth, subject, stat)
                    subject, stat, fresh = "", None, False
                current.files.append(self._file())
                continue
            if match := _SUBJECT.match(text):
                subject, fresh = match[1].strip(), True
            elif summary := STAT_SUMMARY.match(text):
                stat, fresh = Diffstat(*(int(number or 0) for number in summary.groups())), True
            elif _END.match(text):
                fresh = True
            elif current is not None and (_CUT.match(text) or HUNK_HEAD.match(text)):
                current.cut = True
            self._at += 1
        if current is not None:
            yield current

    def _text(self, ahead: int = 0) -> str:
        index = self._at + ahead
        return self._lines[index].text if index < len(self._lines) else ""

    def _is_file_start(self, ahead: int = 0) -> bool:
        text = self._text(ahead)
        if _OLD.match(text) and _NEW.match(self._text(ahead + 1)):
            return True
        return _GIT.match(text) is not None

    def _file(self) -> FileDiff:
        """One file's headers and hunks; leaves the position behind them."""
        old = new = None
        odd = compared = ""
        first = self._lines[self._at].number
        if git := _GIT.match(self._text()):
            old, new = _paths(git[1], git[2] or git[1])
            self._at += 1
            while self._at < len(self._lines) and not self._is_file_start() and self._is_header():
                match = _ODD.match(self._text())
                odd = odd or (match[0].strip() if match else "")
                self._at += 1
        if _OLD.match(self._text()) and _NEW.match(self._text(1)):
            old_match, new_match = _OLD.match(self._text()), _NEW.match(self._text(1))
            assert old_match is not None
            assert new_match is not None
            if old is None and new is None:
                compared = two_files(old_match[1], new_match[1])
            old, new = _paths(old_match[1], new_match[1])
            self._at += 2
        return FileDiff(old, new, tuple(self._hunks()), odd, compared, first)

    def _is_header(self) -> bool:
        text = self._text()
        return HUNK_HEAD.match(text) is None and re.match(
            r"^\s*(?:index |old mode|new mode|new file|deleted file|similarity|dissimilarity|rename |copy "
            r"|GIT binary|Binary files|\S+/\S+\s*$)", text
        ) is not None  # fmt: skip

    def _hunks(self) -> Iterator[Hunk]:
        count = 0
        while count < MAX_HUNKS:
            ahead = 0
            while not self._text(ahead).strip() and self._at + ahead < len(self._lines):
                ahead += 1
            match = HUNK_HEAD.match(self._text(ahead))
            if match is None:
                return
            self._at += ahead
            count += 1
            yield self._hunk(match)

    def _hunk(self, match: re.Match[str]) -> Hunk:
        start = self._at
        indent = len(match[0]) - len(match[0].lstrip())
        self._at += 1
        raw: list[str] = []
        while self._at < len(self._lines) and not self._ends():
            text = self._text()
            raw.append(text[indent:] if not text[:indent].strip() else text.lstrip())
            self._at += 1
        numbers = [int(match[1]), int(match[2] or 1), int(match[3]), int(match[4] or 1)]
        hunk = Hunk(
            self._lines[start].number,
            numbers[0],
            numbers[1],
            numbers[2],
            numbers[3],
            match[5].strip(),
            tuple(raw),
        )
        shaped = shape(hunk)
        if shaped is not None and (not self._goes_on() or any(map(_begins_patch, raw[shaped.used :]))):
            self._at = start + 1 + shaped.used  # behind a patch's last hunk comes other text
        return hunk

    def _goes_on(self) -> bool:
        return HUNK_HEAD.match(self._text()) is not None or self._is_file_start()

    def _ends(self) -> bool:
        text = self._text()
        if HUNK_HEAD.match(text) or _END.match(text) or _CUT.match(text):
            return True
        return self._is_file_start()


def _begins_patch(text: str) -> bool:
    return _SUBJECT.match(text) is not None or STAT_SUMMARY.match(text) is not None


def two_files(old: str, new: str) -> str:
    """What diff(1) compared, where a diff's two names are not of one file before and after a change.

    Directories may differ (`linux.orig/`, `linux/`), and marks of old and new; of output they need not even.
    """
    if "/dev/null" in (old, new):
        return ""
    names = [_KEPT.sub("", name.rpartition("/")[2]) for name in (old, new)]
    outputs = any(_OUTPUT.search(name) for name in (old, new))
    renamed = names[0] != names[1] and not all(_SOURCE.search(name) for name in names)
    return f"{old} and {new}" if renamed or outputs else ""


def _paths(old: str, new: str) -> tuple[str | None, str | None]:
    """The paths as `patch -p1` takes them; the same start on both sides is no prefix (git's --no-prefix)."""
    starts = {name.partition("/")[0] for name in (old, new) if name != "/dev/null"}
    bare = len(starts) == 1 and not starts & {"a", "b"}
    return _path(old, bare=bare), _path(new, bare=bare)


def _path(name: str, *, bare: bool) -> str | None:
    if name == "/dev/null":
        return None
    return name if bare or name.startswith("/") else name.partition("/")[2] or name


def _finished(draft: _Draft, subject: str) -> FoundPatch:
    files = tuple(draft.files)
    missing = list(_gaps(files))
    if draft.cut:
        missing.append("text was cut out between its hunks")
    hunks = [hunk for file in files for hunk in file.hunks]
    if draft.diffstat is not None and not missing:
        missing += _against_stat(draft.diffstat, files, hunks)
    return FoundPatch(
        draft.line, draft.depth, draft.subject or subject, files, draft.diffstat, tuple(missing)
    )


def _gaps(files: Sequence[FileDiff]) -> Iterator[str]:
    for file in files:
        if not file.hunks and not file.odd:
            yield f"{file.path}: no hunk"
        shift = 0
        for number, hunk in enumerate(file.hunks, 1):
            name = f"{file.path}: hunk {number} (line {hunk.line})"
            if shape(hunk) is None:
                yield f"{name} has fewer lines than its header says"
            elif file.old_path and file.new_path and hunk.new_start - hunk.old_start != shift:
                yield f"{name} starts where it would only with another hunk before it"
            shift = hunk.new_start - hunk.old_start + hunk.new_count - hunk.old_count


def _against_stat(stat: Diffstat, files: Sequence[FileDiff], hunks: Sequence[Hunk]) -> Iterator[str]:
    kinds = [kind for hunk in hunks for kind, _ in hunk.changes]
    seen = Diffstat(len({file.path for file in files}), kinds.count("+"), kinds.count("-"))
    if seen != stat:
        yield (
            f"the diffstat says {count_of('file', stat.files)}, +{stat.insertions} -{stat.deletions}; "
            f"found {count_of('file', seen.files)}, +{seen.insertions} -{seen.deletions}"
        )
