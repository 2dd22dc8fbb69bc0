# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from orchestrator.deadline import Deadline
from orchestrator.errors import DeadlinePassed, HostError
from orchestrator.guests.cuttlefish import identity
from orchestrator.guests.cuttlefish.adb import Reply
from orchestrator.guests.cuttlefish.identity import (
    ConsoleWords,
    WrongDevice,
    require_kernel,
    require_same_console,
)

RELEASE, VERSION = "6.12.94", "#1 SMP PREEMPT Tue Dec 1 00:00:00 UTC 2026"
BANNER = f"Linux version {RELEASE} (you@here) (gcc (Debian 14.2.0) 14.2.0, GNU ld 2.44) {VERSION}"


@dataclass
class Shell:
    """A device's shell."""

    answer: Callable[[str], Reply]

    def shell(self, command: str, deadline: Deadline) -> Reply:
        deadline.check()
        return self.answer(command)


def soon() -> Deadline:
    return Deadline.after(30, "a device")


def uname(release: str, version: str) -> Shell:
    return Shell(lambda _: Reply(0, f"{release}\n{version}\n", ""))


@pytest.mark.parametrize("version", [VERSION, VERSION + "\r"])
def test_the_kernel_that_was_given_is_known_again(version: str) -> None:
    require_kernel(uname(RELEASE, version), BANNER, soon())


def test_a_version_that_uname_has_no_room_for_is_known_by_what_fits() -> None:
    version = "#1 SMP PREEMPT_DYNAMIC Debian 6.12.94-1~bpo12+1+very+long+name (2026-12-01)"
    require_kernel(
        uname(RELEASE, version[:64]), f"Linux version {RELEASE} (you@here) (gcc) {version}", soon()
    )


@pytest.mark.parametrize(
    ("release", "version"),
    [
        ("6.12.9", VERSION),
        ("6.12.94-android", VERSION),
        (RELEASE, VERSION.replace("#1", "#2")),
        (RELEASE, VERSION.replace("2026", "2025")),
    ],
)
def test_another_kernel_is_refused(release: str, version: str) -> None:
    with pytest.raises(WrongDevice, match="another kernel than it was given"):
        require_kernel(uname(release, version), BANNER, soon())


@pytest.mark.parametrize("reply", [Reply(127, "", "uname: not found"), Reply(0, "6.12.94\n", "")])
def test_a_device_that_does_not_say_is_not_taken_for_the_right_one(reply: Reply) -> None:
    with pytest.raises(HostError, match="does not say"):
        require_kernel(Shell(lambda _: reply), BANNER, soon())


def on_console(words: ConsoleWords, *, pieces: int) -> Callable[[str], Reply]:
    def answer(command: str) -> Reply:
        line = re.fullmatch(r"echo '(.*)' >/dev/kmsg", command)
        assert line is not None
        text = f"[   12.0] {line[1]}\n".encode()
        size = -(-len(text) // pieces)
        for at in range(0, len(text), size):
            words.feed(text[at : at + size])
        return Reply(0, "", "")

    return answer


@pytest.mark.parametrize("pieces", [1, 2, 7, 50])
def test_a_console_that_shows_what_was_written_is_the_devices(pieces: int) -> None:
    words = ConsoleWords()
    require_same_console(Shell(on_console(words, pieces=pieces)), words, soon())


def test_a_console_that_shows_nothing_of_it_is_anothers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "_ON_CONSOLE_S", 0.1)
    words, another = ConsoleWords(), ConsoleWords()
    with pytest.raises(WrongDevice, match="another device"):
        require_same_console(Shell(on_console(another, pieces=1)), words, soon())


def test_a_boot_that_is_given_up_meanwhile_is_no_wrong_device() -> None:
    with pytest.raises(DeadlinePassed):
        require_same_console(Shell(lambda _: Reply(0, "", "")), ConsoleWords(), Deadline.after(0, "a device"))


def test_a_kernel_log_that_may_not_be_written_to_proves_nothing() -> None:
    require_same_console(Shell(lambda _: Reply(1, "", "denied")), ConsoleWords(), soon())


def test_a_word_of_before_is_not_taken_for_a_new_one() -> None:
    words = ConsoleWords()
    words.feed(b"abc")
    seen = words.awaited(b"abcd")
    words.feed(b"d")
    assert not seen.is_set()
    words.feed(b"..ab")
    words.feed(b"cd..")
    assert seen.is_set()
