# SPDX-License-Identifier: Apache-2.0
"""The text that is to be reproduced, and which of its reports."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import InputError
from orchestrator.files.mails import MAX_MAIL_BYTES, expanded, names_of
from orchestrator.files.reading import read_bounded
from orchestrator.mail.contents import Contents, read_files
from orchestrator.oom.explain import request
from orchestrator.oom.records import MemoryEvent
from orchestrator.reproduce.request import LARGEST_KILLING_ORDER, why_not_failing
from orchestrator.text.amounts import count_of
from orchestrator.text.plain import ascii_line
from orchestrator.units import USUAL_PAGE_BYTES

BINDER_CALLER = "binder_alloc_mmap_handler"

_TOO_MANY_NULS = 20
_CUT = "the report is enough: `oomlab oom FILE` names the line where each begins"
_NAME = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True)
class Source:
    """What was given, by its first path, and what it holds. `others` is how many more files there are."""

    path: Path
    contents: Contents
    others: int = 0

    @property
    def title(self) -> str:
        """The file, and how many others."""
        return self.path.name + (f" and {self.others} more" if self.others else "")

    @property
    def name(self) -> str:
        """A name for the scenario."""
        slug = _NAME.sub("-", self.path.stem.lower()).strip("-")[:40].strip("-")
        return f"reproduce-{slug or 'report'}"


@dataclass(frozen=True)
class Chosen:
    """One report, its number (from 1), how many there are, and why it is this one.

    `file` names the file that it is from, where several were given.
    """

    event: MemoryEvent
    number: int
    of: int
    why: str
    file: str = ""


def load_source(paths: Sequence[Path]) -> Source:
    """Read files, or those of directories, as one text. InputError where nothing could be reproduced."""
    files = expanded(paths)
    contents = read_files({name: _text(path) for name, path in zip(names_of(files), files, strict=True)})
    source = Source(paths[0], contents, len(files) - 1)
    if not contents.reports and not contents.patches:
        named = (
            f"{ascii_line(str(paths[0]))} holds"
            if not source.others
            else f"these {count_of('file', len(files))} hold"
        )
        raise InputError(
            f"{named} neither an OOM report nor a patch: there is nothing to reproduce",
            evidence=[ascii_line(item.sentence) for item in contents.leftovers],
            hint="`oomlab oom FILE` and `oomlab mail FILE` say what they find in a text",
        )
    return source


def _text(path: Path) -> bytes:
    """A file's text, without runs of NUL. InputError when there is no such file, or no text in it."""
    if not path.is_file() and path.exists():
        raise InputError(f"{ascii_line(str(path))} is no ordinary file", hint="give mails, logs or patches")
    data = read_bounded(path, MAX_MAIL_BYTES, hint=_CUT)
    if not data.strip(b"\0\t\n\v\f\r "):
        raise InputError(f"{ascii_line(str(path))} is empty")
    # Logs that survived a crash have runs of NUL where nothing was written.
    if data.count(b"\0") * _TOO_MANY_NULS > len(data):
        raise InputError(
            f"{ascii_line(str(path))} is binary", hint="expected a mail, a log or a patch, saved as text"
        )
    return data.replace(b"\0", b"")


def choose_event(contents: Contents, wanted: int | None) -> Chosen | None:
    """The report `wanted` (from 1), or the first that can be reproduced best; None when there are none.

    InputError for a number that no report has.
    """
    reports, files = contents.reports, contents.report_files
    if wanted is not None:
        if not 1 <= wanted <= len(reports):
            there = f"there are {len(reports)}" if reports else "there is none"
            raise InputError(f"--event {wanted}: no such report; {there}", hint="they are numbered from 1")
        why = "asked for with --event"
        return Chosen(reports[wanted - 1], wanted, len(reports), why, files[wanted - 1])
    if not reports:
        return None
    best = min(range(len(reports)), key=lambda index: (_rank(reports[index]), index))
    why = "the only one" if len(reports) == 1 else _WHY[_rank(reports[best])]
    return Chosen(reports[best], best + 1, len(reports), why, files[best])


def why_not(event: MemoryEvent) -> str | None:
    """Why no guest of ours can be made to repeat a report; None when one can."""
    order = event.order or 0
    if event.type == "lmk-kill":
        return "is a kill by the low memory killer, which acts on pressure: no OOM is to be reproduced"
    if event.type == "show-mem":
        return "is a memory dump without a request: nothing says what failed"
    if order == -1:
        return "was asked for by hand (sysrq): there is nothing to reproduce"
    if any(buddy.smallest_block_kb not in (4, 16, 64) for buddy in event.buddy.values()):
        return "is from a kernel with pages of another size, or a damaged one"
    if is_failure(event):
        return why_not_failing(event)
    if any(buddy.smallest_block_kb not in (4, 16) for buddy in event.buddy.values()):
        return "is from a kernel with 64 KiB pages, or a damaged one: no base has such pages"
    if (event.order or 0) > 0 and any(buddy.smallest_block_kb != 4 for buddy in event.buddy.values()):
        return "is from a kernel with 16 KiB pages, whose page array never takes more than one page"
    return None


def is_failure(event: MemoryEvent) -> bool:
    """Whether its request would fail in a guest, with nobody killed for it: what a test module makes."""
    return event.type == "alloc-failure" or (
        event.type == "oom" and (event.order or 0) > LARGEST_KILLING_ORDER
    )


def is_binder(event: MemoryEvent) -> bool:
    """Whether binder's page array is what was asked for."""
    return event.stack_first_caller == BINDER_CALLER or any(
        frame.function == BINDER_CALLER and frame.sure for frame in event.stack
    )


def headline(chosen: Chosen) -> str:
    """The chosen report in a few words."""
    place = f"{chosen.file}, line" if chosen.file else "line"
    return f"{place} {chosen.event.line}: {request(chosen.event, USUAL_PAGE_BYTES)}"


_WHY = {
    0: "the first OOM with binder in its stack",
    1: "the first OOM above order 0 (none has binder in its stack)",
    2: "the first OOM (none is above order 0)",
    3: "the first OOM of a cgroup (there is no other)",
    4: "the first failed request (there is no OOM that could be reproduced)",
    5: "the first of all (none could be reproduced)",
}


def _rank(event: MemoryEvent) -> int:
    if why_not(event) is not None:
        return 5
    if is_failure(event):
        return 4
    if event.type == "memcg-oom":
        return 3
    if is_binder(event):
        return 0
    return 1 if event.order else 2
