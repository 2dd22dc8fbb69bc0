# SPDX-License-Identifier: Apache-2.0
"""A confined child has nothing of its caller's, whoever that is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.deadline import Deadline
from orchestrator.errors import HostError
from orchestrator.host import privilege
from orchestrator.host.privilege import UNUSED_IDS, Confinement, confinement, device_groups, find_ids
from orchestrator.host.process import finish, run, start

WHOLE = "         0          0 4294967295\n"
CONTAINER = "         0     100000      65536\n"
ROOTLESS = "         0       1000          1\n"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


def seen_by(argv: list[str], confined: Confinement | None) -> dict[str, str]:
    with start(argv, stdout=-1, confined=confined) as child:
        text, _ = finish(child, argv, Deadline.after(20, "a look at itself"))
    rows = (line.partition(":") for line in text.decode().splitlines())
    return {name: value.strip() for name, _, value in rows}


STATUS = ["cat", "/proc/self/status"]
RIGHTS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")


@as_root
def test_a_confined_child_of_root_is_nobody_s_user_and_has_no_rights() -> None:
    status = seen_by(STATUS, confinement())
    (uid,) = set(status["Uid"].split())
    assert (int(uid), status["Gid"]) == (UNUSED_IDS[0].first + int(status["Pid"]), status["Uid"])
    assert status["Groups"] == ""
    assert {int(status[name], 16) for name in RIGHTS} == {0}
    assert status["NoNewPrivs"] == "1"


@as_root
def test_no_two_children_are_the_same_user() -> None:
    assert len({seen_by(STATUS, confinement())["Uid"] for _ in range(3)}) == 3


@as_root
def test_what_is_typed_by_hand_ends_with_the_same_rights() -> None:
    typed = seen_by(confinement().by_hand(STATUS), None)
    run_ = seen_by(STATUS, confinement())
    assert typed["Uid"].split() == [str(UNUSED_IDS[0].first)] * 4
    for name in (*RIGHTS, "Groups", "NoNewPrivs"):
        assert typed[name] == run_[name]


def test_a_confined_child_of_anybody_can_gain_nothing() -> None:
    status = seen_by(STATUS, Confinement(None))
    assert status["NoNewPrivs"] == "1"
    assert status["Uid"].split()[0] == str(os.geteuid())


def test_a_confined_child_knows_nothing_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://user:password@proxy")
    argv = ["sh", "-c", "tr '\\0' '\\n' </proc/self/environ; pwd"]
    with start(argv, stdout=-1, confined=confinement()) as child:
        text, _ = finish(child, argv, Deadline.after(20, "a look at itself"))
    words = text.decode().split()
    assert words[-1] == "/"
    assert {word.partition("=")[0] for word in words[:-1]} <= {"PATH", "LC_ALL", "PWD"}


def test_a_crash_of_a_confined_child_starts_no_program_of_the_host_s() -> None:
    """RLIMIT_CORE is 1: with 0 a pipe in core_pattern is still fed, by a program that runs as root."""
    argv = ["sh", "-c", "ulimit -H -c; cat /proc/self/limits"]
    with start(argv, stdout=-1, confined=confinement()) as child:
        text, _ = finish(child, argv, Deadline.after(20, "a look at itself"))
    (line,) = [line for line in text.decode().splitlines() if line.startswith("Max core file size")]
    assert line.split()[4:6] in (["1", "1"], ["0", "0"])


@as_root
def test_a_confined_child_dies_with_the_tool_too(checkout: Path) -> None:
    """A change of user takes the parent-death signal off (prctl(2)); it has to be asked for after it."""
    program = (
        "import ctypes; out = ctypes.c_int(); ctypes.CDLL(None).prctl(2, ctypes.byref(out)); print(out.value)"
    )
    argv = ["/usr/bin/python3", "-c", program]
    with start(argv, stdout=-1, confined=confinement()) as child:
        text, _ = finish(child, argv, Deadline.after(20, "its parent-death signal"))
    assert text.decode().strip() == "9"


@as_root
def test_a_program_that_only_root_may_start_is_a_host_error(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    with (
        pytest.raises(HostError, match="could not be started"),
        start([program], confined=confinement()),
    ):
        pass


def test_ids_are_taken_where_nobody_else_has_any() -> None:
    assert find_ids(WHOLE, WHOLE) == UNUSED_IDS[0]
    assert find_ids(CONTAINER, CONTAINER) == UNUSED_IDS[1]
    first = UNUSED_IDS[0]
    assert {first.of(pid) for pid in (1, 2, 4194303)} == {first.first + pid for pid in (1, 2, 4194303)}


def test_a_root_that_is_an_ordinary_user_in_truth_stays_what_it_is() -> None:
    assert find_ids(ROOTLESS, ROOTLESS) is None


@pytest.mark.parametrize("maps", [("0 0 1\n", "0 0 1\n"), ("0 0 1000\n", WHOLE), ("", "")])
def test_nothing_foreign_runs_where_root_cannot_be_left(maps: tuple[str, str]) -> None:
    with pytest.raises(HostError, match="root's rights"):
        find_ids(*maps)


@as_root
@pytest.mark.parametrize(
    ("mode", "group", "expected"),
    [(0o666, 0, ()), (0o660, 998, (998,)), (0o660, 0, None), (0o600, 998, None), (0o640, 998, None)],
)
def test_a_device_is_reached_by_its_group_but_never_by_root_s(
    tmp_path: Path, mode: int, group: int, expected: tuple[int, ...] | None
) -> None:
    device = tmp_path / "kvm"
    device.touch()
    os.chown(device, 0, group)
    device.chmod(mode)
    assert device_groups(device) == expected


def test_a_device_that_is_not_there_is_reached_by_nobody(tmp_path: Path) -> None:
    assert device_groups(tmp_path / "kvm") is None


@as_root
def test_an_ordinary_child_of_root_is_still_root() -> None:
    assert run(["id", "-u"], deadline=Deadline.after(20, "id")).stdout == b"0\n"
    assert privilege.confinement().ids is not None
