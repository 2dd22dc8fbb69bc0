# SPDX-License-Identifier: Apache-2.0
"""Checksums that need not be taken again: of files that nobody wrote to since they were last taken.

Reading all that is booted takes a tenth of a short run's CPU time. So a note beside the files says which of
them had which checksum and, as git's index does, which file that was: device, inode, size, and the times
of the last change of its content and of its inode. The last one is the kernel's own: whoever writes to a
file or puts back its other time changes it, and no call sets it to what it was (inode(7)).

What this cannot see, and what is done about it:

- A write in the same tick of the clock as the checksum: a file that was changed just before is not noted.
- What becomes of a disk's blocks with nobody writing, by a crash or by rot: a note is good for one boot of
  the host.

Whoever can forge the note can forge the checksums that it stands for: they lie beside it.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from orchestrator.host import ledger

NOTE_FILE = "verified.json"
_TICK_NS = 2_000_000_000
"""The coarsest time stamp that a file system has (FAT's); most have the kernel's tick, 10 ms at most."""


def have_checksums(directory: Path, wanted: Mapping[str, str]) -> bool:
    """Whether all files below `directory` have these SHA-256, by name; OSError when one cannot be read."""
    known = _noted(directory)
    noted = {}
    began_ns = time.time_ns()
    for name, sha256 in wanted.items():
        path = directory / name
        status = path.stat()
        entry = [sha256, *_identity(status)]
        if known.get(name) != entry:
            if file_sha256(path) != sha256:
                return False
            if not _settled(status, began_ns):
                continue
        noted[name] = entry
    if noted != known:
        _note(directory, noted)
    return True


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file's content, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _identity(status: os.stat_result) -> list[int]:
    return [status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns]


def _settled(status: os.stat_result, now_ns: int) -> bool:
    """Whether every write from then on leaves another time behind than this."""
    return max(status.st_mtime_ns, status.st_ctime_ns) < now_ns - _TICK_NS


def _noted(directory: Path) -> dict[str, Any]:
    """What the note says, by file; nothing if there is none of this boot that can be read."""
    with suppress(OSError, ValueError, RecursionError):
        note = json.loads((directory / NOTE_FILE).read_bytes())
        if isinstance(note, dict) and note.get("boot_id") == ledger.boot_id():
            files = note.get("files")
            return files if isinstance(files, dict) else {}
    return {}


def _note(directory: Path, files: Mapping[str, Any]) -> None:
    """Half a note, or two on top of each other, cannot be read; a cache of read-only files goes without."""
    with suppress(OSError):
        (directory / NOTE_FILE).write_text(json.dumps({"boot_id": ledger.boot_id(), "files": files}))
