# SPDX-License-Identifier: Apache-2.0
"""An ssh connection to one other machine: only to the machine that is known, and soon known to be down.

Fabric by itself accepts strangers, here and on the way there; a machine whose key is not in known_hosts is
refused. A line that is cut says nothing: a word goes over it every other second, and what is not
acknowledged in time ends it (tcp(7), TCP_USER_TIMEOUT). Nothing in here names the other machine, its
address or a key in what it says, and no password is ever asked for, kept or sent.
"""

from __future__ import annotations

import base64
import logging
import shlex
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self

import fabric
import paramiko
from invoke.exceptions import CommandTimedOut, ThreadException

from orchestrator.deadline import Deadline
from orchestrator.errors import DeadlinePassed, HostError
from orchestrator.remote.host import Host
from orchestrator.text.plain import one_line

CONNECT_S = 15
_KEEPALIVE_S = 2
_UNACKNOWLEDGED_MS = 5_000
_SILENCE_S = 30.0
"""A machine that acknowledges what it is sent and still does not answer is as good as gone."""
_COMMAND_S = 60.0
_ANSWER_S = 10.0
_CHUNK_BYTES = 1 << 16
_NO_STATUS = -1
"""What paramiko has where the machine told none."""
_KNOWN_HOSTS = {
    "userknownhostsfile": "~/.ssh/known_hosts",
    "globalknownhostsfile": "/etc/ssh/ssh_known_hosts",
}
_BREAKS = (paramiko.SSHException, EOFError, TimeoutError, ConnectionError, ThreadException)

for _name in ("paramiko", "fabric", "invoke"):  # they log addresses and keys, and to stderr if nobody listens
    logging.getLogger(_name).addHandler(logging.NullHandler())
    logging.getLogger(_name).propagate = False


class ConnectionLost(HostError):
    """The line to the other machine went down; what runs there goes on."""


class Unreachable(ConnectionLost):
    """No line could be opened."""


class HostKeyUnknown(HostError):
    """The other machine has never been seen."""


class HostKeyChanged(HostError):
    """The other machine has another key than when it was last seen: it may be another machine."""


class NotAuthenticated(HostError):
    """The other machine does not take any key that we have."""


@dataclass(frozen=True)
class Answer:
    """What a command came to on the other machine."""

    status: int
    stdout: str
    stderr: str

    @property
    def ok(self) -> bool:
        """Whether it ended with 0."""
        return self.status == 0


class _Refuse(paramiko.RejectPolicy):
    """Whoever is not known is nobody."""

    def missing_host_key(self, *_who: object) -> NoReturn:
        """Paramiko's own words name the machine."""
        raise HostKeyUnknown(
            "the other machine's key is not in known_hosts, and machines that are not known are refused",
            hint="connect once with ssh, compare the fingerprint that it shows, and say yes; then try again",
        )


