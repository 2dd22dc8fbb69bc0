# SPDX-License-Identifier: Apache-2.0
"""Names and instance numbers that others have are passed over."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from orchestrator.errors import HostError
from orchestrator.guests.cuttlefish import reservation
from orchestrator.guests.cuttlefish.reservation import (
    OURS,
    abandoned,
    in_use,
    prepared_numbers,
    reserved,
)


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OOMLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(reservation, "in_use", lambda _number: "")
    monkeypatch.setattr(reservation, "prepared_numbers", lambda: [1, 2, 3])


def test_two_at_once_have_names_and_numbers_of_their_own(tmp_path: Path) -> None:
    with reserved(tmp_path, ()) as one, reserved(tmp_path, ()) as other:
        assert (one.number, other.number) == (1, 2)
        assert one.name != other.name
        assert OURS.fullmatch(one.name)
    with reserved(tmp_path, ()) as again:
        assert again.number == 1


def test_a_number_that_turned_out_to_be_taken_is_not_tried_again(tmp_path: Path) -> None:
    with reserved(tmp_path, {1}) as one:
        assert one.number == 2


def test_no_free_number_is_told_with_who_has_each(tmp_path: Path) -> None:
    wanted = pytest.raises(HostError, match="1 to 3 is free")
    with reserved(tmp_path, ()), wanted as told, reserved(tmp_path, {2, 3}):
        pass
    assert told.value.evidence[0] == "1: another run of oomlab has it"


def test_a_group_is_abandoned_when_its_maker_has_died(tmp_path: Path) -> None:
    with reserved(tmp_path / "home", ()):
        assert abandoned() == {}
    assert abandoned() == {}  # it was given back in order
    (tmp_path / "cache/cuttlefish/oomlab_00000000.group").write_text("/runs/x/home")
    (tmp_path / "cache/cuttlefish/somebodys.group").write_text("/runs/y/home")
    assert abandoned() == {"oomlab_00000000": Path("/runs/x/home")}


def test_what_another_users_cvd_has_locked_is_in_use(tmp_path: Path) -> None:
    lock = tmp_path / "lock/local-instance-77.lock"
    lock.parent.mkdir()
    lock.write_bytes(b"N")
    assert in_use(77, [tmp_path]) == ""
    lock.write_bytes(b"I")
    assert str(lock) in in_use(77, [tmp_path])


def test_a_port_that_somebody_listens_at_is_in_use() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        assert "is in use" in in_use(server.getsockname()[1] - 6519, [])


def test_numbers_are_those_that_the_host_has_network_devices_for(tmp_path: Path) -> None:
    assert prepared_numbers(tmp_path) == list(range(1, 11))
    for name in ("cvd-mtap-01", "cvd-mtap-02", "cvd-etap-03", "lo"):
        (tmp_path / name).mkdir()
    assert prepared_numbers(tmp_path) == [1, 2]
