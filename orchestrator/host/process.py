# SPDX-License-Identifier: Apache-2.0
"""The only place that starts a child process.

Every child gets list arguments, a closed standard input unless asked, a small explicit
environment, a session of its own (so that Ctrl-C reaches only this program, which then ends
the child in order), and SIGKILL from the kernel when this program dies. Whatever works on foreign
input is `confined` as well: it has neither this program's rights nor its environment.
"""

from __future__ import annotations

import ctypes
import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

from orchestrator.deadline import Deadline
from orchestrator.errors import CommandFailed, DeadlinePassed, HostError
from orchestrator.host.privilege import Confinement
from orchestrator.host.programs import install_hint
from orchestrator.text.plain import one_line

Argument = str | os.PathLike[str]
Stream = int | IO[bytes] | None
Child = subprocess.Popen[bytes]
PIPE = subprocess.PIPE

_TAIL_CHARS = 4000
_STOP_GRACE_S = 2.0
_CLEAN_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
}
_KEPT_VARIABLES = ("PATH", "HOME", "TMPDIR", "http_proxy", "https_proxy", "no_proxy")

_HEEDED_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT)
"""What ends a child whatever this program was told to ignore. Not a hangup: `nohup` means children, too."""

_PR_SET_PDEATHSIG = 1  # include/uapi/linux/prctl.h
_libc = ctypes.CDLL(None)

# The parent-death signal is bound to the *thread* that forked, so all children are started
# from one thread that lives as long as the program.
_spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")

Witness = Callable[[int, str], None]
_witnesses: list[Witness] = []
_variables: dict[str, str] = {}


@dataclass(frozen=True)
class Ending:
    """How a child is ended, for those that have to put things in order first."""

    grace_s: float = _STOP_GRACE_S
    """Seconds that it has between SIGTERM and SIGKILL."""
    orphaned: signal.Signals = signal.SIGKILL
    """What the kernel sends it when this program dies."""
    leaves_daemons: bool = False
    """What it started goes on once it has ended by itself; without it its process group is ended, too."""


_AT_ONCE = Ending()


@dataclass(frozen=True)
class Completed:
    """A child that has ended: its status and what it wrote."""

    returncode: int
    stdout: bytes
    stderr: bytes


def paste_ready(argv: Sequence[Argument]) -> str:
    """The command as one can paste it into a shell, plain text whatever is in it."""
    return " ".join(_pasted(os.fspath(argument)) for argument in argv)


def _pasted(word: str) -> str:
    """A word; one with control characters or bytes that are no text as bash's $'' has it."""
    if one_line(word) == word:
        return shlex.quote(word)
    octets = (
        chr(byte) if 0x20 <= byte < 0x7F and chr(byte) not in "'\\" else f"\\x{byte:02x}"
        for byte in os.fsencode(word)
    )
    return f"$'{''.join(octets)}'"


def find_program(name: str, *, hint: str = "") -> str:
    """The absolute path of a program on PATH; HostError when it is missing.

    The hint, unless one is given, is how the program's package is installed.
    """
    found = shutil.which(name)
    if found is None:
        raise HostError(f"{name} is not installed", hint=hint or install_hint(name))
    return found


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment children get: a few inherited variables, a fixed locale, and `extra`."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return {**kept, "LC_ALL": "C.UTF-8", **(extra or {})}


def run(
    argv: Sequence[Argument],
    *,
    deadline: Deadline,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    input_bytes: bytes | None = None,
    check: bool = True,
    ending: Ending = _AT_ONCE,
) -> Completed:
    """Run a command to its end and collect its output.

    Raises CommandFailed (non-zero status, when `check`), DeadlinePassed, or HostError when the
    program does not exist. The whole process group is gone when this returns or raises.
    """
    stdin = subprocess.PIPE if input_bytes is not None else subprocess.DEVNULL
    with start(
        argv, cwd=cwd, env=env, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, ending=ending
    ) as child:
        stdout, stderr = finish(child, argv, deadline, input_bytes)
    if check and child.returncode != 0:
        raise CommandFailed(paste_ready(argv), child.returncode, _tail(stdout + stderr))
    return Completed(child.returncode, stdout, stderr)


def finish(
    child: Child, argv: Sequence[Argument], deadline: Deadline, input_bytes: bytes | None = None
) -> tuple[bytes, bytes]:
    """Wait for a child's end; what it wrote to those of its streams that are pipes. DeadlinePassed."""
    while True:
        try:
            stdout, stderr = child.communicate(input_bytes, timeout=deadline.slice())
            return stdout or b"", stderr or b""
        except subprocess.TimeoutExpired as expired:
            if deadline.passed:
                tail = _tail((expired.stdout or b"") + (expired.stderr or b""))
                raise DeadlinePassed(
                    f"deadline passed: {deadline.what}", evidence=[paste_ready(argv), tail]
                ) from None
            input_bytes = None  # it was given with the first call, which nothing is lost of


