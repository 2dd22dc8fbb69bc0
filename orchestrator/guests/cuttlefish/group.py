# SPDX-License-Identifier: Apache-2.0
"""The life of a Cuttlefish group: created, stopped and removed, with nothing of it left behind.

A group holds one device. Its files lie in a home below the run directory; cvd knows it in a database of this
user's. `cvd` is ended by SIGTERM and is given time: it puts things in order then. A killed one leaves a group
that nothing but `cvd reset` ends, and that ends every other device of the user, too: it is named, and left.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from orchestrator.deadline import Deadline
from orchestrator.errors import CommandFailed, HostError, OomlabError
from orchestrator.files.folder import Folder
from orchestrator.guests.cuttlefish import answer, command
from orchestrator.guests.cuttlefish.command import DevicePlan
from orchestrator.guests.cuttlefish.failure import Taken, failure, refusal
from orchestrator.guests.cuttlefish.reservation import (
    STATES,
    Reservation,
    abandoned,
    forget,
    reserved,
)
from orchestrator.host.process import Child, Ending, has_ended, run, start

CVD_LOG = "cvd.log"
"""What cvd and the launcher wrote, in the folder of the trial."""
_HOME = "cuttlefish-home"
_KEPT_LOGS = ("launcher.log", "assemble_cvd.log", "logcat")
_KEPT_BYTES = 16 << 20
_TAIL_BYTES = 64 << 10
_ATTEMPTS = 5
_LOOK_S = 0.2
_FLEET_S = 60.0
_REMOVE_S = 120.0
_CREATE_UNSTARTED_S = 60.0
_PATIENT = Ending(grace_s=60.0, orphaned=signal.SIGTERM, leaves_daemons=True)
"""A cvd that is killed leaves a group that it cannot end any more."""

Begun = Callable[["Group"], None]


@dataclass(frozen=True)
class Group:
    """A group of one device. `home` is where its files really lie (cvd names links to it)."""

    name: str
    number: int
    home: Path
    adb_port: int

    @property
    def instance_dir(self) -> Path:
        """The device's own directory."""
        return self.home / "cuttlefish" / "instances" / f"cvd-{self.number}"

    @property
    def kernel_log(self) -> Path:
        """The console: appended to through reboots."""
        return answer.logs(self.instance_dir) / "kernel.log"

    @property
    def launcher_log(self) -> Path:
        """What the launcher and its helpers say."""
        return answer.logs(self.instance_dir) / "launcher.log"

    @property
    def logcat(self) -> Path:
        """The device's own log, lmkd's kills in it."""
        return answer.logs(self.instance_dir) / "logcat"


class LeftBehind(HostError):
    """A group could not be removed: its files stay, too, for its device may still use them."""


class Cancelled(HostError):
    """The creation was given up because whoever wanted the device no longer does."""


@contextmanager
def created_group(
    plan: DevicePlan,
    folder: Folder,
    deadline: Deadline,
    *,
    begun: Begun = lambda _group: None,
    cancelled: threading.Event | None = None,
) -> Iterator[Group]:
    """A group whose device has booted, by cvd's word; at the end of the block it is stopped and removed.

    `begun` is called with the group as it is going to be as soon as its creation has begun, and once more if
    another name or number had to be taken: its logs can be followed from then on. `cancelled` gives the
    creation up, as `deadline` does. What cvd writes goes to `cvd.log` in `folder`; the home lies there, too,
    until the end.

    Raises failure.DeviceFailed for a device that did not boot, DeadlinePassed, Cancelled, and HostError for
    all else, among it a group that could not be removed.
    """
    home = folder.make(_HOME).path.absolute()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND  # daemons of the launcher go on writing
    with os.fdopen(folder.descriptor(CVD_LOG, flags), "wb") as log:
        creation = _Creation(plan, folder, home, deadline, log, begun, cancelled or threading.Event())
        with _removed_at_last(home), creation.made() as group:
            yield group


