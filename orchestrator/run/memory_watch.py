# SPDX-License-Identifier: Apache-2.0
"""Looks at the host's memory while guests run, and has the run ended in order before the host suffers.

Without it the kernel's OOM killer would end something, maybe of others; and a control group at its limit is
slow long before. What ends a run can be resumed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from orchestrator.errors import HostError
from orchestrator.host.memory_room import MemoryRoom
from orchestrator.units import GIB, MIB

_FILLED_PER_S = 4 * GIB
"""Faster than guests fill memory: two that were emulated touched half a GiB a second, memset(3) one of 8."""
_MOST_S = 1.0
_LEAST_S = 0.05


class MemoryShort(HostError):
    """The host's memory, or a control group's, does not suffice for the run to go on."""


def pause_s(spare_bytes: int) -> float:
    """How long guests cannot use up what is to spare; pure."""
    return min(_MOST_S, max(_LEAST_S, spare_bytes / _FILLED_PER_S))


@contextmanager
def memory_watched(
    too_little: Callable[[MemoryShort], None],
    measured: Callable[[], str],
    room: Callable[[], MemoryRoom],
) -> Iterator[None]:
    """Within the block `too_little` is called, once and from another thread, when memory is about to run out.

    `measured` says in words what guests were seen to take.
    """
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            found = room()
            if found.spare_bytes < 0:
                too_little(short_of(found, measured()))
                return
            over.wait(pause_s(found.spare_bytes))

    thread = threading.Thread(target=look, name="memory", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def short_of(room: MemoryRoom, measured: str) -> MemoryShort:
    """Memory is about to run out."""
    left_mib = max(0, room.free_bytes) // MIB
    return MemoryShort(
        f"the guests were ended before {room.where} ran out of memory: of {room.total_bytes // MIB} MiB"
        f" {left_mib} MiB were left, and {room.floor_bytes // MIB} MiB are to stay free",
        evidence=[f"measured: {measured}"] if measured else [],
    )
