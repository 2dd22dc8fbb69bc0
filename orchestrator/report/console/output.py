# SPDX-License-Identifier: Apache-2.0
"""Where a report goes: stdout, or a file that is whole or not there."""

from __future__ import annotations

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
    if any(path in _own_files(run) for run in runs):
        raise InputError(f"{out} is a file of the run itself", hint="write the report to another file")
    try:
        if out.exists() and not out.is_file():
            out.write_bytes(data)  # a pipe or device: to replace it would be to remove it
        else:
            write_atomic(path, data)
    except OSError as error:
        raise HostError(f"{out} cannot be written: {error.strerror or error}") from None


def _require_place(out: Path) -> None:
    if out.is_dir():
        raise InputError(f"{out} is a directory", hint="give --output a file in it")
    if not out.parent.is_dir():
        raise InputError(f"{out.parent} is no directory", hint="make it first, or write elsewhere")


def _own_files(run: RunDirectory) -> set[Path]:
    files = (run.manifest, run.journal, run.ledger, run.verdict)
    return {file.resolve() for file in files}
