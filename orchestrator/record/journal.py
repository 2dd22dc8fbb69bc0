# SPDX-License-Identifier: Apache-2.0
"""The append-only record of a run, and reading it back.

A record is one JSON object a line, on disk before the run goes on: a crash at any point loses
at most the trial in flight. A last line that was cut off is dropped when reading, and taken off
the file before anything is appended.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import from_json

from orchestrator.errors import HostError, InputError
from orchestrator.files.folder import Folder
from orchestrator.files.json_numbers import HugeNumberError, require_64_bits
from orchestrator.frozen import Frozen
from orchestrator.guests.accelerator_report import AcceleratorReport
from orchestrator.host.facts import HostFacts
from orchestrator.oom.records import MemoryEvent
from orchestrator.record.fallback import settled
from orchestrator.record.result import BlockResult, TrialResult
from orchestrator.units import KIB, MIB

FORMAT = 2
"""Format of the journals that this program writes; newer ones are refused, 1 is read (result.py)."""

_MOST_BYTES = 1024 * MIB
"""A trial takes some 10 KiB."""
_STEP_BYTES = 64 * KIB


class _Entry(Frozen):
    time: datetime = Field(default_factory=lambda: datetime.now(UTC))


class RunStarted(_Entry):
    """The run begins; `planned` trials will be made if none needs repeating."""

    kind: Literal["run-started"] = "run-started"
    scenario: str
    planned: int
    format: int = Field(FORMAT, description="format of this journal")


class RunResumed(_Entry):
    """A run that was cut short goes on: `--resume`."""

    kind: Literal["run-resumed"] = "run-resumed"
    oomlab_version: str = Field(description="version of the program that goes on")
    missing: int = Field(description="trials still to be made; those in flight at the cut are among them")


class _PowerOn(_Entry):
    host: HostFacts | None = Field(
        None,
        description="the machine that the guest is powered on on; null: its block's, if it is a fork, else"
        " (earlier versions) the manifest's",
    )
    accelerator: AcceleratorReport | None = Field(None, description="what runs it there; null: as above")


class BlockStarted(_PowerOn):
    """A guest is about to be powered on; `number` names its directory under blocks/."""

    kind: Literal["block-started"] = "block-started"
    number: int = Field(description="its place in the plan, and the name of its directory under `blocks/`")
    block: int = Field(description="its number in the scenario; 0 for the proof boot of `hard: forbidden`")
    variants: tuple[str, ...] = Field(description="the variants that fork from it")
    attempt: int = Field(description="1, or more for a repetition")


class BlockEnded(_Entry):
    """A block is at its target and its snapshot taken, or it failed."""

    kind: Literal["block-ended"] = "block-ended"
    number: int = Field(description="its place in the plan, as in `block-started`")
    result: BlockResult = Field(description="the block; below")


class TrialStarted(_PowerOn):
    """A block is about to be forked; `trial` names the directory under trials/."""

    kind: Literal["trial-started"] = "trial-started"
    trial: int
    block: int
    variant: str
    attempt: int


class EventRecorded(_Entry):
    """An OOM, allocation failure or the like was read from a guest's console."""

    kind: Literal["event"] = "event"
    where: Literal["block", "trial"] = Field(description="whose console it is")
    number: int = Field(description="place of that block or trial in the plan")
    event: MemoryEvent


class TrialEnded(_Entry):
    """A trial has been judged."""

    kind: Literal["trial-ended"] = "trial-ended"
    result: TrialResult


class RunEnded(_Entry):
    """The run is over."""

    kind: Literal["run-ended"] = "run-ended"
    reason: Literal["finished", "interrupted", "failed"]
    detail: str = ""


Entry = (
    RunStarted | RunResumed | BlockStarted | BlockEnded | TrialStarted | EventRecorded | TrialEnded | RunEnded
)
_ENTRY: TypeAdapter[Entry] = TypeAdapter(Annotated[Entry, Field(discriminator="kind")])


