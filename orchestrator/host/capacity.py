# SPDX-License-Identifier: Apache-2.0
"""How many guests this host can hold at once: cores, memory, and what its control groups allow.

Sources: cgroups(7); Documentation/admin-guide/cgroup-v2.rst of the kernel (cpu.max).
"""

from __future__ import annotations

import math
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import HostError
from orchestrator.host.cgroup import groups_v2
from orchestrator.host.memory_room import FLOOR_BYTES, tightest_room
from orchestrator.units import MIB

OVERHEAD_BYTES = 128 * MIB
"""What runs a guest: of QEMU with its translation cache 60 to 110 MB were measured for these guests."""
_MARGIN_BYTES = FLOOR_BYTES
"""Between what guests are given and where the run would be ended: the host's other processes live, too."""
_PAGES_PER_STRUCT = 64
"""A guest's kernel describes each page of 4 KiB by a `struct page` of 64 bytes, and writes all of them as it
boots. With larger pages that is less, and about as much is what else a kernel takes."""
_ROOT = Path("/")


@dataclass(frozen=True)
class Share:
    """What the user lets guests have of this host."""

    jobs: int | None = None
    """So many at once at most; None: as many as it has cores."""
    memory_bytes: int | None = None
    """So much together at most, each counted at worst; None: what there is, each as it is measured."""


ALL_OF_IT = Share()


@dataclass(frozen=True)
class Capacity:
    """Workers that run guests, and what those may take of the host's memory."""

    workers: int
    guest_bytes: int
    """A guest at worst: its whole memory, and what runs it."""
    least_bytes: int
    """What even a guest that does nothing takes."""
    budget_bytes: int
    """What may be given to guests together."""
    worst_case: bool = False
    """Each is counted at worst, whatever guests are measured to take."""

    @property
    def guests(self) -> int:
        """So many have room, at worst."""
        return self.budget_bytes // self.guest_bytes


def memory_for_guests_bytes(root: Path = _ROOT) -> int:
    """What may be given to guests now."""
    return tightest_room(root).spare_bytes - _MARGIN_BYTES


def find_capacity(
    memory_bytes: int,
    *,
    share: Share = ALL_OF_IT,
    overhead_bytes: int = OVERHEAD_BYTES,
    forks: bool = True,
    measured: bool = True,
    root: Path = _ROOT,
) -> Capacity:
    """Workers up to the cores, and memory, within the user's `share`; HostError when guests cannot fit.

    A fork copies what it writes, and memory that a guest never touches costs the host nothing, so guests of
    `memory_bytes` are admitted by what they are `measured` to take (`orchestrator.run.admission`). With a
    limit of the user's, or where a backend cannot measure, each is counted with its whole memory, a fork
    too: nothing bounds what it writes. `overhead_bytes` is what runs one guest; without `forks` it is alone.
    """
    guest_bytes = memory_bytes + overhead_bytes
    budget_bytes = memory_for_guests_bytes(root)
    if share.memory_bytes is not None:
        if share.memory_bytes > budget_bytes:
            raise HostError(
                f"--memory-limit {share.memory_bytes // MIB}MiB is more than the"
                f" {max(0, budget_bytes) // MIB} MiB that can be given to guests here",
                hint="free memory on this host, or lower --memory-limit",
            )
        budget_bytes = share.memory_bytes
    limited = share.memory_bytes is not None
    worst_case = limited or not measured
    least_bytes = guest_bytes if worst_case else memory_bytes // _PAGES_PER_STRUCT + overhead_bytes
    # A fork runs beside the snapshot that it continues.
    needed_bytes = least_bytes + ((guest_bytes if worst_case else overhead_bytes) if forks else 0)
    if needed_bytes > budget_bytes:
        raise _too_little(needed_bytes, budget_bytes, forks=forks, limited=limited)
    at_once = budget_bytes // (guest_bytes if worst_case else overhead_bytes or 1)
    return Capacity(
        min(share.jobs or available_cores(root), at_once), guest_bytes, least_bytes, budget_bytes, worst_case
    )


def _too_little(needed_bytes: int, budget_bytes: int, *, forks: bool, limited: bool) -> HostError:
    who = "a guest of this scenario and its fork need" if forks else "a guest of this scenario needs"
    needed, budget = f"{needed_bytes // MIB} MiB of memory", f"{max(0, budget_bytes) // MIB} MiB"
    if limited:
        return HostError(
            f"{who} {needed} at worst, and --memory-limit allows {budget}",
            hint="raise it, or leave it out: guests are then admitted by what they are measured to take",
        )
    return HostError(
        f"{who} {needed}, and {budget} can be given to guests here",
        hint="free memory on this host, raise its cgroup's limit, or lower device.memory",
    )


def available_cores(root: Path = _ROOT) -> int:
    """Cores that this process may use, rounded up where a cgroup allows a fraction; at least 1."""
    cores = float(len(os.sched_getaffinity(0)))
    for group in groups_v2(root):
        with suppress(OSError, ValueError):
            quota, period = (group / "cpu.max").read_text().split()
            cores = min(cores, int(quota) / int(period))  # "max" is no number: no limit
    return max(1, math.ceil(cores))
