# SPDX-License-Identifier: Apache-2.0
"""Records come once each, over however many connections."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import cast

import pytest

from orchestrator.guests.cuttlefish.adb import Adb
from orchestrator.guests.cuttlefish.device import NotStarted, Rebooted, Records

BOOT_ID = "1234-5678"


class _Stream:
    def __init__(self, pieces: Sequence[bytes | None], status: int | None) -> None:
        self._pieces = list(pieces)
        self.status: int | None = None
        self._last = status

    def read(self, most_bytes: int, seconds: float) -> bytes | None:
        if self._pieces:
            return self._pieces.pop(0)
        self.status = self._last
        return b""


class _Device:
    """What each connection brings, and what it was asked."""

    def __init__(self, *connections: tuple[Sequence[bytes | None], int | None]) -> None:
        self.asked: list[str] = []
        self._connections = list(connections)

    @contextmanager
    def stream(self, command: str) -> Iterator[_Stream]:
        self.asked.append(command)
        yield _Stream(*self._connections.pop(0))


def followed(device: _Device) -> tuple[Records, list[bytes]]:
    got: list[bytes] = []
    return Records(cast("Adb", device), BOOT_ID, got.append), got


def test_records_end_when_the_device_says_that_the_agent_has_ended() -> None:
    records, got = followed(_Device(([b"one\n", None, b"two\n"], 0)))
    assert records.take(threading.Event())
    assert got == [b"one\n", b"two\n"]


def test_a_connection_that_was_cut_is_gone_on_with_at_the_next_byte() -> None:
    device = _Device(([b"one\ntw"], None), ([b"o\n"], 0))
    records, got = followed(device)
    assert not records.take(threading.Event())
    assert records.take(threading.Event())
    assert b"".join(got) == b"one\ntwo\n"
    assert [command.split()[-1] for command in device.asked] == ["0", "6"]


def test_another_boot_of_the_device_is_not_followed() -> None:
    device = _Device(([], 77))
    records, _ = followed(device)
    with pytest.raises(Rebooted, match="another boot_id"):
        records.take(threading.Event())
    assert f"$boot = {BOOT_ID}" in device.asked[0]


def test_an_agent_that_has_written_nothing_has_not_started() -> None:
    records, _ = followed(_Device(([], 2)))
    with pytest.raises(NotStarted):
        records.take(threading.Event())


def test_a_follower_that_the_kernel_killed_is_no_end_of_the_agent() -> None:
    records, _ = followed(_Device(([b"one\n"], 137)))
    assert not records.take(threading.Event())


def test_a_connection_that_is_silent_for_long_is_made_anew_and_then_given_more_time() -> None:
    records, _ = followed(_Device(([None] * 10, 0), ([b"one\n"], 0)))
    records.patience_s = 0.0
    assert not records.take(threading.Event())
    records.patience_s = 8.0
    assert records.take(threading.Event())


def test_nobody_waits_for_records_that_are_not_wanted_any_more() -> None:
    over = threading.Event()
    over.set()
    records, got = followed(_Device(([b"one\n"], 0)))
    assert not records.take(over)
    assert got == []
