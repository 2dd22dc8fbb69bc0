# SPDX-License-Identifier: Apache-2.0
"""What a fork's own memory is: what it wrote, not what it only read of its template's."""

from __future__ import annotations

import os
import textwrap
from typing import cast

from orchestrator.guests.qemu.guest import QemuGuest
from orchestrator.guests.qemu.monitor import Monitor
from orchestrator.guests.serial import Pump
from orchestrator.host.process import start
from orchestrator.units import KIB, MIB

RAM_BYTES = 64 * MIB
WRITTEN_BYTES = 8 * MIB
FORK = f"""
    import mmap, sys
    ram = mmap.mmap(int(sys.argv[1]), {RAM_BYTES}, flags=mmap.MAP_PRIVATE)
    pages = range(0, {RAM_BYTES}, mmap.PAGESIZE)
    assert sum(ram[page] for page in pages) == 0
    if sys.argv[2] == "write":
        for page in range(0, {WRITTEN_BYTES}, mmap.PAGESIZE):
            ram[page] = 1
    print("ready", flush=True)
    sys.stdin.read()
"""


def own_memory_kb(ram_fd: int, what: str) -> int:
    argv = ["/usr/bin/python3", "-c", textwrap.dedent(FORK), str(ram_fd), what]
    with start(argv, stdin=-1, stdout=-1, pass_fds=[ram_fd]) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        nothing = cast("Pump", None)
        return QemuGuest(child, cast("Monitor", None), nothing, nothing).private_memory_kb()


def test_pages_that_were_only_read_are_the_template_s() -> None:
    """All of them are mapped by this one process alone, which is what smaps calls private."""
    ram_fd = os.memfd_create("oomlab-test-ram")
    try:
        os.write(ram_fd, bytes(RAM_BYTES))
        read_kb, written_kb = own_memory_kb(ram_fd, "read"), own_memory_kb(ram_fd, "write")
    finally:
        os.close(ram_fd)
    assert read_kb < 32 * MIB // KIB
    assert abs(written_kb - read_kb - WRITTEN_BYTES // KIB) < MIB // KIB
