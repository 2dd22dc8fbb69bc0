# SPDX-License-Identifier: Apache-2.0
"""A guest's snapshot at its target: memory and device state, from which forks run on.

Both live in memfds held by this process and reach QEMU as descriptors: when this process dies,
however it dies, nothing is left on disk or in memory.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from orchestrator.deadline import Deadline
from orchestrator.errors import HostError
from orchestrator.guests.qemu.machine import Boot
from orchestrator.guests.qemu.monitor import Monitor

_HASH_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Snapshot:
    """Descriptors of a template's memory and of its device state."""

    boot: Boot
    ram_fd: int
    state_fd: int

    def ram_sha256(self) -> str:
        """SHA-256 of the guest's whole memory, in hex."""
        digest = hashlib.sha256()
        for offset in range(0, self.boot.memory_bytes, _HASH_CHUNK_BYTES):
            digest.update(os.pread(self.ram_fd, _HASH_CHUNK_BYTES, offset))
        return digest.hexdigest()


@contextmanager
def template_memory(boot: Boot) -> Iterator[Snapshot]:
    """Room for a template; all of it is given back at the end of the block."""
    ram_fd = os.memfd_create("oomlab-ram", os.MFD_CLOEXEC)
    try:
        state_fd = os.memfd_create("oomlab-state", os.MFD_CLOEXEC)
        try:
            os.ftruncate(ram_fd, boot.memory_bytes)
            yield Snapshot(boot, ram_fd, state_fd)
        finally:
            os.close(state_fd)
    except OSError as error:
        raise HostError(f"no room for a guest's memory: {error.strerror}") from None
    finally:
        os.close(ram_fd)


def take_snapshot(monitor: Monitor, snapshot: Snapshot, deadline: Deadline) -> None:
    """Wait until the guest has parked itself, then save its device state."""
    monitor.await_parked(deadline)
    monitor.save(snapshot.state_fd, deadline)
