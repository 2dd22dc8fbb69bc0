# SPDX-License-Identifier: Apache-2.0
"""The story of a device, with what surrounds it made up: which of its ends is told, and that none hides
another.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import HostError
from orchestrator.files.folder import Folder
from orchestrator.guests.backend import Lines
from orchestrator.guests.cuttlefish import guest
from orchestrator.guests.cuttlefish.adb import Unauthorized
from orchestrator.guests.cuttlefish.command import DevicePlan
from orchestrator.guests.cuttlefish.failure import DeviceFailed
from orchestrator.guests.cuttlefish.group import Cancelled, Group
from orchestrator.guests.cuttlefish.guest import DeviceBoot
from orchestrator.guests.cuttlefish.launcher import CuttlefishLauncher

BANNER = b"[    0.000000] Linux version 6.12.1\n"
BOOTED = BANNER + b"[    2.0] VIRTUAL_DEVICE_BOOT_COMPLETED\n"
PLAN = DevicePlan(Path("/cf"), Path("/cf"), Path("/Image"), 1, 256)


class Device:
    """A device whose group is made up: `creating` is done while cvd creates it, `removing` at its end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.console: list[bytes] = []
        self.closed = threading.Event()
        self.creating: Callable[[Path, threading.Event], object] = lambda log, _: log.write_bytes(BOOTED)
        self.removing: Callable[[], object] = lambda: None

    @contextmanager
    def created_group(
        self, *_: Any, begun: Callable[[Group], None], cancelled: threading.Event
    ) -> Iterator[Group]:
        group = Group("oomlab_1", 1, self.folder, 6520)
        group.kernel_log.parent.mkdir(parents=True)
        begun(group)
        self.creating(group.kernel_log, cancelled)
        try:
            yield group
        finally:
            self.removing()

    def end(self) -> str:
        """How the device ended, once it has."""
        lines = Lines(self._hear, lambda _chunk: None, Folder(self.folder))
        launcher = CuttlefishLauncher(DeviceBoot(PLAN, Path("/agent"), "oomlab.protocol=4", boot_s=30.0))
        with launcher.power_on(lines) as running:
            assert self.closed.wait(30)
            return running.await_end()

    def _hear(self, chunk: bytes) -> None:
        self.console.append(chunk)
        if not chunk:
            self.closed.set()


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Device:
    made = Device(tmp_path)

    @contextmanager
    def no_adb(*_: object) -> Iterator[object]:
        yield object()

    def refuse(*_: object, **__: object) -> None:
        raise Unauthorized("the device refuses adb")

    monkeypatch.setattr(guest, "created_group", made.created_group)
    monkeypatch.setattr(guest, "private_adb", no_adb)
    monkeypatch.setattr(guest, "await_ready", refuse)
    return made


def refuse_removal() -> None:
    raise HostError("the group oomlab_1 could not be removed", hint="`cvd reset` ends it")


def test_what_is_no_fault_of_the_device_is_an_error(device: Device) -> None:
    with pytest.raises(HostError, match="the device refuses adb"):
        device.end()
    assert b"".join(device.console) == BOOTED


def test_a_group_that_stays_is_told_beside_what_went_wrong_before(device: Device) -> None:
    device.removing = refuse_removal
    with pytest.raises(
        HostError, match=r"refuses adb; the group oomlab_1 could not .* \(`cvd reset` ends it\)"
    ):
        device.end()


def test_a_device_that_did_not_boot_ends_in_words(device: Device) -> None:
    def fail(log: Path, _: threading.Event) -> None:
        log.write_bytes(BANNER * 2)
        raise DeviceFailed("cvd ended with 255, the launcher with 11")

    device.creating = fail
    assert device.end().startswith("cvd ended with 255, the launcher with 11")


def test_a_device_that_boots_over_and_over_is_given_up(device: Device) -> None:
    def loop(log: Path, cancelled: threading.Event) -> None:
        log.write_bytes(BANNER * 3)
        assert cancelled.wait(30)
        raise Cancelled("the device is not wanted any more")

    device.creating = loop
    assert device.end() == "it booted 3 times and never got ready"


def test_a_console_that_is_no_file_is_an_error_and_ends_the_lines(device: Device) -> None:
    device.creating = lambda log, _: log.mkdir()
    with pytest.raises(HostError, match=r"kernel\.log is no regular file"):
        device.end()
