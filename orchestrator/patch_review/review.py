# SPDX-License-Identifier: Apache-2.0
"""What became of a mail's patches: verdicts for every base, doubts, and files to run them from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.errors import InputError, OomlabError
from orchestrator.kernels.base import Progress
from orchestrator.kernels.cache import Cache
from orchestrator.mail.contents import Contents
from orchestrator.mail.diff import FoundPatch
from orchestrator.mail.series import Arranged, PatchGroup, narrowed
from orchestrator.patch_review.applicability import GOOD, Kind
from orchestrator.patch_review.bases import Checked, check_column
from orchestrator.patch_review.building import Way
from orchestrator.patch_review.checkpatch import CheckpatchWarning, run_checkpatch
from orchestrator.patch_review.notes import notes
from orchestrator.patch_review.sources import Column, load_columns
from orchestrator.paths import cache_dir


@dataclass(frozen=True)
class Style:
    """What a base's checkpatch says of the patch restored for it, or why it could not be asked."""

    base: str
    warnings: tuple[CheckpatchWarning, ...] = ()
    failure: str = ""


@dataclass(frozen=True)
class Reviewed:
    """One patch: the number that people call it by, doubts, and the verdict for every base."""

    number: int
    patch: FoundPatch
    notes: tuple[str, ...]
    checked: tuple[Checked, ...]
    style: tuple[Style, ...] = ()


@dataclass(frozen=True)
class Review:
    """All patches, and how they belong together; `failures` name bases whose source could not be had."""

    patches: tuple[Reviewed, ...] = ()
    failures: tuple[str, ...] = ()
    arranged: Arranged = field(default_factory=Arranged)

    def numbered(self, number: int) -> Reviewed:
        """The patch that people call by this number."""
        return next(item for item in self.patches if item.number == number)


def review(
    contents: Contents,
    arch: str,
    progress: Progress,
    *,
    with_checkpatch: bool,
    wanted: Sequence[int] = (),
    offline: bool = False,
) -> Review:
    """Checks the patches against every base of an architecture; fetches sources that are not cached.

    `offline`: nothing is fetched, and what is not cached is among the failures.
    `wanted` are the numbers of those that alone are to be looked at; InputError for one that no patch has.
    """
    arranged = narrowed(contents.arranged, wanted) if wanted else contents.arranged
    if not contents.patches:
        return Review()
    cache = Cache(cache_dir())
    failures: list[str] = []
    columns = load_columns(cache, arch, progress, failures, offline=offline)
    columns_checked = [(column, check_column(arranged, column)) for column in columns]
    reviewed = []
    for number, patch in arranged.patches.items():
        checked = [(column, found[number]) for column, found in columns_checked if number in found]
        styles = tuple(_styles(checked)) if with_checkpatch else ()
        doubts = tuple(notes(patch, contents.reports))
        reviewed.append(Reviewed(number, patch, doubts, tuple(item for _, item in checked), styles))
    return Review(tuple(reviewed), tuple(failures), arranged)


def _styles(checked: Sequence[tuple[Column, Checked]]) -> Iterator[Style]:
    for column, item in checked:
        source = column.driver() if item.building.way is Way.MODULE else column.whole()
        if item.verdict.kind in GOOD and item.verdict.text and source is not None:
            try:
                yield Style(source.name, tuple(run_checkpatch(source.scripts(), item.verdict)))
            except OomlabError as error:
                yield Style(source.name, failure=error.message)


def write_patches(result: Review, directory: Path) -> list[Path]:
    """Every restored patch as a file of its own, and the reverse where a base has the change already."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        return [_write(directory / name, text) for name, text in patch_files(result)]
    except OSError as error:
        raise InputError(f"cannot write to {directory}: {error.strerror}") from None


def patch_files(result: Review) -> Iterator[tuple[str, str]]:
    """Name and text of every restored patch."""
    for item in result.patches:
        for checked in item.checked:
            if checked.verdict.text:
                yield file_name(item, checked), _file_text(item, checked)


def file_name(item: Reviewed, checked: Checked) -> str:
    """A name made of nothing but letters, digits, dots and dashes."""
    words = re.sub(r"\[[^\]]*\]|^Re: ", "", item.patch.subject)
    slug = re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")[:50].strip("-") or "patch"
    reverse = "-reverse" if checked.verdict.kind is Kind.ALREADY else ""
    return f"{item.number:02}-{slug}-{checked.base}{reverse}.patch"


def _file_text(item: Reviewed, checked: Checked) -> str:
    what = "reverse of the patch" if checked.verdict.kind is Kind.ALREADY else "patch"
    subject = _plain(item.patch.subject) or "a patch without a subject"
    lines = [f"{subject}", "", f"The {what}, restored from a mail for {checked.base}."]
    if checked.follows:
        lines.append(f"Comes after: {', '.join(map(str, checked.follows))}.")
    lines += [f"- {_plain(remark)}" for remark in checked.verdict.remarks]
    return "\n".join([*lines, "---", checked.verdict.text])


def _plain(text: str) -> str:
    """Printable, and nothing that a reader of patches could take for a header."""
    shown = "".join(char if char.isprintable() else "?" for char in text)
    return re.sub(r"^(?=---|\+\+\+|diff |Index:|rename |copy |@@)", " ", shown)


def _write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode(errors="surrogateescape"))
    return path


def review_json(result: Review) -> dict[str, Any]:
    """The part of the JSON object about patches."""
    return {
        "patches": [_patch_json(item) for item in result.patches],
        "series": [
            *(_group_json(group, older=False) for group in result.arranged.groups),
            *(_group_json(group, older=True) for group in result.arranged.older),
        ],
        "bases_not_checked": list(result.failures),
    }


def _group_json(group: PatchGroup, *, older: bool) -> dict[str, Any]:
    return {
        "patches": list(group.numbers),
        "version": group.version,
        "parts": group.total or len(group.numbers),
        "missing": list(group.missing),
        "replaced_by_newer": older,
    }


def _patch_json(item: Reviewed) -> dict[str, Any]:
    patch = item.patch
    return {
        "number": item.number,
        "file": patch.file or None,
        "line": patch.line,
        "quoted": patch.depth,
        "subject": patch.subject,
        "files": [file.path for file in patch.files],
        "hunks": sum(len(file.hunks) for file in patch.files),
        "missing": list(patch.missing),
        "notes": list(item.notes),
        "bases": [
            {
                "base": checked.base,
                "verdict": checked.verdict.kind.value,
                "remarks": list(checked.verdict.remarks),
                "follows": list(checked.follows),
                "patch": checked.verdict.text or None,
                "reverse": checked.verdict.kind is Kind.ALREADY,
                "builds": checked.building.way.name.lower(),
                "base_to_build": checked.building.base if checked.building.source else None,
                "building_remarks": list(checked.building.remarks),
                "rebuilt_lines": [
                    {"path": path, "line": line} for path, line in sorted(checked.verdict.rebuilt)
                ],
            }
            for checked in item.checked
        ],
        "checkpatch": [
            {
                "base": style.base,
                "failure": style.failure or None,
                "findings": [asdict(warning) for warning in style.warnings],
            }
            for style in item.style
        ],
    }
