# SPDX-License-Identifier: Apache-2.0
"""One running Cuttlefish device, from `cvd create` to its removal, in threads of its own.

Creating a device takes as long as its boot. So it counts as powered on as soon as its console can be
followed, and whoever watches it sees it boot, may lose patience, and may be told to stop. Two threads: the
story (created, ready, agent, records, removed), and the console, which goes on through boots that nobody
asked for.
"""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from orchestrator.deadline import Deadline, RevocableDeadline
from orchestrator.errors import DeadlinePassed, HostError, OomlabError
from orchestrator.files.follow import Follower, LocalFile
from orchestrator.guest_files.archive import GuestFiles
from orchestrator.guests.backend import Lines, Sink
from orchestrator.guests.cuttlefish.adb import Adb, DeviceGone, Unreachable, private_adb
from orchestrator.guests.cuttlefish.command import DevicePlan
from orchestrator.guests.cuttlefish.device import (
    Boots,
    NotStarted,
    Rebooted,
    Records,
    await_ready,
    install,
    persistently,
    push_files,
    start_agent,
    why_no_records,
)
from orchestrator.guests.cuttlefish.failure import DeviceFailed
from orchestrator.guests.cuttlefish.group import Cancelled, Group, created_group
from orchestrator.guests.cuttlefish.identity import (
    ConsoleWords,
    banner_of_image,
    require_kernel,
    require_same_console,
)

_RECIPE_FILE = "recipe"
_BOOTED = b"VIRTUAL_DEVICE_BOOT_COMPLETED"
_LAST_MARK = b"oomlab: phase end"
_LAST_MARK_S = 5.0
_LOOK_S = 0.05
"""Nobody tells when a file has grown, so the console's is looked at."""
_BETWEEN_TRIES_S = 0.25
_STEP_S = 10.0
_MOST_BOOTS = 3
"""A device that has begun to boot so often without getting ready does so for ever."""
_GONE_S = 10.0
"""A port that nobody listens at for so long: what ran the device has ended."""


@dataclass(frozen=True)
class DeviceBoot:
    """What a device is made from, and what its agent is told."""

    plan: DevicePlan
    agent: Path
    recipe: str
    boot_s: float
    """Host seconds until the agent speaks."""
    script: Path | None = None
    """Pushed beside the agent, for a command that runs it."""
    files: GuestFiles = field(default_factory=GuestFiles)
    """The user's, pushed to their places."""
    root: bool = True
    """Ask for root's rights where the device's shell has not got them."""
    adb: str = "adb"


