# SPDX-License-Identifier: Apache-2.0
"""A device that has booted, over adb: whether it is ready, the agent pushed and started, its records
followed.
"""

from __future__ import annotations

import re
import shlex
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from orchestrator.deadline import Deadline
from orchestrator.errors import DeadlinePassed, HostError
from orchestrator.guest_files.archive import GuestFiles
from orchestrator.guest_files.opened import copied
from orchestrator.guests.backend import Sink
from orchestrator.guests.cuttlefish.adb import Adb, DeviceGone, Reply
from orchestrator.protocol.records import DeviceRecord, parse_record

HOME = "/data/local/tmp/oomlab"
"""Where the shell of any Android device may put programs and run them."""
AGENT = f"{HOME}/agent"
RECORDS = f"{HOME}/records"
RECIPE = f"{HOME}/recipe"
SCRIPT = f"{HOME}/script"
_SAID = f"{HOME}/agent.log"
START = f"setsid {AGENT} device {RECIPE} {RECORDS} </dev/null >{_SAID} 2>&1 &"
"""In a session of its own it gets no hangup when the connection ends."""

_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_LOOK_S = 0.25
_REBOOTED = 77
"""Exit status of our own for a device whose boot_id is another one."""
_NO_RECORDS = 2
"""Exit status of `agent follow` where there is no such file (yet)."""
_CHUNK_BYTES = 1 << 16
_PATIENCE_S = 8.0

# The banner as printk prints it first of all, behind a level, a time stamp and (PRINTK_CALLER) a thread,
# where it has them; a process that writes such a line into the log has its own name before it.
_BANNER = re.compile(rb"^(?:<\d+>)?(?:\[ *\d+\.\d+\])?(?:\[ *[TC]\d+\])? ?Linux version \d", re.MULTILINE)
_LONGEST_BANNER_BYTES = 200

_Found = TypeVar("_Found")


class Boots:
    """Counts the boots on a console, which goes on through them."""

    def __init__(self) -> None:
        self.count = 0
        self._line = b""

    def feed(self, chunk: bytes) -> int | None:
        """Where in this chunk the first boot begins that has not been counted; None where none does.

        A line that came in pieces begins before the chunk that tells that it is a banner: then that is 0.
        """
        text = self._line + chunk
        begins = [found.start() for found in _BANNER.finditer(text)]
        fresh = [max(0, begin - len(self._line)) for begin in begins]
        self.count += len(begins)
        # What is kept is a line's beginning that no banner has been found in: none is counted twice.
        last = text.rfind(b"\n") + 1
        self._line = b"" if begins and begins[-1] >= last else text[last:]
        if len(self._line) > _LONGEST_BANNER_BYTES:
            self._line = b"-"  # a long line's rest is no beginning of one
        return fresh[0] if fresh else None


@dataclass(frozen=True)
class Identity:
    """Which boot of the device this is, and who adb's commands are there."""

    boot_id: str
    uid: int


def await_ready(adb: Adb, *, root: bool, deadline: Deadline) -> Identity:
    """Wait until the device answers and, if it is Android, says itself that it has booted.

    `root`: ask for root's rights where adb has not got them. A device that refuses goes on without: its
    records say what that costs. DeadlinePassed, Unauthorized; HostError where the device has rebooted
    meanwhile.
    """
    adb.connect(deadline)
    first = persistently(adb, deadline, _identify)
    persistently(adb, deadline, _require_booted)
    if first.uid == 0 or not root:
        return first
    adb.root(deadline)
    adb.connect(deadline)
    now = persistently(adb, deadline, _identify)
    if now.boot_id != first.boot_id:
        raise HostError("the device rebooted when adb asked for root")
    return now


def _identify(adb: Adb, deadline: Deadline) -> Identity:
    reply = adb.shell(f"id -u && cat {_BOOT_ID}", deadline)
    words = reply.stdout.split()
    if reply.status != 0 or len(words) != 2 or not words[0].isdecimal():
        raise DeviceGone(f"the device's shell does not work: {_said(reply)}")
    return Identity(words[1], int(words[0]))


def _require_booted(adb: Adb, deadline: Deadline) -> None:
    """By Android's own word; a device without properties is no Android and has only its kernel's."""
    reply = adb.shell("command -v getprop >/dev/null || exit 9; getprop sys.boot_completed", deadline)
    if reply.status != 9 and reply.stdout.strip() != "1":
        raise DeviceGone("Android has not booted yet (sys.boot_completed)")


def persistently(adb: Adb, deadline: Deadline, ask: Callable[[Adb, Deadline], _Found]) -> _Found:
    """Ask until the device answers."""
    from tenacity import Retrying, retry_if_exception_type, wait_fixed

    def once() -> _Found:
        deadline.check()
        try:
            return ask(adb, deadline)
        except DeviceGone:
            adb.connect(deadline)
            raise

    return Retrying(retry=retry_if_exception_type(DeviceGone), wait=wait_fixed(_LOOK_S))(once)


