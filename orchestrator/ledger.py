# SPDX-License-Identifier: Apache-2.0
"""Which processes a run started: what `oomlab clean` may end when the run itself no longer can.

Children die with the tool by the kernel's own hand; the ledger is for what that did not reach.
A pid alone proves nothing, for pids are used again: a process is the one that was started only
if its start time (proc(5), /proc/PID/stat, field 22) and the boot of the host agree as well.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orchestrator.errors import HostError
from orchestrator.process import witnessed

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_FIRST_FIELD_AFTER_NAME = 3
_START_TIME_FIELD = 22


class StartedProcess(BaseModel):
    """One line of `ledger.jsonl`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    time: datetime = Field(default_factory=lambda: datetime.now(UTC))
    pid: int
    start_ticks: int = Field(description="its start, in clock ticks since the host's boot")
    boot_id: str = Field(description="which boot of the host that was")
    what: str = Field(description="the program")

    @property
    def lives(self) -> bool:
        """True while the very process that was started still exists."""
        return self.boot_id == boot_id() and start_ticks(self.pid) == self.start_ticks


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


@contextmanager
def kept_ledger(path: Path) -> Iterator[None]:
    """Within the block every process that this program starts is written to `path`.

    Written, not flushed to disk: after a crash of the whole machine no process is left to be found.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)

    def witness(pid: int, program: str) -> None:
        ticks = start_ticks(pid)
        if ticks is None:
            return  # it has ended already
        process = StartedProcess(pid=pid, start_ticks=ticks, boot_id=boot_id(), what=Path(program).name)
        try:
            os.write(descriptor, process.model_dump_json().encode() + b"\n")
        except OSError as error:
            raise HostError(f"{path} cannot be written: {error.strerror}", hint="free space") from None

    try:
        with witnessed(witness):
            yield
    finally:
        os.close(descriptor)


def read_ledger(path: Path) -> list[StartedProcess]:
    """All processes that a run recorded; lines that are none (cut off, damaged) are left out."""
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    found = []
    for line in lines:
        with suppress(ValidationError):
            found.append(StartedProcess.model_validate_json(line))
    return found


def end_process(process: StartedProcess) -> bool:
    """SIGKILL to exactly this process; False when it was gone already."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return False
    try:
        # Looked at after the handle is held: from here on the pid cannot become another process.
        if not process.lives:
            return False
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, signal.SIGKILL)
    finally:
        os.close(handle)
    return True
