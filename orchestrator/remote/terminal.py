# SPDX-License-Identifier: Apache-2.0
"""A command on the other machine: in the foreground of the user's terminal, or heard without one."""

from __future__ import annotations

import os
import select
import shlex
import shutil
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager

import paramiko

from orchestrator.remote.connection import ConnectionLost, Machine

_CHUNK_BYTES = 1 << 14
_LOOK_S = 0.25
_HEARTBEAT_S = 5
_STDIN, _STDOUT, _STDERR = 0, 1, 2


def carry(machine: Machine, script: str) -> int:
    """Run lines of sh(1) there with this terminal as theirs; their exit status.

    Every key goes there, Ctrl-C as well. ConnectionLost when the line goes down, and what ran there ends.
    """
    size = shutil.get_terminal_size()
    with _channel(machine) as channel:
        channel.get_pty(os.environ.get("TERM", "dumb"), size.columns, size.lines)
        _begin(channel, script)
        with _raw():
            _carry(channel, size)
        return _status(channel)


def listen(machine: Machine, script: str) -> int:
    """Run lines of sh(1) there and pass on what they write, stdout and stderr apart; their exit status.

    Nothing is written to their input, which ends with the connection, and with an interrupt here.
    ConnectionLost as `carry`.
    """
    with _channel(machine) as channel:
        _begin(channel, script)
        while _goes_on(channel):
            select.select([channel], [], [], _LOOK_S)
            _print_what_came(channel)
        _take_the_rest(channel)
        return _status(channel)


@contextmanager
def _channel(machine: Machine) -> Iterator[paramiko.Channel]:
    try:
        with _heard(machine), machine.connection.create_session() as channel:
            yield channel
    except (paramiko.SSHException, EOFError) as error:
        raise ConnectionLost("the connection to the other machine was lost") from error


def _begin(channel: paramiko.Channel, script: str) -> None:
    channel.exec_command(f"sh -c {shlex.quote(script)}")


@contextmanager
def _heard(machine: Machine) -> Iterator[None]:
    """Have the other machine say something now and then, or it would not notice that nobody listens any more.

    A command that waits for its user says nothing, and sshd by itself does not ask whether there is one. What
    is sent and not acknowledged ends the connection there: at once when the line is back, or after a
    quarter of an hour.
    """
    with machine.connection.create_session() as channel:
        channel.exec_command(f"while sleep {_HEARTBEAT_S} && echo; do :; done 2>/dev/null")
        yield


def _status(channel: paramiko.Channel) -> int:
    status = channel.recv_exit_status() if channel.exit_status_ready() else -1
    if status == -1:
        raise ConnectionLost("the connection to the other machine was lost, and the command there with it")
    return status


def _carry(channel: paramiko.Channel, size: os.terminal_size) -> None:
    sources: list[paramiko.Channel | int] = [channel, _STDIN]
    while _goes_on(channel):
        ready, _, _ = select.select(sources, [], [], _LOOK_S)
        _print_what_came(channel)
        if _STDIN in ready and not _send_what_was_typed(channel):
            sources.remove(_STDIN)
        now = shutil.get_terminal_size()
        if now != size:
            size = now
            channel.resize_pty(size.columns, size.lines)
    _take_the_rest(channel)


def _goes_on(channel: paramiko.Channel) -> bool:
    return not channel.closed and not channel.eof_received


def _take_the_rest(channel: paramiko.Channel) -> None:
    while channel.recv_ready() or channel.recv_stderr_ready():
        _print_what_came(channel)
    channel.status_event.wait(_LOOK_S * 8)  # it comes behind the end of what was said


def _print_what_came(channel: paramiko.Channel) -> None:
    if channel.recv_ready():
        _write(_STDOUT, channel.recv(_CHUNK_BYTES))
    if channel.recv_stderr_ready():
        _write(_STDERR, channel.recv_stderr(_CHUNK_BYTES))


def _send_what_was_typed(channel: paramiko.Channel) -> bool:
    typed = os.read(_STDIN, _CHUNK_BYTES)
    if typed:
        channel.sendall(typed)
    else:
        channel.shutdown_write()
    return bool(typed)


def _write(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


@contextmanager
def _raw() -> Iterator[None]:
    """Keys as they are typed, as long as the block lasts."""
    sys.stderr.flush()
    modes = termios.tcgetattr(_STDIN)
    try:
        tty.setraw(_STDIN)
        yield
    finally:
        termios.tcsetattr(_STDIN, termios.TCSADRAIN, modes)
