# SPDX-License-Identifier: Apache-2.0
"""Doubts about a patch that can be told from its text and the report in the same mail."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from orchestrator.mail.diff import FoundPatch
from orchestrator.mail.hunk import Hunk, squeezed
from orchestrator.oom.records import MemoryEvent

_NOWARN = "__GFP_NOWARN"


def notes(patch: FoundPatch, reports: Sequence[MemoryEvent]) -> list[str]:
    """What a reviewer should know before running it."""
    found = []
    if _only_silences(patch):
        found.append(
            f"it only silences the warning: all it adds is {_NOWARN}, the allocation fails as before"
        )
    return found + list(_untouched(patch, reports))


def _only_silences(patch: FoundPatch) -> bool:
    added, removed = (squeezed(" ".join(texts)) for texts in (patch.added, patch.removed))
    if _NOWARN not in added or _NOWARN in removed:
        return False
    return removed in (added.replace(f"|{_NOWARN}", ""), added.replace(f"{_NOWARN}|", ""))


def _untouched(patch: FoundPatch, reports: Sequence[MemoryEvent]) -> Iterator[str]:
    touched = _names(patch)
    for caller in dict.fromkeys(report.stack_first_caller for report in reports):
        if caller is None or patch.missing or _plain(caller) in touched:
            continue
        frames = {_plain(frame.function) for report in reports for frame in report.stack}
        also = sorted(frames & touched)
        other = f"; of the trace it names {', '.join(also[:5])}" if also else ""
        yield f"it does not touch {caller}, the call that failed in the report{other}"


def _plain(function: str) -> str:
    """The name in the source: compilers add suffixes such as .cfi_jt or .isra.0."""
    return function.partition(".")[0]


def _names(patch: FoundPatch) -> set[str]:
    """Functions that hunks stand in or name, in their headers, context and changes."""
    hunks: list[Hunk] = [hunk for file in patch.files for hunk in file.hunks]
    named = {hunk.function for hunk in hunks}
    for hunk in hunks:
        for text in hunk.raw:
            named |= set(re.findall(r"\b([A-Za-z_]\w*)\s?\(", text))
    return named
