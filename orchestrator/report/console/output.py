# SPDX-License-Identifier: Apache-2.0
"""Where a report goes: stdout, or a file that is whole or not there."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from orchestrator.errors import HostError, InputError
from orchestrator.files.atomic import write_atomic
from orchestrator.record.directory import RunDirectory
from orchestrator.report.console.streams import write_data
from orchestrator.text.plain import named

STDOUT = Path("-")


def put(text: str, out: Path | None, *, runs: tuple[RunDirectory, ...] = ()) -> None:
    """Write a report in UTF-8 to `out`, or to stdout where that is None or `-`.

    Raises InputError for a directory, a place that does not exist, or a file that a run consists of;
    HostError when it cannot be written.
    """
    if out is None or out == STDOUT:
        write_data(text)
        return
    data = named(text).encode()
    _require_place(out)
    path = out.resolve()  # a symbolic link stays one: what it points to is replaced
    _require_not_own(out, path, runs)
    try:
        if out.exists() and not out.is_file():
            out.write_bytes(data)  # a pipe or device: to replace it would be to remove it
        else:
            write_atomic(path, data)
    except OSError as error:
        raise HostError(f"{out} cannot be written: {error.strerror or error}") from None


def require_writable(out: Path, *, run: Path | None = None) -> None:
    """Refuse, before any long work, a place that `put` could not write to; `-` is stdout and always can.

    `run` is the directory of the run that is to be made, which may not be there yet: a report may lie in it.
    Raises InputError.
    """
    if out == STDOUT:
        return
    to_come = run is not None and not run.exists() and out.parent.resolve() == run.resolve()
    if not to_come:
        _require_place(out)
    path = out.resolve()
    runs = [RunDirectory(place) for place in (run, path.parent) if place is not None]
    _require_not_own(out, path, [each for each in runs if each.path == run or each.manifest.exists()])
    if not to_come:
        _try_to_write(out, path)


def _try_to_write(out: Path, path: Path) -> None:
    """What rights, read-only file systems and the kernel's own say is not foreseen but tried."""
    try:
        if out.exists() and not out.is_file():
            if not os.access(out, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        else:
            with tempfile.TemporaryFile(dir=path.parent):
                pass
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror or error}") from None


def _require_not_own(out: Path, path: Path, runs: Iterable[RunDirectory]) -> None:
    if any(path in _own_files(run) for run in runs):
        raise InputError(f"{out} is a file of the run itself", hint="write the report to another file")


def _require_place(out: Path) -> None:
    if out.is_dir():
        raise InputError(f"{out} is a directory", hint="give a file in it")
    if not out.parent.is_dir():
        raise InputError(f"{out.parent} is no directory", hint="make it first, or write elsewhere")


def _own_files(run: RunDirectory) -> set[Path]:
    files = (run.manifest, run.journal, run.ledger, run.verdict)
    return {file.resolve() for file in files}
