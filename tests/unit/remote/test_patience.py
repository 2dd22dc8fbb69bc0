# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from orchestrator.errors import HostError
from orchestrator.remote.connection import ConnectionLost, Machine, NotAuthenticated, Unreachable
from orchestrator.remote.host import Host
from orchestrator.remote.patience import patiently


class _Line(Machine):
    """A connection that is made at the nth attempt."""

    def __init__(self, *refusals: HostError) -> None:
        super().__init__(Host("nowhere"))
        self._refusals = list(refusals)

    def reconnect(self) -> None:
        if self._refusals:
            raise self._refusals.pop(0)
        self.generation += 1


def test_a_step_that_loses_its_line_is_begun_again() -> None:
    line, said, tries = _Line(Unreachable("off")), list[str](), iter((True, True, False))

    def step() -> str:
        if next(tries):
            raise ConnectionLost("gone")
        return f"over connection {line.generation}"

    assert patiently(line, step, said.append) == "over connection 2"
    assert ["lost" in word for word in said] == [True, False, True, False]


def test_patience_ends() -> None:
    def step() -> None:
        raise ConnectionLost("gone")

    with pytest.raises(Unreachable, match="off"):
        patiently(_Line(*[Unreachable("off")] * 9), step, lambda _said: None, patience_s=0.0)


def test_a_machine_that_says_no_is_not_asked_again() -> None:
    tries = iter((True,))

    def step() -> None:
        next(tries)
        raise ConnectionLost("gone")

    with pytest.raises(NotAuthenticated):
        patiently(_Line(NotAuthenticated("no")), step, lambda _said: None)


def test_other_failures_are_raised_at_once() -> None:
    def step() -> None:
        raise HostError("full")

    with pytest.raises(HostError, match="full"):
        patiently(_Line(), step, lambda _said: None)


def test_a_step_that_always_loses_its_line_comes_to_an_end() -> None:
    tries = list[int]()

    def step() -> None:
        tries.append(1)
        raise ConnectionLost("gone")

    with pytest.raises(ConnectionLost):
        patiently(_Line(), step, lambda _said: None)
    assert len(tries) < 100
