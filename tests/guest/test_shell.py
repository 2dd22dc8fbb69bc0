# SPDX-License-Identifier: Apache-2.0
"""`oomlab shell` as a user at a terminal has it; whoever breaks out of QEMU has not got that terminal."""

from __future__ import annotations

import os
import signal
import sys

import pexpect
import pytest

from orchestrator.errors import ExitCode
from tests.guest.conftest import Oomlab, qemu_pids
from tests.piped_shell import PATIENCE_S, PROMPT, assert_commands_are_run
from tests.user_terminal import controlling_terminal, open_files, user_terminal

pytestmark = pytest.mark.guest

_TRIES = 6
SHELL = (sys.executable, "-m", "orchestrator", "shell", "binder-order3", "--set", "fragmentation=null")


def test_a_session_at_a_terminal(oomlab: Oomlab) -> None:
    with user_terminal() as terminal:
        before = terminal.modes
        with terminal.started(SHELL, cwd=oomlab.directory, env=oomlab.environment) as tool:
            terminal.screen.expect_exact(b"Ctrl-]")
            terminal.screen.expect_exact(PROMPT)
            (qemu,) = qemu_pids()
            assert str(terminal.file) in open_files(tool.pid)
            assert str(terminal.file) not in open_files(qemu)
            assert controlling_terminal(tool.pid) != 0
            assert controlling_terminal(qemu) == 0
            assert os.getsid(qemu) == qemu

            terminal.screen.send(b"echo asleep; sleep 600\n")
            terminal.screen.expect_exact(b"\nasleep")
            for _ in range(_TRIES):  # a guest that is slow may not have come to its sleep
                terminal.screen.send(b"\x03")  # ends that, not the tool
                if terminal.screen.expect_exact([PROMPT, pexpect.TIMEOUT], timeout=10) == 0:
                    break
            terminal.screen.send(b"echo $((6 * 7)) && exit\n")
            terminal.screen.expect_exact(b"42")
            assert tool.wait(timeout=PATIENCE_S) == 0
            assert terminal.modes == before


def test_the_key_to_leave_by_powers_the_guest_off(oomlab: Oomlab) -> None:
    with user_terminal() as terminal:
        before = terminal.modes
        with terminal.started(SHELL, cwd=oomlab.directory, env=oomlab.environment) as tool:
            terminal.screen.expect_exact(b"Booting Linux")
            terminal.screen.send(b"\x1d")
            assert tool.wait(timeout=PATIENCE_S) == 0
            assert terminal.modes == before
            assert qemu_pids() == []


def test_commands_from_a_pipe_are_run_at_the_target(oomlab: Oomlab) -> None:
    argv = (sys.executable, "-m", "orchestrator", "shell", "binder-order3", "--variant", "kvcalloc")
    said = assert_commands_are_run(argv, oomlab.directory, oomlab.environment)
    assert b"memory target reached" in said


def test_more_output_than_any_buffer_holds_comes_whole(oomlab: Oomlab) -> None:
    done = oomlab(*SHELL[3:], "-c", "seq 30000; kill -TERM $$")
    assert done.stdout.split() == [str(number).encode() for number in range(1, 30001)]
    assert done.returncode == 128 + signal.SIGTERM


def test_commands_are_not_run_where_the_target_is_missed(oomlab: Oomlab) -> None:
    done = oomlab("shell", "binder-order3", "--set", "deadlines.target=100ms", "-c", "echo run")
    assert (done.returncode, done.stdout) == (ExitCode.VERDICT_MISSING, b"")
    assert b"`deadlines.target: 0.2s` gives the stressors twice the time" in done.stderr
