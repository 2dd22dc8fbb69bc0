# SPDX-License-Identifier: Apache-2.0
"""QEMU's monitor (QMP) over an inherited socket: greeting, device state, evidence of a hang.

The library and asyncio are imported when the first QEMU has been started, which takes longer to answer
than they take to load. An event loop runs in the thread that waits for an answer, and only while it
waits, so that nothing is handed from thread to thread; the next guest has it again, for a loop of its own
for each was a quarter of what a fork costs the tool.
"""

from __future__ import annotations

import socket
from collections.abc import Coroutine
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from orchestrator.deadline import Deadline
from orchestrator.errors import HostError

if TYPE_CHECKING:
    import asyncio

    from qemu.qmp import EventListener, QMPClient

_T = TypeVar("_T")
_STATE = "state"
_GOODBYE_S = 1.0


class Monitor:
    """A QMP connection; a context manager that closes it. For one thread.

    Methods raise HostError when QEMU does not answer in time, is gone, or refuses.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._session: _Session | None = None

    def __enter__(self) -> Self:
        return self

    def connect(self, deadline: Deadline) -> None:
        """Wait for QEMU's greeting: from then on its serial lines are connected too."""
        self._session = _Session()
        self._call(self._client.connect(self._connection), deadline)

    def await_parked(self, deadline: Deadline) -> None:
        """Wait until the guest's watchdog has paused it."""
        self._call(self._open.parked.get(), deadline)

    def save(self, state_fd: int, deadline: Deadline) -> None:
        """Write the paused guest's device state to a file; its memory stays where it is.

        QEMU 7.2 has no `file:` migration: the descriptor goes over the socket, and `fd:` names it.
        """
        self._call(self._migrate("migrate", f"fd:{_STATE}", state_fd), deadline)

    def restore(self, state_fd: int, deadline: Deadline) -> None:
        """Load device state from a descriptor that QEMU inherited; the guest stays paused."""
        self._call(self._migrate("migrate-incoming", f"fd:{state_fd}"), deadline)

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
        try:
            if self._session is not None:
                with suppress(HostError):  # QEMU may be gone already; its exit status tells the story
                    end = Deadline.after(_GOODBYE_S, "end of the QMP connection")
                    self._call(self._client.disconnect(), end)
                _idle_loops.append(self._open.loop)
        finally:
            self._connection.close()

    @property
    def _open(self) -> _Session:
        if self._session is None:
            raise AssertionError("connect comes first")
        return self._session

    @property
    def _client(self) -> QMPClient:
        return self._open.client

    async def _migrate(self, command: str, uri: str, sent_fd: int | None = None) -> None:
        names = ("x-ignore-shared", "events")  # no guest memory; a word when it is done
        capabilities = [{"capability": name, "state": True} for name in names]
        await self._client.execute("migrate-set-capabilities", {"capabilities": capabilities})
        if sent_fd is not None:
            self._client.send_fd_scm(sent_fd)
            await self._client.execute("getfd", {"fdname": _STATE})
        await self._client.execute(command, {"uri": uri})
        while True:
            data = (await self._open.migration.get()).get("data")
            status = data.get("status") if isinstance(data, dict) else None
            if status == "completed":
                return
            if status in ("failed", "cancelled"):
                raise HostError(f"QEMU could not move the guest's state: {status}")

    def _call(self, work: Coroutine[Any, Any, _T], deadline: Deadline) -> _T:
        import asyncio

        from qemu.qmp import QMPError

        late = HostError(f"QEMU's monitor did not answer: {deadline.what}")
        if not deadline.remaining():
            work.close()
            raise late
        loop = self._open.loop
        task = loop.create_task(_within(work, deadline.remaining()))
        try:
            return loop.run_until_complete(task)
        except TimeoutError:  # first, for it is an OSError too
            raise late from None
        except (QMPError, OSError, EOFError, asyncio.CancelledError, AssertionError) as error:
            # The library asserts that a session it has just established still runs; QEMU may be dead.
            raise HostError(f"QEMU's monitor failed: {str(error) or type(error).__name__}") from error
        finally:
            task.cancel()  # what was interrupted ends with the connection


async def _within(work: Coroutine[Any, Any, _T], seconds: float) -> _T:
    import asyncio

    async with asyncio.timeout(seconds):
        return await work


class _Session:
    """The library's client, its event loop, and queues of the events that are waited for."""

    def __init__(self) -> None:
        from qemu.qmp import EventListener, QMPClient

        self.loop = _rested_loop()
        self.client: QMPClient = QMPClient("oomlab")
        # A guest that ends closes the connection; that is no news worth a log line.
        self.client.logger.setLevel("CRITICAL")
        self.parked: EventListener = EventListener("STOP")
        self.migration: EventListener = EventListener("MIGRATION")
        self.client.register_listener(self.parked)
        self.client.register_listener(self.migration)


_idle_loops: list[asyncio.AbstractEventLoop] = []
"""Of guests that have ended; there are never more than guests that were on at once."""


def _rested_loop() -> asyncio.AbstractEventLoop:
    import asyncio

    try:
        return _idle_loops.pop()
    except IndexError:
        return asyncio.new_event_loop()
