# SPDX-License-Identifier: Apache-2.0
"""QEMU's monitor (QMP) over an inherited socket: greeting, orderly quit, evidence of a hang."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeVar

from qemu.qmp import EventListener, QMPClient, QMPError

from orchestrator.deadline import Deadline
from orchestrator.errors import HostError

_T = TypeVar("_T")
_STATE = "state"


class Monitor:
    """A QMP connection; its event loop lives on a thread of its own.

    Use as a context manager. Methods raise HostError when QEMU does not answer in time.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="qmp", daemon=True)
        self._client = QMPClient("oomlab")
        self._parked = EventListener("STOP")
        self._client.register_listener(self._parked)
        # A guest that ends closes the connection; that is no news worth a log line.
        self._client.logger.setLevel("CRITICAL")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def connect(self, deadline: Deadline) -> None:
        """Wait for QEMU's greeting: from then on its serial lines are connected too."""
        self._call(self._client.connect(self._connection), deadline)

    def await_parked(self, deadline: Deadline) -> None:
        """Wait until the guest's watchdog has paused it."""
        self._call(self._parked.get(), deadline)

    def save(self, state_fd: int, deadline: Deadline) -> None:
        """Write the paused guest's device state to a file; its memory stays where it is.

        QEMU 7.2 has no `file:` migration: the descriptor goes over the socket, and `fd:` names it.
        """
        self._ignore_shared_memory(deadline)
        self._call(self._send_fd(state_fd), deadline)
        self.execute("migrate", deadline, uri=f"fd:{_STATE}")
        self._await_migration(deadline)

    def restore(self, state_fd: int, deadline: Deadline) -> None:
        """Load device state from a descriptor that QEMU inherited; the guest stays paused."""
        self._ignore_shared_memory(deadline)
        self.execute("migrate-incoming", deadline, uri=f"fd:{state_fd}")
        self._await_migration(deadline)

    def resume(self, deadline: Deadline) -> None:
        """Let the guest run on."""
        self.execute("cont", deadline)

    def execute(self, command: str, deadline: Deadline, **arguments: object) -> object:
        """One QMP command and its answer."""
        return self._call(self._client.execute(command, arguments or None), deadline)

    def registers(self, deadline: Deadline) -> str:
        """CPU registers of the guest in QEMU's text form, as evidence of where it hangs."""
        answer = self.execute("human-monitor-command", deadline, **{"command-line": "info registers"})
        return str(answer)

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(HostError):  # QEMU may be gone already; its exit status tells the story
            self._call(self._client.disconnect(), Deadline.after(1.0, "end of the QMP connection"))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._connection.close()

    def _ignore_shared_memory(self, deadline: Deadline) -> None:
        capability = {"capability": "x-ignore-shared", "state": True}
        self.execute("migrate-set-capabilities", deadline, capabilities=[capability])

    def _await_migration(self, deadline: Deadline) -> None:
        while True:
            answer = self.execute("query-migrate", deadline)
            status = answer.get("status") if isinstance(answer, dict) else None
            if status == "completed":
                return
            if status in ("failed", "cancelled"):
                raise HostError(f"QEMU could not move the guest's state: {answer}")
            deadline.check()

    async def _send_fd(self, descriptor: int) -> None:
        self._client.send_fd_scm(descriptor)
        await self._client.execute("getfd", {"fdname": _STATE})

    def _call(self, work: Coroutine[Any, Any, _T], deadline: Deadline) -> _T:
        future: Future[_T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(deadline.remaining())
        except TimeoutError:  # first, for it is an OSError too
            future.cancel()
            raise HostError(f"QEMU's monitor did not answer: {deadline.what}") from None
        except (QMPError, OSError, EOFError, asyncio.CancelledError, AssertionError) as error:
            # The library asserts that a session it has just established still runs; QEMU may be dead.
            raise HostError(f"QEMU's monitor failed: {str(error) or type(error).__name__}") from error
