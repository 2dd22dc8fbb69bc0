# SPDX-License-Identifier: Apache-2.0
"""Which processes a run started: what `oomlab clean` may end when the run itself no longer can.

Children die with the tool by the kernel's own hand; the ledger is for what that did not reach.
A pid alone proves nothing, for pids are used again; start time and boot of the host tell which process
is meant, but anybody can look those up and write them into a ledger. So a process is ended only if it
says itself that it is of this run: its environment holds a random word that the ledger repeats, and
the place of that very ledger, which no copy of it has.
"""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from pydantic import Field, ValidationError

from orchestrator.errors import HostError
from orchestrator.files.folder import Folder
from orchestrator.frozen import Frozen
from orchestrator.host.privilege import UNUSED_IDS
from orchestrator.host.process import witnessed

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_FIRST_FIELD_AFTER_NAME = 3
_START_TIME_FIELD = 22
_VARIABLE = "OOMLAB_RUN"
_MARKER_BYTES = 32
_MOST_ENVIRONMENT_BYTES = 1 << 20
_PID_MAX = 4 << 20
"""PID_MAX_LIMIT of include/linux/threads.h; 0 and negative numbers mean whole groups of processes."""


class StartedProcess(Frozen):
    """One line of `ledger.jsonl`."""

    time: datetime = Field(default_factory=lambda: datetime.now(UTC))
    pid: int = Field(gt=0, le=_PID_MAX, strict=True)
    start_ticks: int = Field(description="its start, in clock ticks since the host's boot")
    boot_id: str = Field(description="which boot of the host that was")
    what: str = Field(description="the program")
    marker: str = Field(
        pattern=f"^[0-9a-f]{{{2 * _MARKER_BYTES}}}$",
        description="random word in its environment",
    )

    def lives(self, ledger: Path) -> bool:
        """True while the very process that was started still exists, and is of the run of this ledger."""
        return (
            self.boot_id == boot_id()
            and start_ticks(self.pid) == self.start_ticks
            and _is_ours(self.pid)
            and _mark(self.marker, _identity(ledger)) in _environment(self.pid)
        )


@cache
def boot_id() -> str:
    """What tells this boot of the host from every other one (random(4))."""
    return _BOOT_ID.read_text().strip()


def start_ticks(pid: int) -> int | None:
    """When a process started, in clock ticks since boot; None when there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the name before it may hold spaces and parentheses
    if fields[0] in ("Z", "X"):
        return None
    return int(fields[_START_TIME_FIELD - _FIRST_FIELD_AFTER_NAME])


def _is_ours(pid: int) -> bool:
    """True for a process of the user who runs this, or of one that nobody has, which root's children are."""
    try:
        owner = Path(f"/proc/{pid}").stat().st_uid
    except OSError:
        return False
    ours = {os.geteuid()}
    if os.geteuid() == 0:
        ours |= {ids.of(pid) for ids in UNUSED_IDS}
    return owner in ours


def _environment(pid: int) -> list[tuple[str, str]]:
    """What a process was started with; nothing when it may not be looked at."""
    try:
        with Path(f"/proc/{pid}/environ").open("rb") as file:
            words = file.read(_MOST_ENVIRONMENT_BYTES).split(b"\0")
    except OSError:
        return []
    pairs = (os.fsdecode(word).partition("=") for word in words)
    return [(name, value) for name, _, value in pairs]


def _identity(ledger: Path) -> os.stat_result:
    descriptor = Folder(ledger.parent).descriptor(ledger.name, os.O_RDONLY)
    try:
        return os.fstat(descriptor)
    finally:
        os.close(descriptor)


def _mark(marker: str, ledger: os.stat_result) -> tuple[str, str]:
    """The variable that a run's processes have: its word, and which file its ledger is."""
    return _VARIABLE, f"{marker}-{ledger.st_dev}-{ledger.st_ino}"


@contextmanager
def kept_ledger(path: Path) -> Iterator[None]:
    """Within the block every process that this program starts is written to `path`.

    Written, not flushed to disk: after a crash of the whole machine no process is left to be found.
    """
    descriptor = Folder(path.parent).descriptor(path.name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    marker = secrets.token_hex(_MARKER_BYTES)

    def witness(pid: int, program: str) -> None:
        ticks = start_ticks(pid)
        if ticks is None:
            return  # it has ended already
        process = StartedProcess(
            pid=pid, start_ticks=ticks, boot_id=boot_id(), what=Path(program).name, marker=marker
        )
        try:
            os.write(descriptor, process.model_dump_json().encode() + b"\n")
        except OSError as error:
            raise HostError(f"{path} cannot be written: {error.strerror}", hint="free space") from None

    try:
        with witnessed(witness, variables=dict([_mark(marker, os.fstat(descriptor))])):
            yield
    finally:
        os.close(descriptor)


def read_ledger(path: Path) -> list[StartedProcess]:
    """All processes that a run recorded; lines that are none (cut off, damaged) are left out."""
    try:
        lines = Folder(path.parent).read(path.name).splitlines()
    except FileNotFoundError:
        return []
    found = []
    for line in lines:
        with suppress(ValidationError):
            found.append(StartedProcess.model_validate_json(line))
    return found


def end_process(process: StartedProcess, ledger: Path) -> bool:
    """SIGKILL to exactly this process; False when it is gone already, or not of the run of this ledger."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return False
    try:
        # Looked at after the handle is held: from here on the pid cannot become another process.
        if not process.lives(ledger):
            return False
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, signal.SIGKILL)
    finally:
        os.close(handle)
    return True