def install(
    adb: Adb, agent: Path, recipe: Path, deadline: Deadline, *, script: Path | None = None
) -> DeviceRecord:
    """Push the agent, its recipe, and a script if there is one; what the agent finds on the device.

    Each boot needs it anew: a changed kernel wipes what was written before. What is lost with a connection is
    done once more. HostError, DeadlinePassed.
    """

    def once(adb: Adb, deadline: Deadline) -> DeviceRecord:
        made = adb.shell(f"rm -rf {HOME} && mkdir -p {HOME}", deadline)
        if made.status != 0:
            raise HostError(f"{HOME} cannot be made on the device: {_said(made)}")
        adb.push(agent, AGENT, deadline)
        adb.push(recipe, RECIPE, deadline)
        if script is not None:
            adb.push(script, SCRIPT, deadline)
        return _about(adb.shell(f"chmod 755 {AGENT} && {AGENT} about", deadline))

    return persistently(adb, deadline, once)


def push_files(adb: Adb, files: GuestFiles, deadline: Deadline) -> None:
    """Push the user's files to their places, where anybody may run them.

    HostError where one cannot be had there, or is not what it was when the run began; DeadlinePassed.
    """
    for record in files.records:
        source = (files.sources or {})[record.guest].source
        if copied(source, None, record.size_bytes) != record.sha256:
            raise HostError(f"{source} was changed since the run began", hint="run again")
        persistently(adb, deadline, partial(_push_file, source=source, target=record.guest))


def _push_file(adb: Adb, deadline: Deadline, *, source: Path, target: str) -> None:
    folder, place = shlex.quote(target.rpartition("/")[0]), shlex.quote(target)
    made = adb.shell(f"mkdir -p {folder}", deadline)
    if made.status != 0:
        raise HostError(f"{folder} cannot be made on the device: {_said(made)}")
    adb.push(source, target, deadline)
    adb.shell(f"chmod 755 {place}", deadline)


def _about(reply: Reply) -> DeviceRecord:
    lines = reply.stdout.strip().splitlines()
    try:
        record = parse_record(lines[-1].encode()) if reply.status == 0 and lines else None
    except ValueError as error:
        raise HostError(f"the agent on the device says what is no record: {error}") from None
    if not isinstance(record, DeviceRecord):
        raise HostError(f"the agent does not run on the device: {_said(reply)}")
    return record


def start_agent(adb: Adb, deadline: Deadline) -> None:
    """Start the agent so that it outlives this connection. HostError, DeviceGone."""
    reply = adb.shell(START, deadline)
    if reply.status != 0:
        raise HostError(f"the agent could not be started on the device: {_said(reply)}")


class Rebooted(DeviceGone):
    """The device runs, and is not the boot that the agent was started in."""


class NotStarted(DeviceGone):
    """The device runs, and its agent has written nothing."""


@dataclass
class Records:
    """The agent's records, followed over as many connections as it takes: none twice, none left out."""

    adb: Adb
    boot_id: str
    sink: Sink
    offset_bytes: int = 0
    patience_s: float = _PATIENCE_S
    """A connection that says nothing for so long is made anew, for it may be dead without anybody having
    noticed; then twice as long, for a command under test may say nothing at all."""

    @property
    def command(self) -> str:
        """Goes on where the last connection ended, on this boot of the device alone."""
        return (
            f"read boot <{_BOOT_ID}; [ $boot = {self.boot_id} ] || exit {_REBOOTED};"
            f" exec {AGENT} follow {RECORDS} {self.offset_bytes}"
        )

    def take(self, is_over: threading.Event) -> bool:
        """Hand on what comes over one connection; True when the agent has ended and all has come.

        False when that was cut off or has nothing to say. Rebooted, NotStarted.
        """
        with self.adb.stream(self.command) as stream:
            quiet = Deadline.after(self.patience_s, "a record")
            while not is_over.is_set():
                piece = stream.read(_CHUNK_BYTES, _LOOK_S)
                if piece:
                    self.offset_bytes += len(piece)
                    self.sink(piece)
                    quiet = Deadline.after(self.patience_s, "a record")
                elif piece is not None:
                    return self._ended(stream.status)
                elif quiet.passed:
                    self.patience_s *= 2
                    return False
        return False

    def _ended(self, status: int | None) -> bool:
        if status == _REBOOTED:
            raise Rebooted("the device has rebooted (another boot_id)")
        if status == _NO_RECORDS:
            raise NotStarted("the agent on the device has not begun")
        return status == 0


def why_no_records(adb: Adb, deadline: Deadline) -> str:
    """What the agent said where nobody looked, of an agent that did not start."""
    try:
        return _said(adb.shell(f"cat {_SAID}", deadline)) or "it said nothing"
    except (DeviceGone, DeadlinePassed) as error:
        return error.message


def _said(reply: Reply) -> str:
    return " ".join(f"{reply.stdout} {reply.stderr}".split())[:500] or f"status {reply.status}"
