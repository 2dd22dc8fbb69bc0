# SPDX-License-Identifier: Apache-2.0
"""The other machine of these tests is one: OpenSSH's own client finds it so."""

from __future__ import annotations

import socket
import threading

import pytest

from orchestrator.deadline import Deadline
from orchestrator.errors import CommandFailed
from tests.remote.machine import OtherMachine, make_key

pytestmark = pytest.mark.build


def test_it_has_users_processes_and_a_network_of_its_own(machine: OtherMachine) -> None:
    said = machine.ssh("id -un; echo ~; ls /proc | grep -c '^[0-9]'; pwd")
    user, home, processes, where = said.stdout.decode().split()
    assert (user, home, where) == ("tester", "/home/tester", "/home/tester")
    assert int(processes) < 15
    machine.ssh("echo here >file; touch /tmp/elsewhere /var/tmp/elsewhere")
    assert (machine.home / "file").read_text() == "here\n"
    assert machine.ssh("touch /usr/file", check=False).returncode == 1


def test_who_is_not_known_is_refused(machine: OtherMachine) -> None:
    machine.forget()
    with pytest.raises(CommandFailed):
        machine.ssh("true")
    machine.remember(make_key(machine.root / "another"))
    with pytest.raises(CommandFailed):
        machine.ssh("true")
    machine.remember()
    machine.ssh("true")


def test_a_wire_that_is_cut_says_nothing_and_what_runs_there_goes_on(machine: OtherMachine) -> None:
    with socket.create_connection((machine.wire.there, 22), timeout=5) as line:
        assert line.recv(4) == b"SSH-"
        machine.ssh("(for n in $(seq 30); do echo $n >>ticks; sleep 0.1; done) >/dev/null 2>&1 &")
        machine.cut()
        line.settimeout(0.5)
        line.recv(100)  # the rest of its greeting
        with pytest.raises(TimeoutError):
            line.recv(1)
        deadline, tick = Deadline.after(20, "what runs there"), threading.Event()
        while len((machine.home / "ticks").read_text().split()) < 30:
            deadline.check()
            tick.wait(0.1)
        machine.mend()
        machine.ssh("true")
