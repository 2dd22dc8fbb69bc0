# SPDX-License-Identifier: Apache-2.0
"""adb, with a server that is ours alone: the way into a device.

Of what adb answers little proves anything. `adb shell` ends with 0 when the device dies in mid-command, a
failed `adb connect` ends with 0, `wait-for-device` returns for a device that the next command finds offline.
So a command counts as carried out when the device itself has said so: with a word that was made for it alone.
"""

from __future__ import annotations

import os
import re
import secrets
import select
import shlex
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from orchestrator.deadline import Deadline
from orchestrator.errors import DeadlinePassed, HostError, OomlabError
from orchestrator.guests.serial import enlarge
from orchestrator.host.process import PIPE, Argument, Child, Completed, paste_ready, run, start
from orchestrator.text.plain import one_line

_SOCKET = "adb.sock"
_LONGEST_SOCKET_BYTES = 107
"""sun_path has room for 108 (unix(7)), the last of which is 0."""
_SERVER_S = 20.0
_STEP_S = 10.0
"""For what takes some hundredths of a second: a device that has frozen answers never."""
_BETWEEN_TRIES_S = 0.25
_UNAUTHORIZED_TRIES = 4
"""A device may be unauthorized for a moment, while keys are exchanged."""
_WORD_BYTES = 8
_SHOWN_CHARS = 300


class DeviceGone(OomlabError):
    """The connection to the device, or the device itself, was lost; it may be back soon, or never."""


class Unreachable(DeviceGone):
    """Nobody listens at the device's port: what runs it has ended, or has not come so far."""


class Unauthorized(HostError):
    """The device does not accept this adb's key: nothing on this side changes that."""


@dataclass(frozen=True)
class Reply:
    """What a command on the device came to, by the device's own word."""

    status: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Adb:
    """One device, by its port on this host."""

    program: str
    port: int
    variables: dict[str, str] = field(repr=False)

    @property
    def serial(self) -> str:
        """The device's name; what cvd calls it differs by version, and not all of that can be connected
        to.
        """
        return f"127.0.0.1:{self.port}"

    def connect(self, deadline: Deadline) -> None:
        """Connect, again and again until the device answers. DeadlinePassed, Unauthorized.

        A connection that was made before adbd listens stays offline for good, so each try is a new one.
        """
        from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_fixed

        unauthorized = Retrying(
            retry=retry_if_exception_type(Unauthorized), stop=stop_after_attempt(_UNAUTHORIZED_TRIES),
            wait=wait_fixed(_BETWEEN_TRIES_S), reraise=True,
        )  # fmt: skip
        offline = Retrying(retry=retry_if_exception_type(DeviceGone), wait=wait_fixed(_BETWEEN_TRIES_S))
        offline(unauthorized, self.try_to_connect, deadline)

    def shell(self, command: str, deadline: Deadline) -> Reply:
        """Run a command by the device's shell. DeviceGone when it does not say how that ended,
        DeadlinePassed.

        A command that is still running at the deadline goes on, or not.
        """
        end = _End.random()
        done = self._run(("shell", "-T", "-n", f"({command}\n)\n{end.echo}"), deadline)
        output, status = end.find(done.stdout)
        if status is None:
            raise _gone("the device did not say how a command ended", done)
        return Reply(status, output.decode(errors="replace"), done.stderr.decode(errors="replace"))

    def push(self, source: Path, target: str, deadline: Deadline) -> None:
        """Copy a file to the device. DeviceGone, DeadlinePassed; HostError when it cannot be had there
        whole.
        """
        self._run(("push", str(source), target), deadline)
        if self._is_there(source, target, deadline):
            return
        done = self._run(("push", str(source), target), deadline)  # a cut that has healed meanwhile
        if not self._is_there(source, target, deadline):
            raise HostError(f"adb could not copy {source.name} to {target} on the device: {_shown(done)}")

    def _is_there(self, source: Path, target: str, deadline: Deadline) -> bool:
        """All of it, by the device's word."""
        reply = self.shell(f"wc -c <{shlex.quote(target)}", deadline)
        return reply.status == 0 and reply.stdout.strip() == str(source.stat().st_size)

    def root(self, deadline: Deadline) -> str:
        """Ask adbd to run as root; what it answered. It goes away meanwhile, or for good: connect again."""
        return _shown(self._run(("root",), deadline))

    @contextmanager
    def stream(self, command: str) -> Iterator[Stream]:
        """A command's output while it runs; it is cut off at the end of the block."""
        end = _End.random()
        argv = self._argv(("shell", "-T", "-n", f"({command}\n)\n{end.echo}"))
        with start(argv, env=self.variables, stdout=PIPE) as child:
            yield Stream(child, end)

    def try_to_connect(self, deadline: Deadline) -> None:
        """One try; DeviceGone (Unreachable) when it failed and may be repeated, DeadlinePassed,
        Unauthorized.
        """
        deadline.check()
        self._run(("disconnect", self.serial), deadline, addressed=False)
        said = self._run(("connect", self.serial), deadline, addressed=False)
        state = self._run(("get-state",), deadline)
        if "unauthorized" in _shown(state) or "failed to authenticate" in _shown(said):
            raise Unauthorized(
                "the device refuses adb: it is unauthorized. A userdebug image asks for no key; for any"
                " other, start oomlab with ADB_VENDOR_KEYS=FILE, a key that the device has accepted before",
                evidence=[_shown(said), _shown(state)],
            )
        if "Connection refused" in _shown(said):
            raise Unreachable(_shown(said))
        if state.stdout.strip() != b"device":
            raise _gone("the device does not answer", said)

    def _run(self, words: Sequence[str], deadline: Deadline, *, addressed: bool = True) -> Completed:
        """One adb command to its end; DeviceGone when it takes so long that nobody can be there."""
        argv = self._argv(words, addressed=addressed)
        step = deadline.sooner(_STEP_S, deadline.what)
        try:
            return run(argv, deadline=step, env=self.variables, check=False)
        except DeadlinePassed as passed:
            if deadline.passed:
                raise
            raise DeviceGone(
                f"adb {words[0]}: the device did not answer within {_STEP_S:.0f} s", evidence=passed.evidence
            ) from None

    def _argv(self, words: Sequence[str], *, addressed: bool = True) -> list[Argument]:
        return [self.program, *(("-s", self.serial) if addressed else ()), *words]


