# SPDX-License-Identifier: Apache-2.0
"""How many guests this host can really hold at once."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import HostError
from orchestrator.scenario.models import Device
from orchestrator.units import KIB, MIB

_QEMU_OVERHEAD_BYTES = 128 * MIB
"""QEMU itself with its translation cache: 60 to 110 MB were measured for these guests."""
_RESERVE_BYTES = 256 * MIB
"""Left to the host's other processes."""
_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Capacity:
    """Workers that run guests, and guests (running or frozen) that memory can hold."""

    workers: int
    guests: int


def find_capacity(device: Device, *, jobs: int | None) -> Capacity:
    """Workers up to the cores, guests up to the memory; HostError when not even one guest fits.

    A guest is counted with its whole memory: a fork copies only what it writes, but nothing
    bounds what it writes.
    """
    guest_bytes = int(device.memory) + _QEMU_OVERHEAD_BYTES
    free_bytes = available_memory_bytes() - _RESERVE_BYTES
    guests = free_bytes // guest_bytes
    # A fork runs beside the frozen block that it continues.
    if guests < 2:
        raise HostError(
            f"a guest of this scenario and its fork need {2 * guest_bytes // MIB} MiB of memory, and "
            f"{max(0, free_bytes) // MIB} MiB can be given to guests here",
            hint="free memory on this host, raise its cgroup's limit, or lower device.memory",
        )
    cores = len(os.sched_getaffinity(0))
    return Capacity(workers=min(jobs or cores, guests), guests=guests)


def available_memory_bytes() -> int:
    """What the kernel and this process's cgroups would still give, in bytes.

    MemAvailable of proc(5), and memory.max minus memory.current of every cgroup above us
    (Documentation/admin-guide/cgroup-v2.rst).
    """
    limits = [_meminfo_bytes("MemAvailable")]
    limits += [limit for group in _own_cgroups() if (limit := _room_in(group)) is not None]
    return min(limits)


def _meminfo_bytes(name: str) -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * KIB
    return 0


def _own_cgroups() -> list[Path]:
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        if line.startswith("0::"):
            group = _CGROUP / line[3:].lstrip("/")
            return [group, *(parent for parent in group.parents if parent.is_relative_to(_CGROUP))]
    return []


def _room_in(group: Path) -> int | None:
    try:
        limit = (group / "memory.max").read_text().strip()
        used = int((group / "memory.current").read_text())
    except (OSError, ValueError):
        return None  # the root has no limit, and v1 hierarchies have other files
    return None if limit == "max" else int(limit) - used