class Machine:
    """Another machine. Within the `with` block there is a connection; `reconnect` makes another.

    Opening raises HostError: Unreachable, HostKeyUnknown, HostKeyChanged, NotAuthenticated. Whatever is done
    over it raises ConnectionLost when the line goes down.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._connection: fabric.Connection | None = None
        self._home: str | None = None
        self.generation = 0
        """Counts connections: what was opened over an earlier one is gone."""

    def __enter__(self) -> Self:
        self.reconnect()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def connection(self) -> fabric.Connection:
        """Fabric's, open."""
        if self._connection is None:
            raise ConnectionLost("there is no connection to the other machine")
        return self._connection

    def reconnect(self) -> None:
        """A fresh connection in the place of what there was."""
        self.close()
        self.generation += 1
        connection = strict_connection(self._host)
        try:
            _open(connection)
        except BaseException:
            _close(connection)
            raise
        self._connection = connection

    def close(self) -> None:
        """Let go of the connection; nothing where there is none."""
        if self._connection is not None:
            _close(self._connection)
        self._connection = None

    def run(self, script: str, *, deadline_s: float = _COMMAND_S) -> Answer:
        """Carry out lines of sh(1); another status than 0 is an answer, too.

        DeadlinePassed when that takes too long on a machine that answers otherwise.
        """
        deadline = Deadline.after(deadline_s, "a command on the other machine")
        with self._line():
            try:
                result = self.connection.run(
                    in_any_shell(script),
                    hide=True, warn=True, in_stream=False, encoding="utf-8", timeout=deadline_s,
                )  # fmt: skip
            except CommandTimedOut:
                self._too_late()
        if result.exited == _NO_STATUS:
            # Invoke asks whether its timer's thread has ended, which it may not have when what it did shows.
            if deadline.passed:
                self._too_late()
            if not self._alive:
                raise ConnectionLost(_LOST)
            raise HostError("a command on the other machine was killed there")
        return Answer(result.exited, result.stdout, result.stderr)

    def _too_late(self) -> NoReturn:
        if not self._answers():
            raise ConnectionLost(_LOST) from None
        raise DeadlinePassed("deadline passed: a command on the other machine") from None

    def ask(self, script: str, what: str, *, deadline_s: float = _COMMAND_S) -> str:
        """What such lines print; HostError with what they said, where they fail."""
        answer = self.run(script, deadline_s=deadline_s)
        if not answer.ok:
            raise HostError(
                f"{what} failed on the other machine",
                evidence=[line for line in answer.stderr.splitlines() if line.strip()][-5:],
            )
        return answer.stdout

    def stream(self, script: str) -> Iterator[bytes]:
        """What lines of sh(1) write to their stdout, as it comes; HostError when they fail."""
        with self._line():
            channel = self.connection.create_session()
            try:
                channel.settimeout(_SILENCE_S)
                channel.exec_command(in_any_shell(f"exec 2>/dev/null\n{script}"))
                while chunk := channel.recv(_CHUNK_BYTES):
                    yield chunk
                status = channel.recv_exit_status()
            finally:
                channel.close()
        if status == _NO_STATUS:
            raise ConnectionLost(_LOST)
        if status != 0:
            raise HostError(f"reading from the other machine ended with status {status}")

    @contextmanager
    def files(self) -> Iterator[paramiko.SFTPClient]:
        """Its files (SFTP). OSError within the block for what it refuses, ConnectionLost as everywhere."""
        with self._line():
            sftp = self.connection.sftp()
            channel = sftp.get_channel()
            if channel is not None:
                channel.settimeout(_SILENCE_S)
            yield sftp

    @property
    def home(self) -> str:
        """The absolute path of the user's home there."""
        if self._home is None:
            home = self.ask("cd && pwd -P", "finding the home directory").rstrip("\n")
            if "\n" in home:
                raise HostError(_TALKATIVE, hint=_TALKATIVE_HINT)
            if not home.startswith("/") or one_line(home) != home:
                raise HostError("the other machine has no home directory for this user")
            self._home = home
        return self._home

    @property
    def _alive(self) -> bool:
        transport = None if self._connection is None else self._connection.transport
        return transport is not None and transport.is_active()

    def _answers(self) -> bool:
        """Whether somebody is there: a machine that hangs may still acknowledge what it is sent."""
        transport = None if self._connection is None else self._connection.transport
        if transport is None:
            return False
        try:
            transport.open_session(timeout=_ANSWER_S).close()
        except (*_BREAKS, OSError):
            return False
        return True

    @contextmanager
    def _line(self) -> Iterator[None]:
        try:
            yield
        except paramiko.SFTPError:
            raise HostError(_TALKATIVE, hint=_TALKATIVE_HINT) from None
        except _BREAKS:
            raise ConnectionLost(_LOST) from None
        except OSError as error:  # SFTP's own refusals are of this type, too
            if self._alive:
                raise
            raise ConnectionLost(_LOST) from error


_TALKATIVE = "the other machine's login files print something when a command is run"
_TALKATIVE_HINT = "have .bashrc and the like be silent there unless they are interactive; scp needs that, too"
_LOST = "the connection to the other machine was lost"


def in_any_shell(script: str) -> str:
    """Lines of sh(1) as one word of a command that means the same in whatever shell a user logs in with.

    Quotes, newlines and exclamation marks do not: csh and fish have rules of their own for them.
    """
    packed = base64.b64encode(script.encode()).decode()
    return f"""sh -c 'eval "$(echo {packed} | base64 -d)"'"""


