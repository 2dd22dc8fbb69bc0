# SPDX-License-Identifier: Apache-2.0
"""Children start as told, and never outlive what started them."""

from __future__ import annotations

import os
import signal
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from orchestrator.deadline import Deadline, RevocableDeadline
from orchestrator.errors import CommandFailed, DeadlinePassed, HostError
from orchestrator.host.process import Ending, paste_ready, run, start


def soon(what: str = "a test command ends") -> Deadline:
    return Deadline.after(30, what)


def alive(pid: int) -> bool:
    """True while a process runs; a zombie that waits for its parent does not count."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until_gone(pid: int) -> None:
    deadline = soon(f"process {pid} is gone")
    while alive(pid):
        deadline.check()


def test_output_comes_back_and_stdin_is_closed() -> None:
    completed = run(["sh", "-c", "cat; echo out; echo err >&2"], deadline=soon())
    assert (completed.stdout, completed.stderr) == (b"out\n", b"err\n")


def test_input_is_passed() -> None:
    assert run(["cat"], deadline=soon(), input_bytes=b"abc").stdout == b"abc"


def test_a_failing_command_is_shown_paste_ready_with_its_output() -> None:
    with pytest.raises(CommandFailed) as failure:
        run(["sh", "-c", "echo why >&2; exit 3"], deadline=soon())
    assert failure.value.returncode == 3
    assert failure.value.command.endswith("sh -c 'echo why >&2; exit 3'")
    assert "why" in failure.value.output_tail


def test_a_missing_program_is_a_host_error() -> None:
    with pytest.raises(HostError, match="no-such-program is not installed"):
        run(["no-such-program"], deadline=soon())


def test_a_deadline_ends_the_whole_process_group(tmp_path: Path) -> None:
    pidfile = tmp_path / "pid"
    script = f"sleep 600 & echo $! > {pidfile}; wait"
    with pytest.raises(DeadlinePassed, match="the sleeper ends"):
        run(["sh", "-c", script], deadline=Deadline.after(1, "the sleeper ends"))
    wait_until_gone(int(pidfile.read_text()))


def test_the_environment_is_small_and_its_locale_fixed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "x")
    variables = run(["env"], deadline=soon(), env={"EXTRA": "1"}).stdout.decode().split()
    assert "EXTRA=1" in variables
    assert "LC_ALL=C.UTF-8" in variables
    assert not any(variable.startswith("SECRET") for variable in variables)


def test_leaving_the_block_ends_the_child() -> None:
    with start(["sleep", "600"]) as child:
        assert alive(child.pid)
    assert not alive(child.pid)


def test_a_child_dies_with_the_tool_even_when_that_is_killed(checkout: Path) -> None:
    program = """
        import sys
        from orchestrator.host.process import start
        with start(["sleep", "600"]) as child:
            print(child.pid, flush=True)
            sys.stdin.read()
    """
    argv = [sys.executable, "-c", textwrap.dedent(program)]
    with start(argv, cwd=checkout, stdin=-1, stdout=-1) as tool:
        assert tool.stdout is not None
        grandchild = int(tool.stdout.readline())
        assert alive(grandchild)
        os.kill(tool.pid, signal.SIGKILL)
        tool.wait()
    wait_until_gone(grandchild)


STARTED_ODDLY = """
import signal
numbers = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGPIPE)
for number in numbers:
    signal.signal(number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
{more}
from orchestrator.deadline import Deadline, RevocableDeadline
from orchestrator.host.process import run
done = run(["grep", "^Sig[BI]", "/proc/self/status"], deadline=Deadline.after(30, "grep"))
print(done.stdout.decode())
"""


def deaf_to(checkout: Path, more: str = "") -> set[int]:
    """The signals that a child ignores or blocks whose parent was started to ignore and block them all."""
    argv = [sys.executable, "-c", STARTED_ODDLY.format(more=more)]
    done = run(argv, cwd=checkout, env={"PYTHONPATH": str(checkout)}, deadline=soon())
    masks = [int(line.split()[1], 16) for line in done.stdout.decode().splitlines() if line]
    assert len(masks) == 2
    return {number for number in range(1, 32) for mask in masks if mask >> (number - 1) & 1}


def test_a_child_hears_what_ends_it_whatever_the_tool_was_told_to_ignore(checkout: Path) -> None:
    assert deaf_to(checkout) == {signal.SIGHUP}, "a hangup is for nobody under nohup"


def test_programs_under_test_heed_every_signal_however_the_tests_were_started(checkout: Path) -> None:
    assert deaf_to(checkout, "import tests.conftest") == set()


def test_paste_ready_quotes() -> None:
    assert paste_ready(["a b", Path("c"), "$d"]) == "'a b' c '$d'"


def test_a_deadline_that_is_revoked_ends_a_child_at_once() -> None:
    whole = RevocableDeadline.after(60, "all of it")
    part = whole.sooner(30, "a part of it")
    threading.Timer(0.2, whole.revoke).start()
    started = time.monotonic()
    with pytest.raises(DeadlinePassed, match="a part of it"):
        run(["sleep", "60"], deadline=part)
    assert time.monotonic() - started < 10
    assert part.passed


def test_a_child_that_reads_for_longer_than_a_slice_gets_its_input_once() -> None:
    slow = "sleep 0.3; cat"
    deadline = RevocableDeadline.after(30, "cat ends")
    assert run(["sh", "-c", slow], deadline=deadline, input_bytes=b"once").stdout == b"once"


def test_a_child_that_puts_things_in_order_is_given_the_time(tmp_path: Path) -> None:
    ready, done = tmp_path / "ready", tmp_path / "done"
    script = f"trap 'sleep 2.5; echo in order >{done}; exit 0' TERM; : >{ready}; while :; do sleep 0.05; done"
    with start(["sh", "-c", script], ending=Ending(grace_s=30)) as child:
        deadline = soon()
        while not ready.exists():
            deadline.check()
    assert (child.returncode, done.read_text()) == (0, "in order\n")


def test_what_a_child_leaves_running_goes_on_only_if_it_may() -> None:
    script = ["sh", "-c", "sleep 60 >/dev/null 2>&1 & echo $!"]
    other = int(run(script, deadline=soon()).stdout)
    wait_until_gone(other)
    daemon = int(run(script, deadline=soon(), ending=Ending(leaves_daemons=True)).stdout)
    assert alive(daemon)
    os.kill(daemon, signal.SIGKILL)