def has_ended(child: Child, within_s: float) -> bool:
    """Wait so long for a child's end; False while it lives."""
    try:
        child.wait(within_s)
    except subprocess.TimeoutExpired:
        return False
    return True


@contextmanager
def start(
    argv: Sequence[Argument],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: Stream = subprocess.DEVNULL,
    stdout: Stream = subprocess.DEVNULL,
    stderr: Stream = subprocess.DEVNULL,
    pass_fds: Sequence[int] = (),
    confined: Confinement | None = None,
    ending: Ending = _AT_ONCE,
) -> Iterator[Child]:
    """Start a command that lives at most as long as the `with` block, which ends it as `ending` says.

    A `confined` one has nothing of this program's rights and environment, but what `env` adds.
    Raises HostError when the program does not exist, or cannot be confined.
    """
    program = find_program(os.fspath(argv[0]))
    command = [program, *(os.fspath(argument) for argument in argv[1:])]
    future = _spawner.submit(
        _spawn,
        command,
        cwd="/" if confined is not None and cwd is None else cwd,  # ours may be in a closed home
        env={**(environment() if confined is None else _CLEAN_ENVIRONMENT), **(env or {}), **_variables},
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        pass_fds=tuple(pass_fds),
        start_new_session=True,
        preexec_fn=partial(_prepare, os.getpid(), confined, ending.orphaned),
    )
    try:
        child = future.result()
    except BaseException:
        future.add_done_callback(_kill_unclaimed)  # interrupted before the child was handed over
        raise
    try:
        yield child
    finally:
        _end(child, ending)


@contextmanager
def witnessed(witness: Witness, variables: Mapping[str, str]) -> Iterator[None]:
    """Within the block `witness` gets pid and program of every child before it is used.

    Those children find `variables` in their environment. What `witness` raises ends the child and
    comes out of `start`.
    """
    _witnesses.append(witness)
    _variables.update(variables)
    try:
        yield
    finally:
        _witnesses.remove(witness)
        for name in variables:
            del _variables[name]


def _spawn(command: Sequence[str], **options: Any) -> Child:
    try:
        child = subprocess.Popen(command, **options)
    except PermissionError as error:
        raise HostError(
            f"{command[0]} could not be started: {error.strerror}", hint="is it open to every user?"
        ) from None
    except subprocess.SubprocessError:  # what was raised between fork and exec
        raise HostError(
            f"{command[0]} could not be started without root's rights",
            hint="this container may lack CAP_SETUID and CAP_SETGID: start oomlab as an ordinary user",
        ) from None
    try:
        for witness in _witnesses:
            witness(child.pid, command[0])
    except BaseException:
        _end(child)
        raise
    return child


def _prepare(parent_pid: int, confined: Confinement | None, orphaned: signal.Signals) -> None:
    """Runs in the child between fork and exec: a signal when the parent dies (prctl(2)), and no rights.

    Calls only what was loaded before the fork, for other threads may have held locks. A parent
    that died before the call sends no signal any more, hence the look at getppid(2). Last, because a
    change of user takes the signal off again. A shell that put this program into the background has
    it ignore SIGINT, and other parents ignore or block more; its children need not.
    """
    for number in _HEEDED_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    if confined is not None:
        confined.enter()
    if _libc.prctl(_PR_SET_PDEATHSIG, orphaned, 0, 0, 0) != 0 or os.getppid() != parent_pid:
        os._exit(127)


def _kill_unclaimed(future: Future[Child]) -> None:
    if not future.cancelled() and future.exception() is None:
        _end(future.result())


def _end(child: Child, ending: Ending = _AT_ONCE) -> None:
    """SIGTERM, a grace period, SIGKILL for the whole group; then reap and close the pipes."""
    with suppress(ProcessLookupError):
        if child.poll() is None:
            child.terminate()
            with suppress(subprocess.TimeoutExpired):
                child.wait(ending.grace_s)
    with suppress(ProcessLookupError, PermissionError):
        if child.poll() is None or not ending.leaves_daemons:
            os.killpg(child.pid, signal.SIGKILL)  # children of the child, too
    child.wait()
    for stream in (child.stdin, child.stdout, child.stderr):
        if stream is not None:
            with suppress(OSError):
                stream.close()


def _tail(output: bytes) -> str:
    return output.decode(errors="replace")[-_TAIL_CHARS:]
