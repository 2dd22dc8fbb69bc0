# SPDX-License-Identifier: Apache-2.0
"""A guest's snapshot at its target: memory and device state, from which forks run on.

Both live in memfds held by this process and reach QEMU as descriptors: when this process dies,
however it dies, nothing is left on disk or in memory.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from orchestrator.deadline import Deadline
from orchestrator.errors import HostError
from orchestrator.guests.qemu.machine import Boot
from orchestrator.guests.qemu.memory import GuestRam, parts_of
from orchestrator.guests.qemu.monitor import Monitor

_HASH_CHUNK_BYTES = 1 << 20
_BLOCKS_PER_KB = 2


@dataclass(frozen=True)
class Snapshot:
    """Descriptors of a template's memory, one for each NUMA node, and of its device state."""

    boot: Boot
    ram_fds: tuple[int, ...]
    state_fd: int

    def ram(self, *, private: bool) -> GuestRam:
        """The memory for a template, or for a fork: nobody else sees what that writes."""
        return GuestRam(self.ram_fds, private)

    def ram_kb(self) -> int:
        """What the guest's memory takes of the host's: a memfd has no pages where nobody touched it (stat(2),
        st_blocks of 512 bytes)."""
        return sum(os.fstat(ram_fd).st_blocks for ram_fd in self.ram_fds) // _BLOCKS_PER_KB

    def ram_sha256(self) -> str:
        """SHA-256 of the guest's whole memory in the order of its addresses, in hex."""
        digest = hashlib.sha256()
        for ram_fd, size_bytes in zip(self.ram_fds, _sizes(self.boot), strict=True):
            for offset in range(0, size_bytes, _HASH_CHUNK_BYTES):
                digest.update(os.pread(ram_fd, _HASH_CHUNK_BYTES, offset))
        return digest.hexdigest()


@contextmanager
def template_memory(boot: Boot) -> Iterator[Snapshot]:
    """Room for a template; all of it is given back at the end of the block."""
    try:
        with ExitStack() as stack:
            ram_fds = tuple(_memfd(stack, "oomlab-ram", size_bytes) for size_bytes in _sizes(boot))
            yield Snapshot(boot, ram_fds, _memfd(stack, "oomlab-state", 0))
    except OSError as error:
        raise HostError(f"no room for a guest's memory: {error.strerror}") from None


def _sizes(boot: Boot) -> tuple[int, ...]:
    return parts_of(boot.memory_bytes, boot.nodes)


def _memfd(stack: ExitStack, name: str, size_bytes: int) -> int:
    descriptor = os.memfd_create(name, os.MFD_CLOEXEC)
    stack.callback(os.close, descriptor)
    os.ftruncate(descriptor, size_bytes)
    return descriptor


def take_snapshot(monitor: Monitor, snapshot: Snapshot, deadline: Deadline) -> None:
    """Wait until the guest has parked itself, then save its device state."""
    monitor.await_parked(deadline)
    monitor.save(snapshot.state_fd, deadline)
