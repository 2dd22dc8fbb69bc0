# SPDX-License-Identifier: Apache-2.0
"""QEMU's monitor: answers find their questions, events are kept, and a bad end is one error in words."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from orchestrator.deadline import Deadline
from orchestrator.errors import HostError
from orchestrator.guests.qemu.monitor import Monitor

GREETING = {"QMP": {"version": {"qemu": {"major": 7, "minor": 2, "micro": 0}}, "capabilities": []}}
Answer = Callable[[dict[str, Any]], list[dict[str, Any] | bytes]]


class Qemu:
    """The other end: takes one command at a time and refuses what is no command."""

    def __init__(self, connection: socket.socket, answer: Answer) -> None:
        self.commands: list[dict[str, Any]] = []
        self.descriptors: list[int] = []
        self._connection = connection
        self._answer = answer

    def serve(self) -> None:
        with suppress(ConnectionError):  # the monitor is closed with something unread
            self._serve()

    def _serve(self) -> None:
        self.progress(GREETING)
        while True:
            data, passed, *_ = socket.recv_fds(self._connection, 1 << 16, 4)
            if not data:
                return
            self.descriptors += passed
            if not data.strip():  # what a descriptor goes with
                continue
            request = json.loads(data)
            assert {"execute"} <= set(request) <= {"execute", "arguments", "id"}
            self.commands.append(request)
            self.progress(*self._answer(request))

    def progress(self, *messages: dict[str, Any] | bytes) -> None:
        for message in messages:
            line = message if isinstance(message, bytes) else json.dumps(message).encode() + b"\r\n"
            self._connection.sendall(line)


def _id(request: dict[str, Any]) -> dict[str, Any]:
    """An answer has the request's id; the library negotiates without one."""
    return {"id": request["id"]} if "id" in request else {}


def obedient(request: dict[str, Any]) -> list[dict[str, Any] | bytes]:
    done: list[dict[str, Any] | bytes] = [{"return": {}, **_id(request)}]
    if request["execute"].startswith("migrate"):
        assert request["arguments"]
    if request["execute"] in ("migrate", "migrate-incoming"):
        done += [{"event": "MIGRATION", "data": {"status": status}} for status in ("setup", "completed")]
    return done


@pytest.fixture
def serving() -> Iterator[Callable[[Answer], tuple[Monitor, Qemu]]]:
    ends: list[socket.socket] = []
    threads: list[threading.Thread] = []
    monitors = ExitStack()

    def serve(answer: Answer) -> tuple[Monitor, Qemu]:
        ours, theirs = socket.socketpair()
        ends.extend((ours, theirs))
        qemu = Qemu(theirs, answer)
        threads.append(threading.Thread(target=qemu.serve))
        threads[-1].start()
        return monitors.enter_context(Monitor(ours)), qemu

    with monitors:
        yield serve
    for end in ends[::2]:
        end.close()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    for end in ends:
        end.close()


Serving = Callable[[Answer], tuple[Monitor, Qemu]]


def soon() -> Deadline:
    return Deadline.after(10, "the monitor answers")


def test_device_state_is_saved_and_restored(serving: Serving) -> None:
    monitor, qemu = serving(obedient)
    monitor.connect(soon())
    qemu.progress({"event": "STOP"})
    monitor.await_parked(soon())
    with Path(os.devnull).open("wb") as file:
        monitor.save(file.fileno(), soon())
    monitor.restore(7, soon())
    monitor.resume(soon())
    commands = [command["execute"] for command in qemu.commands]
    moved = ["migrate-set-capabilities", "getfd", "migrate", "migrate-set-capabilities", "migrate-incoming"]
    assert commands == ["qmp_capabilities", *moved, "cont"]
    assert len(qemu.descriptors) == 1
    assert qemu.commands[5]["arguments"] == {"uri": "fd:7"}
    os.close(qemu.descriptors[0])


def test_events_before_an_answer_are_kept(serving: Serving) -> None:
    def eager(request: dict[str, Any]) -> list[dict[str, Any] | bytes]:
        first: list[dict[str, Any] | bytes] = [{"event": "STOP"}] if request["execute"] == "cont" else []
        return [*first, *obedient(request)]

    monitor, _ = serving(eager)
    monitor.connect(soon())
    monitor.resume(soon())
    monitor.await_parked(soon())


def test_a_late_answer_is_not_taken_for_another(serving: Serving) -> None:
    held: list[dict[str, Any] | bytes] = []

    def slow(request: dict[str, Any]) -> list[dict[str, Any] | bytes]:
        if request["execute"] == "first":
            held.append({"return": "of the first", **_id(request)})
            return []
        return [*held, {"return": "of another", **_id(request)}]

    monitor, _ = serving(slow)
    monitor.connect(soon())
    with pytest.raises(HostError, match="did not answer: the first answers"):
        monitor.execute("first", Deadline.after(0.05, "the first answers"))
    assert monitor.execute("second", soon()) == "of another"


def test_guests_one_after_the_other_share_an_event_loop_and_no_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[asyncio.AbstractEventLoop] = []
    new_event_loop = asyncio.new_event_loop

    def counted() -> asyncio.AbstractEventLoop:
        made.append(new_event_loop())
        return made[-1]

    monkeypatch.setattr(asyncio, "new_event_loop", counted)
    monkeypatch.setattr("orchestrator.guests.qemu.monitor._idle_loops", [])
    threads = threading.active_count()
    for _ in range(3):
        ours, theirs = socket.socketpair()
        server = threading.Thread(target=Qemu(theirs, obedient).serve)
        server.start()
        with theirs, Monitor(ours) as monitor:
            monitor.connect(soon())
            monitor.restore(7, soon())
            monitor.resume(soon())
            assert threading.active_count() == threads + 1, "the server's alone is new"
            theirs.shutdown(socket.SHUT_RDWR)
            server.join(10)
    assert len(made) == 1
    made[0].close()


def test_a_passed_deadline_waits_for_nothing(serving: Serving) -> None:
    monitor, _ = serving(obedient)
    with pytest.raises(HostError, match="did not answer: it greets"):
        monitor.connect(Deadline.after(0, "it greets"))


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_state_that_cannot_be_moved_is_an_error(serving: Serving, status: str) -> None:
    def failing(request: dict[str, Any]) -> list[dict[str, Any] | bytes]:
        done: list[dict[str, Any] | bytes] = [{"return": {}, **_id(request)}]
        moving = request["execute"] == "migrate-incoming"
        return [*done, {"event": "MIGRATION", "data": {"status": status}}] if moving else done

    monitor, _ = serving(failing)
    monitor.connect(soon())
    with pytest.raises(HostError, match=f"could not move the guest's state: {status}"):
        monitor.restore(7, soon())


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"error": {"class": "GenericError", "desc": "no such thing"}}, "monitor failed: "),
        (b"{what?\r\n", "failed: "),
        (b"[1]\n", "failed: "),
    ],
)
def test_what_is_no_answer_is_an_error(serving: Serving, said: dict[str, Any] | bytes, words: str) -> None:
    monitor, _ = serving(lambda request: [said if isinstance(said, bytes) else said | _id(request)])
    with pytest.raises(HostError, match=words):
        monitor.connect(soon())


def test_the_end_of_qemu_is_an_error() -> None:
    ours, theirs = socket.socketpair()
    with theirs, Monitor(ours) as monitor:
        theirs.sendall(json.dumps(GREETING).encode() + b"\r\n")
        theirs.shutdown(socket.SHUT_WR)
        with pytest.raises(HostError, match="monitor failed"):
            monitor.connect(soon())
