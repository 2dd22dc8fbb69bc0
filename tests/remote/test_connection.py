# SPDX-License-Identifier: Apache-2.0
"""Connections and transfers, with a real OpenSSH server and a wire that is really cut."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fabric.runners import Remote

from orchestrator.deadline import Deadline
from orchestrator.errors import DeadlinePassed, HostError
from orchestrator.remote.connection import (
    Answer,
    ConnectionLost,
    HostKeyChanged,
    HostKeyUnknown,
    Machine,
    NotAuthenticated,
    Unreachable,
    strict_connection,
)
from orchestrator.remote.host import parse_host
from orchestrator.remote.patience import patiently
from orchestrator.remote.transfer import PART, bring_file, checksums_there, send_file
from orchestrator.remote.watch import Lines
from tests.remote.machine import OtherMachine, make_key

pytestmark = pytest.mark.build

_NOTICED_S = 12.0
"""What a dead line may take to be noticed: 2 s until a word goes over it, 5 s until that is missed."""
_LARGE_BYTES = 300_000_000


@pytest.fixture
def there(machine: OtherMachine, monkeypatch: pytest.MonkeyPatch) -> OtherMachine:
    monkeypatch.setenv("HOME", str(machine.client_home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return machine


@pytest.fixture
def line(there: OtherMachine) -> Iterator[Machine]:
    with Machine(parse_host(there.address)) as opened:
        yield opened


def _refused(there: OtherMachine, how: type[HostError]) -> HostError:
    """The error with which a connection is refused; it says nothing of where it went, nor of keys."""
    with pytest.raises(how) as caught, Machine(parse_host(there.address)):
        pass
    said = " ".join([caught.value.message, caught.value.hint, *caught.value.evidence])
    assert there.wire.there not in said
    assert "tester" not in said
    assert "SHA256" not in said
    return caught.value


def test_commands_have_their_status_and_words(line: Machine) -> None:
    assert line.run("echo out; echo err >&2; exit 3") == Answer(3, "out\n", "err\n")
    assert line.home == "/home/tester"
    assert b"".join(line.stream("head -c 200000 /dev/zero")) == bytes(200_000)
    with pytest.raises(HostError, match="status 7"):
        list(line.stream("exit 7"))
    with pytest.raises(DeadlinePassed):
        line.run("sleep 30", deadline_s=0.5)


def test_a_deadline_is_told_however_late_its_timer_ends(
    line: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = Remote.kill

    def kill(runner: Remote) -> None:  # its thread lives on for a while: threads are not always scheduled
        killed(runner)
        threading.Event().wait(1)

    monkeypatch.setattr(Remote, "kill", kill)
    with pytest.raises(DeadlinePassed):
        line.run("sleep 30", deadline_s=0.5)


def test_only_the_machine_that_is_known_is_talked_to(there: OtherMachine) -> None:
    known = (there.client_home / ".ssh/known_hosts").read_text()
    there.forget()
    assert "fingerprint" in _refused(there, HostKeyUnknown).hint
    assert (there.client_home / ".ssh/known_hosts").read_text() == ""  # and is not known from now on
    there.remember(make_key(there.root / "another"))
    assert "ssh-keygen -R" in _refused(there, HostKeyChanged).hint
    (there.client_home / ".ssh/known_hosts").write_text(known)
    with Machine(parse_host(there.address)):
        pass


def test_a_machine_on_the_way_has_to_be_known_as_well(there: OtherMachine) -> None:
    """Fabric makes connections of its own for ProxyJump, which accept strangers."""
    (there.client_home / ".ssh/config").write_text(
        f"Host far\n  HostName 127.0.0.1\n  User tester\n  ProxyJump {there.address}\n"
    )
    connection = strict_connection(parse_host("far"))
    assert connection.gateway is not None
    there.forget()
    with pytest.raises(HostKeyUnknown), Machine(parse_host("far")):
        pass
    known = (there.root / "keys/host").with_suffix(".pub").read_text().split()[:2]
    there.remember()
    with (there.client_home / ".ssh/known_hosts").open("a") as file:
        file.write(f"127.0.0.1 {' '.join(known)}\n")
    with Machine(parse_host("far")) as far:
        assert far.run("whoami").stdout == "tester\n"


def test_login_files_that_print_something_are_told(there: OtherMachine) -> None:
    """They break what is read from commands, as they break scp."""
    (there.home / ".bashrc").write_text("echo Welcome\n")
    with Machine(parse_host(there.address)) as line, pytest.raises(HostError, match="login files"):
        assert line.home


def test_files_are_where_ssh_is_told_that_they_are(there: OtherMachine) -> None:
    """And a key that is configured and not there is passed over, as ssh does it."""
    ssh = there.client_home / ".ssh"
    (ssh / "known_hosts").rename(ssh / "known elsewhere")
    (ssh / "id_ed25519").rename(ssh / "my_key")
    (ssh / "config").write_text(
        "IdentityFile ~/.ssh/missing\nIdentityFile ~/.ssh/my_key\n"
        'UserKnownHostsFile ~/.ssh/missing "~/.ssh/known elsewhere"\n'
    )
    with Machine(parse_host(there.address)) as line:
        assert line.run("true").ok
    (ssh / "my_key").unlink()
    _refused(there, NotAuthenticated)


def test_a_key_that_is_not_taken_is_told(there: OtherMachine) -> None:
    (there.root / "keys/authorized").write_text("")
    assert "ssh-copy-id" in _refused(there, NotAuthenticated).hint


def test_a_machine_that_is_not_there_is_told(there: OtherMachine) -> None:
    with pytest.raises(Unreachable, match="Connection refused"), Machine(parse_host(f"{there.address}:2222")):
        pass
    with pytest.raises(Unreachable, match="name is not known"), Machine(parse_host("oomlab.invalid")):
        pass
    there.cut()
    _refused(there, Unreachable)


def test_nothing_is_logged_of_a_connection(there: OtherMachine, capfd: pytest.CaptureFixture[str]) -> None:
    """By whoever listens to all that this program logs, and by Python's last resort on stderr."""
    listener = logging.StreamHandler()
    logging.getLogger().addHandler(listener)
    try:
        with Machine(parse_host(there.address)) as line:
            line.run("true")
            there.cut()
            with pytest.raises(ConnectionLost):
                line.run("true")
    finally:
        logging.getLogger().removeHandler(listener)
    assert capfd.readouterr() == ("", "")


