# SPDX-License-Identifier: Apache-2.0
"""A name and an instance number for a group that nobody uses, as far as can be seen beforehand.

cvd takes any number that it is given unless a group of the same user has it; so this looks at what other
users' cvds have locked and at the port of the device's adbd, and keeps runs of oomlab apart by locks of their
own. Who is quicker still wins: then `cvd create` fails, and another is taken.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import socket
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import HostError
from orchestrator.guests.cuttlefish.answer import FIRST_ADB_PORT
from orchestrator.paths import cache_dir

STATES = (Path("/var/tmp/cvd"), Path("/tmp/cvd"))
"""Where cvds keep what all users share."""
OURS = re.compile(r"oomlab_[0-9a-f]{8}")
"""A group name of ours. (cvd refuses names with a dash.)"""
_PREPARED = 10
"""Instances that the host package's service makes network devices for, unless it is told otherwise."""
_NETWORK_DEVICES = Path("/sys/class/net")
_TAP = re.compile(r"cvd-mtap-(\d+)")
_IN_USE = b"I"
_LOCK_MODE = 0o600


@dataclass(frozen=True)
class Reservation:
    """A group's name and its device's instance number."""

    name: str
    number: int


@contextmanager
def reserved(home: Path, avoid: Collection[int]) -> Iterator[Reservation]:
    """A name and a number, ours until the end of the block. HostError when no number is free.

    `home` is noted for whoever finds the group without an owner (`abandoned`); `avoid` are numbers that
    have turned out to be taken.
    """
    name = f"oomlab_{secrets.token_hex(4)}"
    folder = _locks()
    with _locked(folder / f"{name}.group", str(home)) as own:
        if own is None:
            raise AssertionError(f"{name} was drawn twice")
        try:
            with _number(folder, avoid) as number:
                yield Reservation(name, number)
        finally:
            (folder / f"{name}.group").unlink(missing_ok=True)


def abandoned() -> dict[str, Path]:
    """Groups of ours whose maker has died, by name, with their homes."""
    notes = sorted(_locks().glob("*.group"))
    found = {note.stem: _abandoned_home(note) for note in notes if OURS.fullmatch(note.stem)}
    return {name: home for name, home in found.items() if home is not None}


def _abandoned_home(note: Path) -> Path | None:
    """None while who noted it lives."""
    try:
        with note.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            home = os.fsdecode(file.read())
    except OSError:
        return None
    return Path(home) if home else None


def forget(name: str) -> None:
    """The abandoned group is gone."""
    (_locks() / f"{name}.group").unlink(missing_ok=True)


def prepared_numbers(devices: Path = _NETWORK_DEVICES) -> list[int]:
    """The instance numbers that this host has network devices for, or those that it has them for usually."""
    names = [path.name for path in devices.glob("cvd-mtap-*")] if devices.is_dir() else []
    found = sorted(int(match[1]) for name in names if (match := _TAP.fullmatch(name)) is not None)
    return found or list(range(1, _PREPARED + 1))


def in_use(number: int, states: Collection[Path] = STATES) -> str:
    """Who seems to have the number, in words; "" when it is free."""
    for state in states:
        lock = state / "lock" / f"local-instance-{number}.lock"
        with suppress(OSError):
            if lock.read_bytes()[:1] == _IN_USE:
                return f"{lock} says so"
    port = FIRST_ADB_PORT + number - 1
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return f"port {port} is in use"
    return ""


@contextmanager
def _number(folder: Path, avoid: Collection[int]) -> Iterator[int]:
    numbers, why = prepared_numbers(), []
    for number in numbers:
        user = "it was taken just now" if number in avoid else in_use(number)
        if user:
            why.append(f"{number}: {user}")
            continue
        with _locked(folder / f"{number}.number") as own:
            if own is not None:
                yield number
                return
            why.append(f"{number}: another run of oomlab has it")
    raise HostError(
        f"none of Cuttlefish's instance numbers {numbers[0]} to {numbers[-1]} is free",
        hint="`cvd fleet` lists this user's devices; num_cvd_accounts in"
        " /etc/default/cuttlefish-host-resources says how many this host has room for",
        evidence=why,
    )


@contextmanager
def _locked(path: Path, note: str = "") -> Iterator[Path | None]:
    """The path, once it is locked by us; None where somebody else has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _LOCK_MODE)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        if note:
            os.write(descriptor, os.fsencode(note))
        yield path
    finally:
        os.close(descriptor)


def _locks() -> Path:
    folder = cache_dir() / "cuttlefish"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
