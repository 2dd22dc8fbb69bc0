# SPDX-License-Identifier: Apache-2.0
"""Whether what adb reaches is the device that was created: its console, its kernel.

A port of this host may lead to another device by now, and a launcher may boot another kernel than it was
given; a trial on either says nothing about the variant that it is counted for.
"""

from __future__ import annotations

import secrets
import threading
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from orchestrator.deadline import Deadline
from orchestrator.errors import HostError
from orchestrator.guests.cuttlefish.adb import Reply
from orchestrator.kernels.given.image import read_image_file

_TOKEN_BYTES = 8
_ON_CONSOLE_S = 10.0
_VERSION_CHARS = 64
"""uname(2) has room for no more (__NEW_UTS_LEN, include/uapi/linux/utsname.h)."""


class Shell(Protocol):
    """What runs commands on the device: `orchestrator.guests.cuttlefish.adb.Adb` is one."""

    def shell(self, command: str, deadline: Deadline) -> Reply:
        """What a command said and how it ended."""


class WrongDevice(HostError):
    """adb reaches a device, and not the one that was created for this trial."""


class ConsoleWords:
    """Tells when words that somebody waits for have come on the console, in however many pieces."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._awaited: dict[bytes, threading.Event] = {}
        self._tail = b""

    def awaited(self, word: bytes) -> threading.Event:
        """Set once the word has come after this call."""
        with self._lock:
            return self._awaited.setdefault(word, threading.Event())

    def feed(self, piece: bytes) -> None:
        """The console's next bytes."""
        with self._lock:
            text = self._tail + piece
            for word, seen in self._awaited.items():
                if word in text:
                    seen.set()
            longest = max(map(len, self._awaited), default=1)
            self._tail = text[-longest:]


@lru_cache(maxsize=16)
def banner_of_image(kernel: Path) -> str:
    """The line by which a kernel image will introduce itself (`linux_banner`, init/version-timestamp.c)."""
    return read_image_file(kernel).banner


def require_same_console(device: Shell, words: ConsoleWords, deadline: Deadline) -> None:
    """What is written to the device's kernel log must appear on the console that is followed.

    WrongDevice where it does not; DeviceGone, DeadlinePassed. Needs the right to write to /dev/kmsg.
    """
    token = secrets.token_hex(_TOKEN_BYTES)
    seen = words.awaited(token.encode())
    written = device.shell(f"echo 'oomlab: device {token}' >/dev/kmsg", deadline)
    on_console = deadline.sooner(_ON_CONSOLE_S, "the console shows what was written to the kernel log")
    while written.status == 0 and not seen.wait(on_console.slice()):
        deadline.check()
        if on_console.passed:
            raise WrongDevice(
                "adb reaches another device than the one whose console is followed: what is written to its"
                " kernel log does not appear there",
                hint="does another program give out the same ports? `cvd fleet` lists the devices",
            )


def require_kernel(device: Shell, banner: str, deadline: Deadline) -> None:
    """The device must run the kernel with this banner. WrongDevice; DeviceGone, DeadlinePassed."""
    reply = device.shell("uname -r && uname -v", deadline)
    lines = reply.stdout.splitlines()
    if reply.status != 0 or len(lines) != 2:
        raise HostError("the device does not say what kernel it runs (`uname -r && uname -v`)")
    release, version = (line.strip() for line in lines)
    if banner.startswith(f"Linux version {release} (") and version[:_VERSION_CHARS] in banner:
        return
    raise WrongDevice(
        f"the device runs another kernel than it was given: {release} {version}",
        hint="does its launcher heed --kernel_path? launcher.log of the trial has its words",
        evidence=[f"given: {banner}"],
    )
