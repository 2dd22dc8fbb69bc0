# SPDX-License-Identifier: Apache-2.0
"""`oomlab shell --host`: this terminal, a guest on the other machine, and a wire that is cut."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.deadline import Deadline
from orchestrator.errors import ExitCode
from orchestrator.host.process import PIPE, start
from orchestrator.paths import cache_dir
from tests.piped_shell import PATIENCE_S, PROMPT, assert_commands_are_run
from tests.remote.machine import OtherMachine, other_machine, program_places
from tests.remote.program import install_program
from tests.remote.sshd import Sshd
from tests.remote.wire import wire
from tests.user_terminal import user_terminal

pytestmark = pytest.mark.guest


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory, sshd: Sshd, checkout: Path) -> Iterator[OtherMachine]:
    scratch = tmp_path_factory.mktemp("other")
    with wire() as line, other_machine(scratch, line, sshd, program_places(checkout)) as machine:
        install_program(machine)
        yield machine


def _command(machine: OtherMachine) -> list[str]:
    program = [sys.executable, "-P", "-m", "orchestrator", "shell", "--host", machine.address]
    return [*program, "binder-order3", "--variant", "kvcalloc", "--set", "fragmentation=null"]


def _environment(machine: OtherMachine, checkout: Path) -> dict[str, str]:
    return machine.environment | {"OOMLAB_CACHE": str(cache_dir()), "PYTHONPATH": str(checkout)}


def _assert_nothing_is_left(machine: OtherMachine) -> None:
    deadline, tick = Deadline.after(PATIENCE_S, "the end of the guest there"), threading.Event()
    while b"qemu" in machine.ssh("ps -e -o comm=").stdout or list(
        (machine.home / ".local/share/oomlab/jobs").iterdir()
    ):
        deadline.check()
        tick.wait(0.2)


def test_commands_from_a_pipe(furnished: OtherMachine, tmp_path: Path, checkout: Path) -> None:
    argv, env = _command(furnished), _environment(furnished, checkout)
    said = assert_commands_are_run(argv, tmp_path, env)
    assert b"the commands are run once" in said
    assert furnished.wire.there.encode() not in said
    _assert_nothing_is_left(furnished)


def test_an_interrupt_here_ends_the_guest_there(
    furnished: OtherMachine, tmp_path: Path, checkout: Path
) -> None:
    argv = [*_command(furnished), "-c", "echo asleep; sleep 600"]
    with start(argv, cwd=tmp_path, env=_environment(furnished, checkout), stdout=PIPE, stderr=PIPE) as tool:
        assert tool.stdout is not None
        assert tool.stdout.readline() == b"asleep\n"
        tool.send_signal(signal.SIGINT)
        assert tool.wait(timeout=PATIENCE_S) == ExitCode.INTERRUPTED
    _assert_nothing_is_left(furnished)


def test_a_session_at_a_terminal_and_a_line_that_is_cut(
    furnished: OtherMachine, tmp_path: Path, checkout: Path
) -> None:
    argv, env = _command(furnished), _environment(furnished, checkout)
    with user_terminal() as terminal:
        before = terminal.modes
        terminal.screen.timeout = PATIENCE_S
        with terminal.started(argv, cwd=tmp_path, env=env) as tool:
            terminal.screen.expect_exact(PROMPT)
            # Said by the program itself: by then it is what the key ends.
            terminal.screen.send(b"sh -c 'echo as''leep; exec sleep 600'\n")
            terminal.screen.expect_exact(b"asleep")
            terminal.screen.send(b"\x03")  # ends that program, nothing else
            terminal.screen.expect_exact(PROMPT)
            terminal.screen.send(b"echo $((6 * 7))\n")
            terminal.screen.expect_exact(b"42")
            furnished.cut()
            terminal.screen.expect_exact(b"the connection to the other machine was lost")
            assert tool.wait(timeout=PATIENCE_S) == ExitCode.COULD_NOT_RUN
            assert terminal.modes == before
    furnished.mend()
    _assert_nothing_is_left(furnished)