@dataclass(frozen=True)
class _End:
    """The words by which a command's end is told from the end of its connection. They follow its output at
    once: a line of it must not have to wait for the next one to be told from the beginning of the end."""

    word: str

    @classmethod
    def random(cls) -> _End:
        return cls(secrets.token_hex(_WORD_BYTES))

    @property
    def echo(self) -> str:
        """Shell text that says it; the word is in two pieces there, for a terminal would show this text."""
        return f"printf '%s%s %d\\n' {self.word[:8]} {self.word[8:]} $?"

    def find(self, output: bytes) -> tuple[bytes, int | None]:
        """What came before the line, and the status in it; None where it has not come (whole)."""
        found = re.search(rb"%s (\d+)\n" % self.word.encode(), output)
        return (output, None) if found is None else (output[: found.start()], int(found[1]))

    def before(self, output: bytes) -> int:
        """How much of the output is certainly no part of them."""
        word = self.word.encode()
        if (whole := output.rfind(word)) >= 0:
            return whole
        beginnings = (length for length in range(len(word) - 1, 0, -1) if output.endswith(word[:length]))
        return len(output) - next(beginnings, 0)


class Stream:
    """What a command on the device writes."""

    def __init__(self, child: Child, end: _End) -> None:
        assert child.stdout is not None
        self._pipe = child.stdout
        enlarge(self._pipe.fileno())
        self._readable = select.poll()
        self._readable.register(self._pipe.fileno(), select.POLLIN)
        self._end = end
        self._held = b""
        self.status: int | None = None
        """The command's exit status, by the device's word; None while it runs, and when the connection was
        lost.
        """

    def read(self, most_bytes: int, seconds: float) -> bytes | None:
        """What comes next; b"" at the end of the command or of the connection, None when nothing came in
        time.
        """
        if self.status is not None:
            return b""
        if not self._readable.poll(1000 * seconds):
            return None
        piece = os.read(self._pipe.fileno(), most_bytes)
        self._held, self.status = self._end.find(self._held + piece)
        ready = len(self._held) if self.status is not None else self._end.before(self._held)
        given, self._held = self._held[:ready], self._held[ready:]
        return given or (None if piece and self.status is None else b"")


@contextmanager
def private_adb(scratch: Path, program: str, port: int, log: BinaryIO) -> Iterator[Adb]:
    """adb for one device, with a server of its own that ends with the block and opens no TCP port.

    Its key and socket are in `scratch`; its log goes to `log`. It looks for devices neither at USB nor at
    emulators' ports: those are the user's server's. HostError when it does not start.
    """
    socket = scratch / _SOCKET
    if len(os.fsencode(socket)) > _LONGEST_SOCKET_BYTES:
        raise HostError(
            f"{socket} is too long for the name of a socket", hint="name a shorter place for the cache"
        )
    adb = Adb(program, port, _variables(scratch, socket))
    with start([program, "server", "nodaemon"], env=adb.variables, stdout=log, stderr=log):
        try:
            _await_server(adb, socket)
            yield adb
        finally:
            with suppress(OomlabError):  # a client that missed the server may have started another one
                run([program, "kill-server"], deadline=_soon(), env=adb.variables, check=False)


def _variables(home: Path, socket: Path) -> dict[str, str]:
    """Empty ones take effects away that the user's environment may have."""
    return {
        "HOME": str(home),
        "ADB_SERVER_SOCKET": f"localfilesystem:{socket}",
        "ADB_USB": "0",
        "ADB_LOCAL_TRANSPORT_MAX_PORT": "5553",  # looked for from 5555 on
        "ADB_MDNS_AUTO_CONNECT": "0",
        **{name: os.environ[name] for name in ("ADB_VENDOR_KEYS",) if name in os.environ},
    }


def _await_server(adb: Adb, socket: Path) -> None:
    """Until it has made its socket; a client that comes sooner would start a second server."""
    deadline, pause = _soon(), threading.Event()
    while not socket.exists():
        if deadline.passed:
            raise HostError(
                "adb's server did not start", evidence=[paste_ready([adb.program, "server", "nodaemon"])]
            )
        pause.wait(0.01)


def _soon() -> Deadline:
    return Deadline.after(_SERVER_S, "adb's server answers")


def _gone(what: str, done: Completed) -> DeviceGone:
    return DeviceGone(f"{what}: {_shown(done) or 'adb said nothing'}")


def _shown(done: Completed) -> str:
    """What adb said, for people."""
    text = (done.stdout + b" " + done.stderr).decode(errors="replace")
    return one_line(" ".join(text.split()))[:_SHOWN_CHARS]