def remove_abandoned() -> Iterator[str]:
    """End and remove the groups that killed runs of oomlab have left; what came of each, in words.

    cvd is asked only where a run has noted a group and not taken that back. Groups of others are not touched,
    and one of which cvd knows nothing is left noted: it may be known to a cvd in another container.
    """
    left = abandoned()
    if not left:
        return
    try:
        known = [group.group_name for group in fleet().groups]
    except OomlabError as error:
        yield f"left alone: the Cuttlefish groups {', '.join(left)}: {error.message}"
        return
    with Path(os.devnull).open("wb") as log:
        for name, home in left.items():
            if name in known:
                yield _remove_one(name, home, log)
            elif not home.exists():
                forget(name)


def _remove_one(name: str, home: Path, log: BinaryIO) -> str:
    try:
        _end_group(name, home, log)
    except OomlabError as error:
        return f"left alone: {error.message}"
    if home.name == _HOME:
        shutil.rmtree(home, ignore_errors=True)
    forget(name)
    return f"removed the Cuttlefish group {name}, which a run that was killed had left"


def require_accepted(host_path: Path, product_path: Path, scratch: Path) -> None:
    """Whether cvd lets this user create devices from these paths here, by a group that is never started.

    Raises HostError with cvd's reason and what to do about it. `scratch` is empty, and is so again.
    """
    home = scratch / _HOME
    home.mkdir()
    with _removed_at_last(home), reserved(home, ()) as own, tempfile.TemporaryFile() as log:
        argv = command.create_unstarted(host_path, product_path, own.name, own.number)
        status = _cvd(argv, home, log, _CREATE_UNSTARTED_S)
        log.seek(0)
        if status == 0:
            _end_group(own.name, home, log)
        elif isinstance(failed := failure(status, log.read()), Taken):
            return  # it came as far as that
        else:
            raise failed


@contextmanager
def _removed_at_last(home: Path) -> Iterator[None]:
    """Whatever happens to the group: unless it stays."""
    try:
        yield
    except LeftBehind:
        raise
    except BaseException:
        shutil.rmtree(home, ignore_errors=True)
        raise
    shutil.rmtree(home, ignore_errors=True)


def fleet(home: Path = Path("/")) -> answer.Fleet:
    """All groups of this user. HostError and CommandFailed where cvd cannot tell."""
    deadline = Deadline.after(_FLEET_S, "cvd fleet")
    try:
        done = run(command.fleet(), env=_environment(home), ending=_PATIENT, deadline=deadline)
    except CommandFailed as error:
        raise refusal(error.output_tail) or error from None
    return answer.read_fleet(done.stdout)


