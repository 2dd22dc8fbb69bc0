# SPDX-License-Identifier: Apache-2.0
"""QEMU's monitor (QMP) over an inherited socket: greeting, device state, evidence of a hang.

The protocol is JSON objects a line (QEMU's docs/interop/qmp-spec). One thread at a time asks, and
waits for the answer itself: with the library `qemu.qmp` every guest had an event loop on a thread of
its own, which cost more CPU time than all else that the tool does to start a fork.
"""

from __future__ import annotations

import itertools
import json
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from orchestrator.deadline import Deadline
from orchestrator.errors import HostError

_STATE = "state"
_CHUNK_BYTES = 1 << 16
_LONGEST_MESSAGE_BYTES = 1 << 20
"""The longest that is asked for, all registers of a guest with many CPUs, is far below."""

Message = Mapping[str, Any]


class Monitor:
    """A QMP connection of one thread at a time; a context manager that closes it.

    Methods raise HostError when QEMU does not answer in time, is gone, or refuses.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._unread = b""
        self._events: list[Message] = []
        self._numbers = itertools.count(1)

    def __enter__(self) -> Self:
        return self

    def connect(self, deadline: Deadline) -> None:
        """Wait for QEMU's greeting: from then on its serial lines are connected too."""
        if "QMP" not in self._receive(deadline):
            raise HostError("QEMU's monitor failed: it does not greet")
        self.execute("qmp_capabilities", deadline)

    def await_parked(self, deadline: Deadline) -> None:
        """Wait until the guest's watchdog has paused it."""
        self._await_event("STOP", deadline)

    def save(self, state_fd: int, deadline: Deadline) -> None:
        """Write the paused guest's device state to a file; its memory stays where it is.

        QEMU 7.2 has no `file:` migration: the descriptor goes over the socket, and `fd:` names it.
        """
        self._prepare_migration(deadline)
        self._ask("getfd", {"fdname": _STATE}, deadline, [state_fd])
        self._migrate("migrate", f"fd:{_STATE}", deadline)

    def restore(self, state_fd: int, deadline: Deadline) -> None:
        """Load device state from a descriptor that QEMU inherited; the guest stays paused."""
        self._prepare_migration(deadline)
        self._migrate("migrate-incoming", f"fd:{state_fd}", deadline)

    def resume(self, deadline: Deadline) -> None:
        """Let the guest run on."""
        self.execute("cont", deadline)

    def execute(self, command: str, deadline: Deadline, **arguments: object) -> object:
        """One QMP command and its answer."""
        return self._ask(command, arguments, deadline)

    def registers(self, deadline: Deadline) -> str:
        """CPU registers of the guest in QEMU's text form, as evidence of where it hangs."""
        answer = self.execute("human-monitor-command", deadline, **{"command-line": "info registers"})
        return str(answer)

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def _prepare_migration(self, deadline: Deadline) -> None:
        names = ("x-ignore-shared", "events")  # no guest memory; a word when it is done
        capabilities = [{"capability": name, "state": True} for name in names]
        self.execute("migrate-set-capabilities", deadline, capabilities=capabilities)

    def _migrate(self, command: str, uri: str, deadline: Deadline) -> None:
        self.execute(command, deadline, uri=uri)
        while True:
            status = self._await_event("MIGRATION", deadline).get("status")
            if status == "completed":
                return
            if status in ("failed", "cancelled"):
                raise HostError(f"QEMU could not move the guest's state: {status}")

    def _await_event(self, name: str, deadline: Deadline) -> Message:
        """Data of the next event of this name; others before it are dropped."""
        while True:
            event = self._events.pop(0) if self._events else self._receive(deadline)
            if event.get("event") == name:
                data = event.get("data")
                return data if isinstance(data, dict) else {}

    def _ask(
        self, command: str, arguments: Mapping[str, object], deadline: Deadline, passed: Sequence[int] = ()
    ) -> object:
        number = next(self._numbers)
        request = {"execute": command, "arguments": dict(arguments), "id": number}
        self._send(json.dumps(request).encode() + b"\n", passed, deadline)
        while True:
            message = self._receive(deadline)
            if "event" in message:
                self._events.append(message)
            elif message.get("id") == number:  # not a late answer to what was given up
                if "error" in message:
                    raise HostError(f"QEMU's monitor failed: {_words(message['error'])}")
                return message.get("return")

    def _send(self, request: bytes, passed: Sequence[int], deadline: Deadline) -> None:
        try:
            self._wait_at_most(deadline)
            socket.send_fds(self._connection, [request], list(passed))  # short: taken whole
        except OSError as error:
            raise _gone(error, deadline) from error

    def _receive(self, deadline: Deadline) -> Message:
        """The next message, whatever it is."""
        while (end := self._unread.find(b"\n")) < 0:
            self._unread += self._read(deadline)
        line, self._unread = self._unread[:end], self._unread[end + 1 :]
        with suppress(ValueError):
            message = json.loads(line)
            if isinstance(message, dict):
                return message
        raise HostError("QEMU's monitor failed: it does not speak JSON")

    def _read(self, deadline: Deadline) -> bytes:
        try:
            self._wait_at_most(deadline)
            chunk = self._connection.recv(_CHUNK_BYTES)
        except OSError as error:
            raise _gone(error, deadline) from error
        if not chunk:
            raise HostError("QEMU's monitor failed: QEMU has ended")
        if len(self._unread) > _LONGEST_MESSAGE_BYTES:
            raise HostError("QEMU's monitor failed: its message does not end")
        return chunk

    def _wait_at_most(self, deadline: Deadline) -> None:
        remaining_s = deadline.remaining()
        if not remaining_s:  # which would mean not to wait, and not to time out
            raise TimeoutError
        self._connection.settimeout(remaining_s)


def _gone(error: OSError, deadline: Deadline) -> HostError:
    if isinstance(error, TimeoutError):
        return HostError(f"QEMU's monitor did not answer: {deadline.what}")
    return HostError(f"QEMU's monitor failed: {error.strerror or error}")


def _words(error: object) -> str:
    return str(error.get("desc")) if isinstance(error, dict) else str(error)
