# SPDX-License-Identifier: Apache-2.0
"""How many guests this host can really hold at once: cores, memory, and what its cgroups allow.

Sources: proc(5), cgroups(7); Documentation/admin-guide/cgroup-v2.rst (memory.max, memory.high,
memory.stat, cpu.max) and cgroup-v1/memory.rst (memory.limit_in_bytes, memory.stat) of the kernel.
"""

from __future__ import annotations

import math
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import HostError
from orchestrator.host.cgroup import groups_v1, groups_v2
from orchestrator.units import KIB, MIB

OVERHEAD_BYTES = 128 * MIB
"""What runs a guest: of QEMU with its translation cache 60 to 110 MB were measured for these guests."""
_RESERVE_BYTES = 256 * MIB
"""Left to the host's other processes."""
_ROOT = Path("/")


@dataclass(frozen=True)
class Capacity:
    """Workers that run guests, and guests and snapshots that memory can hold."""

    workers: int
    guests: int


def find_capacity(
    memory_bytes: int,
    *,
    jobs: int | None,
    overhead_bytes: int = OVERHEAD_BYTES,
    forks: bool = True,
    root: Path = _ROOT,
) -> Capacity:
    """Workers up to the cores (or `jobs`), guests up to the memory; HostError when not even one fits.

    A guest is counted with its whole memory, a fork too: it copies only what it writes (the report
    says how much that was), but nothing bounds what it writes, and a host that runs out of memory
    kills what it likes. `overhead_bytes` is what runs one guest; without `forks` each guest is alone.
    `root` is where /proc and /sys are.
    """
    guest_bytes = memory_bytes + overhead_bytes
    free_bytes = available_memory_bytes(root) - _RESERVE_BYTES
    guests = free_bytes // guest_bytes
    # A fork runs beside the snapshot that it continues.
    least, who = 2, "a guest of this scenario and its fork need"
    if not forks:
        least, who = 1, "a guest of this scenario needs"
    if guests < least:
        raise HostError(
            f"{who} {least * guest_bytes // MIB} MiB of memory, and "
            f"{max(0, free_bytes) // MIB} MiB can be given to guests here",
            hint="free memory on this host, raise its cgroup's limit, or lower device.memory",
        )
    return Capacity(workers=min(jobs or available_cores(root), guests), guests=guests)


def available_cores(root: Path = _ROOT) -> int:
    """Cores that this process may use, rounded up where a cgroup allows a fraction; at least 1."""
    cores = float(len(os.sched_getaffinity(0)))
    for group in groups_v2(root):
        with suppress(OSError, ValueError):
            quota, period = (group / "cpu.max").read_text().split()
            cores = min(cores, int(quota) / int(period))  # "max" is no number: no limit
    return max(1, math.ceil(cores))


def available_memory_bytes(root: Path = _ROOT) -> int:
    """What the kernel and this process's cgroups would still give, in bytes.

    MemAvailable, and of every cgroup above us its limit minus its usage. Page cache that is not in
    active use counts as free, as it does in MemAvailable.
    """
    rooms = [_meminfo_bytes(root, "MemAvailable")]
    rooms += [room for group in groups_v2(root) if (room := _room_v2(group)) is not None]
    rooms += [room for group in groups_v1(root, "memory") if (room := _room_v1(group)) is not None]
    return min(rooms)


def _meminfo_bytes(root: Path, name: str) -> int:
    for line in (root / "proc/meminfo").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * KIB
    return 0


def _room_v2(group: Path) -> int | None:
    limits = [limit for name in ("memory.max", "memory.high") if (limit := _number(group / name)) is not None]
    used = _number(group / "memory.current")
    if not limits or used is None:
        return None  # the root has no limit
    return min(limits) - used + _stat(group, "inactive_file")


def _room_v1(group: Path) -> int | None:
    limit, used = _number(group / "memory.limit_in_bytes"), _number(group / "memory.usage_in_bytes")
    if limit is None or used is None:
        return None
    return limit - used + _stat(group, "total_inactive_file")  # no limit is a very large one here


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None


def _stat(group: Path, name: str) -> int:
    with suppress(OSError, ValueError):
        for line in (group / "memory.stat").read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    return 0