def test_a_line_that_is_cut_is_noticed_in_seconds(there: OtherMachine, line: Machine) -> None:
    threading.Timer(0.5, there.cut).start()
    began_s = time.monotonic()
    with pytest.raises(ConnectionLost):
        line.run("sleep 100", deadline_s=100)
    assert time.monotonic() - began_s < _NOTICED_S
    with pytest.raises(ConnectionLost), line.files() as files:
        files.stat("/")


def test_a_machine_that_hangs_is_as_good_as_gone(there: OtherMachine, line: Machine) -> None:
    """Its kernel goes on acknowledging what it is sent."""
    server = line.run("echo $PPID").stdout.strip()
    there.ssh(f"(sleep 1; kill -STOP {server}; sleep 25; kill -CONT {server}) >/dev/null 2>&1 &")
    with pytest.raises(ConnectionLost):
        line.run("sleep 5", deadline_s=3)
    line.reconnect()
    assert line.run("true").ok


def test_a_command_that_is_killed_there_is_no_lost_line(line: Machine) -> None:
    with pytest.raises(HostError, match="killed") as caught:
        line.run("kill -KILL $$")
    assert not isinstance(caught.value, ConnectionLost)


def test_a_file_travels_once(tmp_path: Path, line: Machine) -> None:
    local, remote = tmp_path / 'it\'s a "file"; $(id)', '/home/tester/it\'s a "file"; $(id)'
    local.write_bytes(os.urandom(1_000_000))
    assert send_file(line, local, remote)
    assert not send_file(line, local, remote)
    back = tmp_path / "back"
    bring_file(line, remote, back, most_bytes=1_000_000)
    assert back.read_bytes() == local.read_bytes()
    assert line.run("ls").stdout.splitlines() == [local.name]
    local.write_bytes(b"another")
    assert send_file(line, local, remote)
    assert list(checksums_there(line, ["/nowhere", remote])) == [remote]


