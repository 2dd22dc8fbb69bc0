# SPDX-License-Identifier: Apache-2.0
"""The guest's serial lines: a message counts as taken when its reader has all of it, not before."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest

from orchestrator.deadline import Deadline
from orchestrator.errors import DeadlinePassed
from orchestrator.guests.serial import await_taken, narrow


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def test_a_message_is_taken_with_its_last_byte(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    narrow(writing)
    os.write(writing, b"T000001\n")
    assert os.read(reading, 7) == b"T000001"
    with pytest.raises(DeadlinePassed, match="it is taken"):
        await_taken(writing, Deadline.after(0.05, "it is taken"))
    last = threading.Timer(0.05, os.read, (reading, 1))
    last.start()
    await_taken(writing, Deadline.after(10, "it is taken"))
    last.join()


def test_nothing_sent_is_nothing_to_wait_for(pipe: tuple[int, int]) -> None:
    narrow(pipe[1])
    await_taken(pipe[1], Deadline.after(10, "it is taken"))