def strict_connection(host: Host) -> fabric.Connection:
    """A connection, not yet open, that takes nobody for the other machine, nor for one on the way to it."""
    connection = fabric.Connection(host.name, user=host.user, port=host.port, connect_timeout=CONNECT_S)
    for each in _way(connection):
        # None of what paramiko could be told as a password: not from a configuration of Fabric's either.
        each.connect_kwargs = {
            "key_filename": _keys(each), "banner_timeout": CONNECT_S, "auth_timeout": CONNECT_S,
            "channel_timeout": CONNECT_S,
        }  # fmt: skip
        for known in _known_hosts(each):
            with suppress(OSError, UnicodeError):
                each.client.load_system_host_keys(str(known))
        each.client.set_missing_host_key_policy(_Refuse())
    return connection


def _keys(connection: fabric.Connection) -> list[str]:
    """The key files that are configured, less those that are not there: ssh passes over them, too."""
    wanted = connection.connect_kwargs.get("key_filename") or []
    return [name for name in wanted if Path(name).expanduser().is_file()]


def _known_hosts(connection: fabric.Connection) -> list[Path]:
    """Where ssh looks for keys of machines that are known, by its configuration (ssh_config(5))."""
    found = []
    for setting, usual in _KNOWN_HOSTS.items():
        words = shlex.split(str(connection.ssh_config.get(setting, usual)))
        found += [Path(word.replace("%d", "~", 1)).expanduser() for word in words]
    return found


def _way(connection: fabric.Connection) -> Iterator[fabric.Connection]:
    """The connection, and those of the machines that it leads over (ProxyJump)."""
    each: Any = connection
    while isinstance(each, fabric.Connection):
        yield each
        each = each.gateway


def _open(connection: fabric.Connection) -> None:
    try:
        connection.open()
    except paramiko.BadHostKeyException:
        raise HostKeyChanged(
            "the other machine has another key than the one in known_hosts: it may not be that machine",
            hint="find out why; ssh-keygen -R removes the old key once you know",
        ) from None
    except paramiko.AuthenticationException as error:
        _refused(error)
    except (paramiko.SSHException, EOFError, OSError) as error:
        _unreachable(error)
    for each in _way(connection):
        _watch(each.transport)


def _refused(error: paramiko.AuthenticationException) -> NoReturn:
    """It said no; or it said nothing, for the line went down meanwhile."""
    if isinstance(error, paramiko.PasswordRequiredException):
        raise NotAuthenticated(
            "the key for the other machine needs its passphrase", hint="ssh-add, before oomlab is started"
        ) from None
    said_no = isinstance(error, paramiko.BadAuthenticationType) or str(error) == "Authentication failed."
    if not said_no:
        raise Unreachable("the other machine did not answer in time while it was told who we are") from None
    raise NotAuthenticated(
        "the other machine takes none of your keys",
        hint="see that `ssh -o PasswordAuthentication=no` gets there: ssh-copy-id, ssh-add",
    ) from None


def _unreachable(error: Exception) -> NoReturn:
    if isinstance(error, paramiko.SSHException) and "No authentication methods" in str(error):
        raise NotAuthenticated(
            "there is no key to show to the other machine", hint="ssh-keygen, then ssh-copy-id"
        ) from None
    raise Unreachable(
        f"the other machine cannot be reached: {_words(error)}",
        hint="is it on, and does ssh reach it from here?",
    ) from None


def _words(error: Exception) -> str:
    """Why, without the address that such errors name."""
    if isinstance(error, paramiko.ssh_exception.NoValidConnectionsError):
        first = next(iter(error.errors.values()), None)
        return str(getattr(first, "strerror", None) or "nobody listens there")
    if isinstance(error, socket.gaierror):
        return "its name is not known"
    if isinstance(error, TimeoutError):
        return f"no answer within {CONNECT_S} s"
    if isinstance(error, OSError):
        return error.strerror or "the connection failed"
    return "what answers there does not speak ssh as it should"


def _watch(transport: paramiko.Transport | None) -> None:
    """See to it that a dead line is noticed: by itself a line takes a quarter of an hour for that."""
    if transport is None:
        return
    transport.set_keepalive(_KEEPALIVE_S)
    line = transport.sock
    if isinstance(line, socket.socket):  # else it leads through another connection, which is watched itself
        with suppress(OSError):
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKNOWLEDGED_MS)


def _close(connection: fabric.Connection) -> None:
    for each in list(_way(connection)):
        with suppress(*_BREAKS, OSError):
            each.close()
        with suppress(*_BREAKS, OSError):
            each.client.close()  # what was refused on the way is closed by nobody else
