# SPDX-License-Identifier: Apache-2.0
"""A growing file: nothing is lost, nothing comes twice, whatever its writer does with it."""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterator
from pathlib import Path

import pytest

from orchestrator.errors import HostError
from orchestrator.files.follow import Follower, LocalFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "kernel.log"


@pytest.fixture
def follower(path: Path) -> Iterator[Follower]:
    with LocalFile(path) as file:
        yield Follower(file)


def test_a_file_that_is_not_there_yet_has_nothing_to_say(path: Path, follower: Follower) -> None:
    assert follower.poll() == b""
    path.write_bytes(b"Linux version\n")
    assert follower.poll() == b"Linux version\n"
    assert follower.restarts == 0


def test_what_is_added_comes_once_and_in_order(path: Path, follower: Follower) -> None:
    seen = b""
    with path.open("ab", buffering=0) as file:
        for number in range(50):
            file.write(f"line {number}\n".encode())
            seen += follower.poll()
    assert seen == path.read_bytes()
    assert follower.poll() == b""
    assert follower.offset_bytes == len(seen)


def test_a_look_takes_no_more_than_it_may(path: Path, follower: Follower) -> None:
    path.write_bytes(b"abcdefg")
    assert [follower.poll(3), follower.poll(3), follower.poll(3)] == [b"abc", b"def", b"g"]


def test_reading_begins_at_the_offset_that_is_given(path: Path) -> None:
    path.write_bytes(b"abcdefg")
    with LocalFile(path) as file:
        assert Follower(file, 4).poll() == b"efg"


def test_a_file_that_was_cut_short_is_read_from_its_beginning(path: Path, follower: Follower) -> None:
    path.write_bytes(b"first boot\n")
    follower.poll()
    os.truncate(path, 0)
    assert follower.poll() == b""
    path.write_bytes(b"second\n")
    assert follower.poll() == b"second\n"
    assert follower.restarts == 1


def test_a_file_that_was_replaced_is_read_to_its_end_first(path: Path, follower: Follower) -> None:
    with path.open("ab", buffering=0) as old:
        old.write(b"old, ")
        assert follower.poll() == b"old, "
        old.write(b"its last words")
        path.rename(path.with_name("kernel.log.1"))
        path.write_bytes(b"new")
        assert follower.poll() == b"its last words"
    assert follower.poll() == b"new"
    assert follower.restarts == 1


def test_a_new_file_as_long_as_the_old_one_is_a_new_file(path: Path, follower: Follower) -> None:
    path.write_bytes(b"one")
    assert follower.poll() == b"one"
    path.unlink()
    path.write_bytes(b"two")  # many file systems would give it the old inode, were that not held open
    assert follower.poll() == b"two"


def test_a_file_that_is_gone_is_waited_for(path: Path, follower: Follower) -> None:
    path.write_bytes(b"one")
    follower.poll()
    path.unlink()
    assert follower.poll() == b""
    path.write_bytes(b"two")
    assert follower.poll() == b"two"


def test_what_never_ends_is_no_file_to_follow(path: Path, follower: Follower) -> None:
    os.mkfifo(path)
    with pytest.raises(HostError, match=r"kernel\.log is no regular file"):
        follower.poll()


class _Failing:
    """A file over a connection that breaks at the reads that it is told."""

    def __init__(self, data: bytes, failures: int) -> None:
        self._data = data
        self._failures = failures

    def identity(self) -> Hashable:
        return "the one"

    def open(self) -> Hashable:
        return "the one"

    def size(self) -> int:
        return len(self._data)

    def read(self, offset_bytes: int, most_bytes: int) -> bytes:
        if self._failures:
            self._failures -= 1
            raise OSError("connection lost")
        return self._data[offset_bytes : offset_bytes + most_bytes]


def test_a_look_that_failed_can_be_repeated() -> None:
    follower = Follower(_Failing(b"records", 1), 3)
    with pytest.raises(OSError, match="connection lost"):
        follower.poll()
    assert follower.poll() == b"ords"
