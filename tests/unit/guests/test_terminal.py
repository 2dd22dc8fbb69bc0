# SPDX-License-Identifier: Apache-2.0
"""The terminal between the user's and a guest's console, with a shell in the place of QEMU."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from orchestrator.host.process import Child
from tests.conftest import CHECKOUT
from tests.user_terminal import UserTerminal, controlling_terminal, open_files, user_terminal

_TOOL = """
import sys
from orchestrator.host.interrupts import install_signal_handlers
from orchestrator.host.process import start
from orchestrator.guests.terminal import guest_terminal

install_signal_handlers()
with guest_terminal() as terminal:
    streams = {"stdin": terminal.guest_end, "stdout": terminal.guest_end, "stderr": terminal.guest_end}
    with start(["sh", "-c", sys.argv[1]], **streams) as child:
        ended = terminal.join()
        print("the guest ended" if ended else "the user left", child.wait() if ended else "")
"""
_ECHO = 'echo pid $$ ready; while IFS= read -r line; do echo "[$line]"; done'
_KEYS = "stty raw -echo; echo pid $$ ready; od -An -v -tx1 -w1"


@contextmanager
def tool(guest: str, *, under: Sequence[str] = ()) -> Iterator[tuple[UserTerminal, Child, int]]:
    """The tool at a terminal, and the pid of what stands for QEMU."""
    with ExitStack() as stack:
        terminal = stack.enter_context(user_terminal())
        argv = [*under, sys.executable, "-c", _TOOL, guest]
        child = stack.enter_context(terminal.started(argv, env={"PYTHONPATH": str(CHECKOUT)}))
        yield terminal, child, int(terminal.read(rb"pid (\d+) ready"))


def test_the_guest_side_has_a_terminal_and_a_session_of_its_own() -> None:
    with tool(_ECHO) as (terminal, child, guest):
        assert controlling_terminal(child.pid) != 0
        assert controlling_terminal(guest) == 0
        assert os.getsid(guest) == guest
        assert str(terminal.file) in open_files(child.pid)
        assert str(terminal.file) not in open_files(guest)
        assert any(name.startswith("/dev/pts/") for name in open_files(guest))


def test_characters_go_both_ways_and_the_last_ones_are_not_lost() -> None:
    with tool('echo pid $$ ready; read -r line; echo "[$line]"; exit 5') as (terminal, child, _):
        terminal.screen.send(b"hello\n")
        terminal.screen.expect_exact(b"[hello]")
        terminal.screen.expect_exact(b"the guest ended 5")
        assert child.wait() == 0


def test_control_characters_are_the_guests() -> None:
    """Ctrl-C, Ctrl-Z, Ctrl-\\ and Ctrl-D do nothing to the tool."""
    with tool(_KEYS) as (terminal, child, _):
        terminal.screen.send(b"\x03\x1a\x1c\x04")
        for key in (b"03", b"1a", b"1c", b"04"):
            terminal.screen.expect_exact(key)
        assert child.poll() is None


def test_the_key_to_leave_by_ends_the_guest() -> None:
    with tool(_KEYS) as (terminal, child, guest):
        terminal.screen.send(b"ab\x1dc")
        terminal.screen.expect_exact(b"the user left")
        assert child.wait() == 0
        assert not Path(f"/proc/{guest}").exists()


@pytest.mark.parametrize("how", ["guest ends", "key", signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_users_terminal_has_its_modes_again(how: str | signal.Signals) -> None:
    with user_terminal() as fresh:
        before = fresh.modes
    with tool(_ECHO) as (terminal, child, guest):
        assert terminal.modes != before
        if isinstance(how, signal.Signals):
            child.send_signal(how)
        elif how == "key":
            terminal.screen.send(b"\x1d")
        else:
            os.kill(guest, signal.SIGKILL)
        child.wait(timeout=30)
        assert terminal.modes == before
        assert not Path(f"/proc/{guest}").exists()


def test_the_size_of_the_window_is_passed_on() -> None:
    guest = 'echo pid $$ ready; while read -r _; do echo "<$(stty size)>"; done'
    with tool(guest) as (terminal, _, _):
        terminal.resize(40, 123)
        for _ in range(50):  # the signal takes its time
            terminal.screen.send(b"\n")
            if terminal.read(rb"<(\d+ \d+)>") == b"40 123":
                return
    pytest.fail("the guest's terminal has another size")


@pytest.mark.parametrize("under", [(), ("/usr/bin/env", "--ignore-signal=HUP")], ids=["", "no signal"])
def test_a_terminal_that_hangs_up_ends_the_guest(under: tuple[str, ...]) -> None:
    with tool(_ECHO, under=under) as (terminal, child, guest):
        terminal.screen.close()
        child.wait(timeout=30)
        assert not Path(f"/proc/{guest}").exists()