@dataclass(frozen=True)
class _Creation:
    plan: DevicePlan
    folder: Folder
    home: Path
    deadline: Deadline
    log: BinaryIO
    begun: Begun
    cancelled: threading.Event

    @contextmanager
    def made(self) -> Iterator[Group]:
        """The group, under whatever name and number it can be had."""
        from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

        again = Retrying(
            retry=retry_if_exception_type(Taken), stop=stop_after_attempt(_ATTEMPTS), reraise=True
        )
        taken: set[int] = set()
        with ExitStack() as stack:
            yield again(self._enter, stack, taken)

    def _enter(self, stack: ExitStack, taken: set[int]) -> Group:
        """One attempt, which lasts as long as `stack` if it is the last."""
        with ExitStack() as made:
            reservation = made.enter_context(reserved(self.home, taken))
            taken.add(reservation.number)
            group = made.enter_context(self._attempt(reservation))
            stack.enter_context(made.pop_all())
        return group

    @contextmanager
    def _attempt(self, reservation: Reservation) -> Iterator[Group]:
        try:
            yield self._create(reservation)
        except Taken as taken:
            if taken.is_ours:
                self._remove(reservation.name)
            _remove_links(self.home)
            raise
        except BaseException as error:
            with _both_told(error):
                self._remove(reservation.name)
            raise
        self._remove(reservation.name)

    def _create(self, reservation: Reservation) -> Group:
        name, number = reservation.name, reservation.number
        expected = Group(name, number, self.home, answer.FIRST_ADB_PORT + number - 1)
        argv, environment = command.create(self.plan, name, number), _environment(self.home)
        begins = os.fstat(self.log.fileno()).st_size
        with (
            tempfile.TemporaryFile() as stdout,  # no pipe: daemons of the launcher would hold it open
            start(argv, env=environment, stdout=stdout, stderr=self.log, ending=_PATIENT) as child,
        ):
            self.begun(expected)
            self._wait(child)
            if child.returncode != 0:
                raise failure(child.returncode, self._written_since(begins))
            stdout.seek(0)
            instance = answer.read_group(stdout.read(), name).instances[0]
        return Group(name, number, self.home, answer.adb_port(instance, number))

    def _wait(self, child: Child) -> None:
        """Until cvd has ended; leaving by an exception, the caller ends it in order."""
        while True:
            self.deadline.check()
            if self.cancelled.is_set():
                raise Cancelled("the device is not wanted any more")
            if has_ended(child, min(_LOOK_S, self.deadline.remaining())):
                return

    def _written_since(self, begins: int) -> bytes:
        written = os.fstat(self.log.fileno()).st_size - begins
        return self.folder.tail(CVD_LOG, min(written, _TAIL_BYTES))

    def _remove(self, name: str) -> None:
        """Stop, keep the logs, remove."""
        _end_group(name, self.home, self.log, self._keep_logs)

    def _keep_logs(self) -> None:
        for log in sorted(self.home.glob("cuttlefish/instances/cvd-*/logs/*")):
            if log.name in _KEPT_LOGS and log.is_file() and not self.folder.has(log.name):
                with log.open("rb") as source, self.folder.create(log.name) as kept:
                    source.seek(max(0, log.stat().st_size - _KEPT_BYTES))
                    kept.write(source.read(_KEPT_BYTES))


@contextmanager
def _both_told(error: BaseException) -> Iterator[None]:
    """What goes wrong at the end does not hide what went wrong before it."""
    try:
        yield
    except OomlabError as left:
        if not isinstance(error, OomlabError):
            raise
        raise LeftBehind(
            f"{error.message}; {left.message}",
            hint="; ".join(filter(None, (error.hint, left.hint))),
            evidence=[*error.evidence, *left.evidence],
        ) from error


def _end_group(
    name: str, home: Path, log: BinaryIO, before_removal: Callable[[], None] = lambda: None
) -> None:
    """Stop and remove a group with its home; HostError, naming it, when cvd still has it afterwards."""
    _cvd(command.stop(name), home, log, 2.0 * command.STOP_S)  # one that has not come up refuses: no matter
    before_removal()
    status = _cvd(command.remove(name), home, log, _REMOVE_S)
    if status != 0 and fleet(home).named(name) is not None:
        raise LeftBehind(
            f"the Cuttlefish group {name} could not be removed (cvd remove: status {status});"
            f" its files are in {home}",
            hint="`cvd reset` ends it, and every other Cuttlefish device of this user: you decide",
        )
    _remove_links(home)


def _remove_links(home: Path) -> None:
    """What a `cvd create` that failed early leaves: a directory with a link to our home, unknown to cvd."""
    for state in STATES:
        for link in (state / str(os.geteuid())).glob("*/home"):
            with suppress(OSError):
                if link.is_symlink() and link.readlink() == home:
                    shutil.rmtree(link.parent)


def _cvd(argv: list[str], home: Path, log: BinaryIO, seconds: float) -> int:
    """The exit status of a cvd whose output goes to the log; one that takes too long is terminated."""
    with start(argv, env=_environment(home), stdout=log, stderr=log, ending=_PATIENT) as child:
        has_ended(child, seconds)
    return child.returncode


def _environment(home: Path) -> dict[str, str]:
    """Variables of Android's and cvd's change silently what it does; `start` hands none of them on."""
    return {"HOME": str(home)}