def test_what_lies_in_the_place_of_half_a_file_does_no_harm(tmp_path: Path, line: Machine) -> None:
    local = tmp_path / "file"
    local.write_bytes(b"wanted, all of it")
    for left in (b"other, longer than what is wanted", b"other"):
        line.run(f"rm -f file; printf %s '{left.decode()}' >file{PART}")
        assert send_file(line, local, "/home/tester/file")
        back = tmp_path / "back"
        back.with_name(f"back{PART}").write_bytes(left)
        bring_file(line, "/home/tester/file", back, most_bytes=100)
        assert back.read_bytes() == local.read_bytes()
        back.unlink()


def test_what_cannot_be_sent_or_brought_is_told(tmp_path: Path, line: Machine) -> None:
    local = tmp_path / "file"
    local.write_bytes(b"some bytes")
    with pytest.raises(HostError, match="file cannot be written"):
        send_file(line, local, "/usr/file")
    with pytest.raises(HostError, match="has no missing"):
        bring_file(line, "/home/tester/missing", local, most_bytes=1)
    send_file(line, local, "/home/tester/file")
    with pytest.raises(HostError, match="more than 9 bytes"):
        bring_file(line, "/home/tester/file", tmp_path / "back", most_bytes=9)


@pytest.mark.parametrize("sending", [True, False], ids=["there", "back"])
def test_a_transfer_that_is_cut_goes_on_where_it_was(
    there: OtherMachine, line: Machine, tmp_path: Path, sending: bool
) -> None:
    local, remote, said = tmp_path / "file", "/home/tester/file", list[str]()
    with local.open("wb") as file:
        file.truncate(_LARGE_BYTES)
        file.write(b"its head")
    if not sending:
        line.run(f"head -c {_LARGE_BYTES} /dev/zero >file")
    part = there.home / f"file{PART}" if sending else tmp_path / f"back{PART}"
    sizes = list[int]()

    def cut_when_it_is_under_way() -> None:
        deadline, tick = Deadline.after(60, "a file on its way"), threading.Event()
        while not part.exists() or part.stat().st_size == 0:
            deadline.check()
            tick.wait(0.002)
        there.cut()
        sizes.append(part.stat().st_size)
        threading.Timer(7.0, there.mend).start()

    cutter = threading.Thread(target=cut_when_it_is_under_way)
    cutter.start()
    if sending:
        assert patiently(line, lambda: send_file(line, local, remote), said.append)
    else:
        most = _LARGE_BYTES
        patiently(line, lambda: bring_file(line, remote, tmp_path / "back", most_bytes=most), said.append)
    cutter.join()
    assert said
    assert 0 < sizes[0] < _LARGE_BYTES
    assert not part.exists()
    assert (there.home / "file" if sending else tmp_path / "back").stat().st_size == _LARGE_BYTES


def test_lines_that_are_followed_are_seen_once_each_over_two_cuts(there: OtherMachine, line: Machine) -> None:
    line.run("setsid sh -c 'for n in $(seq 120); do echo line $n; sleep 0.1; done' >log 2>&1 </dev/null &")
    followed, seen = Lines(line, "/home/tester/log"), list[bytes]()
    deadline, tick = Deadline.after(60, "120 lines"), threading.Event()
    cuts = iter((10, 60))
    next_cut = next(cuts)

    def look() -> None:
        seen.extend(followed.poll())

    while len(seen) < 120:
        deadline.check()
        if len(seen) >= next_cut:
            there.cut()
            threading.Timer(6.0 if next_cut == 10 else 0.5, there.mend).start()
            next_cut = next(cuts, 1000)
        patiently(line, look, lambda _said: None)
        tick.wait(0.05)
    assert seen == [f"line {number}".encode() for number in range(1, 121)]
