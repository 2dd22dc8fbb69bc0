# SPDX-License-Identifier: Apache-2.0
"""How much memory this host and the control groups around this process would still give.

Sources: proc(5) (MemAvailable), cgroups(7); Documentation/admin-guide/cgroup-v2.rst (memory.max, memory.high,
memory.stat) and cgroup-v1/memory.rst (memory.limit_in_bytes, memory.stat) of the kernel.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from orchestrator.host.cgroup import groups_v1, groups_v2
from orchestrator.units import KIB, MIB

FLOOR_BYTES = 128 * MIB
"""Less than this is too little for any host: oomlab itself takes half of it."""
_FLOOR_SHARE = 32
"""A large host has more that suffers: a 32nd of it stays free, 750 MiB of 24 GiB."""
_ROOT = Path("/")


@dataclass(frozen=True)
class MemoryRoom:
    """What one that gives memory, or limits it, has and has left."""

    where: str
    """In words: this host, or a control group."""
    free_bytes: int
    """Could still be given. Page cache that is not in active use counts, as it does in MemAvailable."""
    total_bytes: int

    @property
    def floor_bytes(self) -> int:
        """What has to stay free, or others suffer."""
        return max(FLOOR_BYTES, self.total_bytes // _FLOOR_SHARE)

    @property
    def spare_bytes(self) -> int:
        """What could be given without that; negative: it is too late."""
        return self.free_bytes - self.floor_bytes


def tightest_room(root: Path = _ROOT) -> MemoryRoom:
    """The host or the control group around this process that has least to spare.

    `root` is where /proc and /sys are.
    """
    return min(_rooms(root), key=lambda room: room.spare_bytes)


def available_memory_bytes(root: Path = _ROOT) -> int:
    """What the kernel and this process's control groups would still give, in bytes."""
    return min(room.free_bytes for room in _rooms(root))


def _rooms(root: Path) -> Iterator[MemoryRoom]:
    yield MemoryRoom("this host", _meminfo_bytes(root, "MemAvailable"), _meminfo_bytes(root, "MemTotal"))
    for group in groups_v2(root):
        limits = (_number(group / "memory.max"), _number(group / "memory.high"))
        used = _number(group / "memory.current")
        yield from _group_room(group, [limit for limit in limits if limit is not None], used, "inactive_file")
    for group in groups_v1(root, "memory"):
        limit, used = _number(group / "memory.limit_in_bytes"), _number(group / "memory.usage_in_bytes")
        # No limit is a very large one here.
        yield from _group_room(group, [] if limit is None else [limit], used, "total_inactive_file")


def _group_room(group: Path, limits: list[int], used: int | None, idle_cache: str) -> Iterator[MemoryRoom]:
    if limits and used is not None:  # the root of version 2 has no limit
        limit = min(limits)
        yield MemoryRoom(f"the control group {group}", limit - used + _stat(group, idle_cache), limit)


def _meminfo_bytes(root: Path, name: str) -> int:
    for line in (root / "proc/meminfo").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * KIB
    return 0


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
