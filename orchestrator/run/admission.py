# SPDX-License-Identifier: Apache-2.0
"""Whether one more guest has room in the host's memory: by what guests were measured to take.

Memory that a guest never touches costs its host nothing, ballast for one, and a fork copies only what it
writes. How much that is nobody knows before: until one guest of a kind was seen, such a guest is taken to
need its whole memory, and where that has no room, the first one runs alone, while
`orchestrator.run.memory_watch` looks on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum

from orchestrator.host.capacity import OVERHEAD_BYTES, Capacity
from orchestrator.units import MIB


class GuestKind(StrEnum):
    """What takes memory in one way: guests of a kind are alike."""

    BLOCK = "block"
    """One that is brought to its target; its snapshot stays."""
    FORK = "fork"
    BOOT = "boot"
    """A cold trial."""


_MORE = 1.25
_MORE_BYTES = OVERHEAD_BYTES
"""What the next guest may take beyond the largest so far, for those of a kind differ by seed and variant;
and what runs a block is not in its snapshot's size."""


class Admission:
    """What guests of a run may be admitted to this host; `spare` tells what could be given to them now.

    Measurements come from the threads that run guests; each replaces one number.
    """

    def __init__(self, capacity: Capacity, spare: Callable[[], int]) -> None:
        self._capacity = capacity
        self._spare = spare
        self._largest: dict[GuestKind, int] = {}

    def saw(self, kind: GuestKind, size_bytes: int) -> None:
        """A guest of a kind took so much of the host's memory; a block: its snapshot."""
        self._largest[kind] = max(size_bytes, self._largest.get(kind, 0))

    def admits(self, kind: GuestKind, running: Sequence[GuestKind], snapshots: Sequence[int | None]) -> bool:
        """Whether a guest of `kind` may start beside those that run, and the sizes of snapshots held.

        A block has to leave room for a fork, or nothing could become of it.
        """
        needed_bytes = self._expected(kind) + (
            self._expected(GuestKind.FORK) if kind == GuestKind.BLOCK else 0
        )
        held_bytes = sum(map(self._expected, running)) + sum(map(self._held, snapshots))
        fits = held_bytes + needed_bytes <= self._capacity.budget_bytes
        if self._capacity.worst_case:
            return fits
        alone = not running and (kind != GuestKind.BLOCK or not snapshots)
        return (fits and needed_bytes <= self._spare()) or (alone and self.least_bytes(kind) <= self._spare())

    def least_bytes(self, kind: GuestKind) -> int:
        """What a guest of a kind takes surely, or did take: with less to spare it is not even tried alone."""
        boots = self._capacity.least_bytes if kind != GuestKind.FORK else 0
        return max(boots, self._largest.get(kind, 0))

    @property
    def spare_bytes(self) -> int:
        """What could be given to guests now."""
        return self._spare()

    @property
    def words(self) -> str:
        """What was measured so far, for people; "" when nothing was."""
        seen = {kind: f"a {kind} took {{}}" for kind in GuestKind}
        told = [
            words.format(f"{self._largest[kind] // MIB} MiB")
            for kind, words in seen.items()
            if kind in self._largest
        ]
        return ", ".join(told) + (" at most" if told else "")

    def _expected(self, kind: GuestKind) -> int:
        largest = self._largest.get(kind)
        if largest is None or self._capacity.worst_case:
            return self._capacity.guest_bytes
        return min(self._capacity.guest_bytes, int(largest * _MORE) + _MORE_BYTES)

    def _held(self, snapshot_bytes: int | None) -> int:
        if snapshot_bytes is None or self._capacity.worst_case:
            return self._capacity.guest_bytes
        return snapshot_bytes


def overcommitted(capacity: Capacity, *, forks: bool) -> str | None:
    """What people are told whose guests have no room at worst; None where they have."""
    worst_bytes = capacity.guest_bytes * (2 if forks else 1)
    if worst_bytes <= capacity.budget_bytes:
        return None
    who = "a block and a fork of it" if forks else "a guest"
    return (
        f"memory: at worst {who} would take {worst_bytes // MIB} MiB, and {capacity.budget_bytes // MIB} MiB"
        " can be given to guests; they are admitted by what they are measured to take, and the run ends"
        " cleanly before memory is short (--memory-limit counts the worst case)"
    )
