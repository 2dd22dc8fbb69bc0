# SPDX-License-Identifier: Apache-2.0
"""Steps on another machine that are begun again, over a fresh connection, when the line goes down."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_exponential

from orchestrator.remote.connection import ConnectionLost, Machine

_T = TypeVar("_T")

PATIENCE_S = 15 * 60.0
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 10.0
_MOST_LOSSES = 30
"""Of one step. What loses its line that often does not get on, or is what the line is lost by."""


def patiently(
    machine: Machine, step: Callable[[], _T], said: Callable[[str], None], patience_s: float = PATIENCE_S
) -> _T:
    """Carry out `step`, which may be cut anywhere and begun again.

    ConnectionLost when no connection can be made for so long. `said` is told that the line is down, and
    that it is up again.
    """
    for _ in range(_MOST_LOSSES):
        try:
            return step()
        except ConnectionLost:
            said("the connection to the other machine was lost: connecting again; what runs there goes on")
        _reconnect(machine, patience_s)
        said("connected again")
    return step()


def _reconnect(machine: Machine, patience_s: float) -> None:
    Retrying(
        retry=retry_if_exception_type(ConnectionLost),
        wait=wait_exponential(multiplier=_FIRST_PAUSE_S, max=_LONGEST_PAUSE_S),
        stop=stop_after_delay(patience_s),
        reraise=True,
    )(machine.reconnect)
