# SPDX-License-Identifier: Apache-2.0
"""What a patch does to the allocation that the trigger makes: binder's page array. Pure.

Every other allocation may change as it likes: the trigger's mmaps do not come by it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from orchestrator.mail.diff import FoundPatch
from orchestrator.mail.hunk import Hunk, shape, squeezed
from orchestrator.patch_review.source_file import SourceFile
from orchestrator.reproduce.source import BINDER_CALLER

_ARRAY = re.compile(r"->pages=(\w+)(\([^;]*\);)")
"""Its assignment, white space taken out (drivers/android/binder_alloc.c)."""
_ELEMENT = "struct binder_lru_page"
_SIZE = re.compile(r"->buffer_size\s*[-+*/|&]?=(?!=)")
_MAPS_PAGES = re.compile(r"k?v\w*alloc")
_IN_ONE_BLOCK = re.compile(r"k(?!v)\w*alloc")


@dataclass(frozen=True)
class Call:
    """The call that gives the array: its name, and its arguments without white space."""

    name: str
    arguments: str

    @property
    def in_one_block(self) -> bool | None:
        """Whether it must be physically contiguous, with the OOM killer behind it; None: not known here."""
        if _MAPS_PAGES.match(self.name) or "__GFP_NORETRY" in self.arguments:
            return False
        return True if _IN_ONE_BLOCK.match(self.name) else None


@dataclass(frozen=True)
class ArrayChange:
    """The call without and with a patch (None: not seen). `doubt` says what else may change the request."""

    before: Call | None = None
    after: Call | None = None
    doubt: str = ""

    @property
    def changes(self) -> bool:
        """Whether another call, or other arguments, stand there with the patch."""
        return self.before != self.after


def call_in(text: str) -> Call | None:
    """The call in a source or in a part of one."""
    found = _ARRAY.search(squeezed(text))
    return Call(found[1], found[2]) if found else None


def array_change(patches: Iterable[FoundPatch], other: Mapping[str, SourceFile]) -> ArrayChange:
    """What patches do, one after the other; `other` are the files of the base with or without them."""
    before: Call | None = None
    after: Call | None = None
    context: Call | None = None
    changed, doubt = False, ""
    for hunk in (hunk for patch in patches for file in patch.files for hunk in file.hunks):
        old, new = call_in(_side(hunk, "+")), call_in(_side(hunk, "-"))
        context = context or old
        if old != new:  # the context of a later patch may well show the call as it was before
            before, after, changed = (before if changed else old), new, True
        doubt = doubt or _doubt(hunk)
    if not changed:
        texts = (file.text for _, file in _binder(other))
        before = after = context or next((call for text in texts if (call := call_in(text))), None)
    return ArrayChange(before, after, doubt)


def _binder(files: Mapping[str, SourceFile]) -> Iterable[tuple[str, SourceFile]]:
    """Of a whole tree only the files that the array can be in are read."""
    paths = (path for path in files if path.startswith("drivers/android/binder"))
    return ((path, files[path]) for path in sorted(paths) if BINDER_CALLER in files[path].text)


def _side(hunk: Hunk, without: str) -> str:
    shaped = shape(hunk)
    return "\n".join(line.text for line in shaped.lines if line.kind != without) if shaped else ""


def _doubt(hunk: Hunk) -> str:
    if hunk.changes and f"{_ELEMENT}{{".replace(" ", "") in squeezed(f"{hunk.section}{{{_side(hunk, '-')}"):
        return f"{_ELEMENT}, of which the array is made, changes its size"
    if any(_SIZE.search(text) for _, text in hunk.changes):
        return "how large a mapping may be changes, and the array with it"
    return ""