class Journal:
    """An open journal; get one from `open_journal`."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def append(self, entry: Entry) -> None:
        """Add one record; it is on disk when this returns. HostError when the disk is full.

        A record that does not fit is taken back, so that a later one does not follow half a line.
        """
        line = entry.model_dump_json().encode() + b"\n"
        size_bytes = os.fstat(self._descriptor).st_size
        try:
            while line:
                line = line[os.write(self._descriptor, line) :]
            os.fsync(self._descriptor)
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._descriptor, size_bytes)
            raise HostError(
                f"the journal cannot be written: {error.strerror}",
                hint="free space; `oomlab run --resume RUN` goes on from there",
            ) from None


@contextmanager
def open_journal(path: Path) -> Iterator[Journal]:
    """The journal at `path`, for appending by this process alone.

    Raises InputError while another process has it open: two writers would run every trial twice.
    """
    descriptor = Folder(path.parent).descriptor(path.name, os.O_RDWR | os.O_CREAT | os.O_APPEND)
    try:
        _lock(descriptor, path)
        _drop_cut_off_line(descriptor)
        yield Journal(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def unused_journal(path: Path) -> Iterator[None]:
    """Within the block nobody can go on with the run; the journal is left as it is, or missing.

    Raises InputError while another process has it open.
    """
    try:
        descriptor = Folder(path.parent).descriptor(path.name, os.O_RDONLY)
    except FileNotFoundError:
        yield  # a run that ended before it began
        return
    try:
        _lock(descriptor, path)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InputError(
            f"another oomlab is at work on {path.parent}", hint="wait for it, or interrupt it"
        ) from None


def _drop_cut_off_line(descriptor: int) -> None:
    size_bytes = end = os.fstat(descriptor).st_size
    while end > 0:
        start = max(0, end - _STEP_BYTES)
        found = os.pread(descriptor, end - start, start).rfind(b"\n")
        if found >= 0:
            end = start + found + 1
            break
        end = start
    if end != size_bytes:
        os.ftruncate(descriptor, end)


def read_journal(path: Path) -> list[Entry]:
    """All whole records; InputError names the first line that is none."""
    try:
        file = Folder(path.parent).open(path.name, most_bytes=_MOST_BYTES)
    except FileNotFoundError:
        raise InputError(f"{path} does not exist", hint="is this a run directory?") from None
    with file:
        return [
            _entry(path, number, line)
            for number, line in enumerate(file, start=1)
            if line.endswith(b"\n")  # what follows the last newline was cut off
        ]


def parse_entry(line: bytes) -> Entry:
    """One line of a journal of this format; InputError for what is none."""
    try:
        require_64_bits(line)
        return _ENTRY.validate_json(line)
    except HugeNumberError as error:
        raise InputError(f"no journal record: {error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InputError(f"no journal record: {first['msg']}") from None


def _entry(path: Path, number: int, line: bytes) -> Entry:
    if number == 1:
        _require_known_format(path, line)
    try:
        return parse_entry(line)
    except InputError as error:
        raise InputError(f"{path}:{number}: {error.message}") from None


def _require_known_format(path: Path, line: bytes) -> None:
    """A format of later times is told from damage by what the first record says of itself."""
    with suppress(ValueError):
        first = from_json(line)
        found = first.get("format", FORMAT) if isinstance(first, dict) else FORMAT
        if isinstance(found, int) and found > FORMAT:
            raise InputError(
                f"{path} has format {found}; this oomlab knows formats up to {FORMAT}",
                hint="use the version of oomlab that made it, or a newer one",
            )


def block_results(entries: list[Entry]) -> list[BlockResult]:
    """What became of all blocks that were tried, in order."""
    return [entry.result for entry in entries if isinstance(entry, BlockEnded)]


def trial_results(entries: list[Entry]) -> list[TrialResult]:
    """The results of all trials that ended, in order; those of earlier versions counted as today."""
    return [settled(entry.result) for entry in entries if isinstance(entry, TrialEnded)]