class CuttlefishGuest:
    """As `orchestrator.guests.backend.Guest`."""

    def __init__(self, boot: DeviceBoot, lines: Lines, scratch: Path, adb_log: BinaryIO) -> None:
        self._boot = boot
        self._folder = lines.folder
        self._scratch = scratch
        self._adb_log = adb_log
        self._console = _Line(lines.console)
        self._control = _Line(lines.control)
        self._deadline = RevocableDeadline.after(boot.boot_s, "the device boots and its agent starts")
        self._group: Group | None = None
        self._boots = Boots()
        self._agent_runs = False
        self._words_heard = ConsoleWords()
        self._booted = self._words_heard.awaited(_BOOTED)
        self._last_mark = self._words_heard.awaited(_LAST_MARK)
        self._over = threading.Event()
        self._first = threading.Lock()
        self._words = ""
        self._failure: OomlabError | None = None
        self._left: OomlabError | None = None
        self._delivered = threading.Event()
        self._story = threading.Thread(name="cuttlefish", target=self._live, daemon=True)
        self._watcher = threading.Thread(name="kernel-log", target=self._watch_console, daemon=True)

    def start(self) -> None:
        """Begin, and return at once."""
        self._watcher.start()
        self._story.start()

    def end(self) -> None:
        """Give up what still goes on; then nothing of the device is left. HostError, where something is."""
        self._finish("it was ended")
        self._deadline.revoke()
        self._story.join()
        self._watcher.join()
        if self._left is not None:
            raise self._left

    def await_end(self) -> str:
        """How the device ended. HostError where its end says nothing about it."""
        self._delivered.wait()
        if self._failure is not None:
            raise self._failure
        return self._words

    def sink_failure(self) -> Exception | None:
        """What stopped the recording of a line, or None."""
        return self._console.failure or self._control.failure

    def registers(self) -> str:
        """There is no way to them."""
        raise HostError("a Cuttlefish device does not tell its registers")

    def private_memory_kb(self) -> int:
        """What runs the device does not tell."""
        return 0

    def _live(self) -> None:
        """The story of the device."""
        try:
            with created_group(
                self._boot.plan, self._folder, self._deadline, begun=self._begun, cancelled=self._over
            ) as group:
                self._begun(group)
                self._control_it(group)
                self._watcher.join()  # its console goes with it
        except OomlabError as error:
            self._failed(error)
        except BaseException as error:
            self._failed(HostError(f"the device could not be looked after: {error!r}"))
            raise
        finally:
            self._finish("it has ended")

    def _begun(self, group: Group) -> None:
        self._group = group

    def _control_it(self, group: Group) -> None:
        with private_adb(self._scratch, self._boot.adb, group.adb_port, self._adb_log) as adb:
            try:
                boot_id = self._start_agent(adb)
                self._agent_runs = True
                self._follow(Records(adb, boot_id, self._control.deliver))
            except OomlabError as error:
                self._failed(error)
        self._finish("its agent has ended")

    def _start_agent(self, adb: Adb) -> str:
        """Which boot of the device the agent was started in."""
        recipe = self._scratch / _RECIPE_FILE
        recipe.write_text(self._boot.recipe)
        # cvd has said so, too; the device's own word is on the console.
        booted = self._deadline.sooner(self._boot.boot_s, f"{_BOOTED.decode()} on the device's console")
        while not self._booted.wait(booted.slice()):
            booted.check()
        identity = await_ready(adb, root=self._boot.root, deadline=self._deadline)
        device = install(adb, self._boot.agent, recipe, self._deadline, script=self._boot.script)
        push_files(adb, self._boot.files, self._deadline)
        self._require_ours(adb, writes_kmsg="kmsg" not in device.lacks)
        with suppress(DeviceGone):  # whether it was started all the same, its records will tell
            start_agent(adb, self._deadline)
        return identity.boot_id

    def _require_ours(self, adb: Adb, *, writes_kmsg: bool) -> None:
        """What adb reaches runs this boot's kernel, and is what the console is of."""
        given = banner_of_image(self._boot.plan.kernel)
        persistently(adb, self._deadline, lambda adb, by: require_kernel(adb, given, by))
        if writes_kmsg:
            persistently(
                adb, self._deadline, lambda adb, by: require_same_console(adb, self._words_heard, by)
            )
        else:
            self._last_mark.set()  # its agent leaves none

    def _follow(self, records: Records) -> None:
        """Until the agent has ended, or the device, or nobody wants to know any more."""
        gone, begun = Deadline.after(_GONE_S, "the port"), Deadline.after(_STEP_S, "the agent begins")
        while not self._over.is_set():
            try:
                if records.take(self._over):
                    self._last_mark.wait(_LAST_MARK_S)
                    return
                records.adb.try_to_connect(self._step("the device answers again"))
                gone = Deadline.after(_GONE_S, "the port")
            except Rebooted as rebooted:
                self._finish(rebooted.message)
            except NotStarted as error:
                if begun.passed:
                    said = why_no_records(records.adb, self._step("the agent's own words"))
                    raise HostError(f"{error.message}: {said}") from None
            except Unreachable as unreachable:
                if gone.passed:
                    self._finish(f"the device is gone: {unreachable.message}")
            except (DeviceGone, DeadlinePassed):
                gone = Deadline.after(_GONE_S, "the port")
            self._over.wait(_BETWEEN_TRIES_S)

    def _step(self, what: str) -> Deadline:
        return RevocableDeadline(time.monotonic() + _STEP_S, what, self._deadline.revoked)

    def _failed(self, error: OomlabError) -> None:
        """Before the end it is why it ended; after the end it is what has become of the rest."""
        of_device = isinstance(error, DeviceFailed | DeviceGone | DeadlinePassed | Cancelled)
        if not self._over.is_set():
            self._failure = None if of_device else _with_hint(error)
            self._finish(error.message + self._boot_count())
        elif not of_device:
            before = f"{self._failure.message}; " if self._failure is not None else ""
            left = _with_hint(error)
            self._left = HostError(before + left.message, evidence=left.evidence)

    def _boot_count(self) -> str:
        return f"; it had booted {self._boots.count} times" if self._boots.count > 1 else ""

    def _finish(self, words: str) -> None:
        """The first who knows how it ended says so."""
        with self._first:
            if not self._over.is_set():
                self._words = words
                self._over.set()

    def _watch_console(self) -> None:
        try:
            with ExitStack() as files:
                self._follow_console(files)
        except (OSError, OomlabError) as error:
            self._failed(HostError(f"the device's console cannot be read: {error}"))
        finally:
            self._over.wait()
            self._control.close()
            self._console.close()
            self._delivered.set()

    def _follow_console(self, files: ExitStack) -> None:
        log, follower = None, None
        while True:
            over = self._over.is_set()  # before the look: what was there at the end is seen
            if self._group is not None and self._group.kernel_log != log:  # another had to be tried
                log = self._group.kernel_log
                follower = Follower(files.enter_context(LocalFile(log)))
            if follower is not None and (piece := follower.poll()):
                self._hear(piece)
            elif over:
                return
            else:
                self._over.wait(_LOOK_S)

    def _hear(self, piece: bytes) -> None:
        begins = self._boots.feed(piece)
        if begins is not None and self._boots.count > 1:
            if self._agent_runs:
                self._console.deliver(piece[:begins])
                self._finish("the device rebooted by itself")
                self._console.mute()  # what another boot says is not this trial's
            elif self._boots.count >= _MOST_BOOTS:
                self._finish(f"it booted {self._boots.count} times and never got ready")
        self._console.deliver(piece)
        self._words_heard.feed(piece)


class _Line:
    """One of the two lines to its sink, until that fails; closed once."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._lock = threading.Lock()
        self._muted = False
        self._closed = False
        self.failure: Exception | None = None

    def deliver(self, chunk: bytes) -> None:
        """Hand on what came, if anybody is to have it."""
        with self._lock:
            if chunk and not self._muted:
                self._hand_on(chunk)

    def mute(self) -> None:
        """Hand on nothing more but the end."""
        self._muted = True

    def close(self) -> None:
        """Tell the sink that nothing more comes."""
        with self._lock:
            if not self._closed:
                self._closed = self._muted = True
                self._hand_on(b"")

    def _hand_on(self, chunk: bytes) -> None:
        if self.failure is None:
            try:
                self._sink(chunk)
            except Exception as error:  # noqa: BLE001 - whatever it is, the device must not be held up
                self.failure = error


def _with_hint(error: OomlabError) -> OomlabError:
    """What reaches a trial's result is the message alone."""
    if not error.hint:
        return error
    return HostError(f"{error.message} ({error.hint})", evidence=error.evidence)
