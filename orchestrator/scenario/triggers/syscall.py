# SPDX-License-Identifier: Apache-2.0
"""Trigger `syscall`: calls for which the kernel allocates contiguous memory, with no driver and no device.

Which allocation each path is, by file and function of the kernel, is in docs/syscalls.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field, StrictBool

from orchestrator.binder import KernelFigures
from orchestrator.scenario.fields import Count
from orchestrator.scenario.triggers.base import Adj, Blame, Need, Pause, Processes, RequestingTrigger, Stop
from orchestrator.text.amounts import count_of
from orchestrator.units import MIB

Path = Literal["user-key", "pipe-size", "netlink-broadcast", "netlink-dump"]

_SLOT_BYTES = 40
"""Of a pipe: struct pipe_buffer, include/linux/pipe_fs_i.h."""
_PIPE_BYTES = 2 * MIB
_REQUEST_BYTES: Mapping[Path, int] = {"user-key": 24 + 30_000, "netlink-broadcast": 32_000 + 320}
"""What one allocation asks for, whatever the page size."""


class Syscall(RequestingTrigger):
    """Processes that make calls for which the kernel allocates contiguous memory."""

    request: ClassVar[str] = "call"
    released: ClassVar[Blame] = Blame("hold", "what each call gave")

    kind: Literal["syscall"] = Field(
        description="calls that make the kernel allocate contiguous memory", examples=["syscall"]
    )
    path: Path = Field(
        description="which: `user-key` adds a key of 30 KB, `pipe-size` enlarges a pipe to 2 MiB,"
        " `netlink-broadcast` sends 32 KB to a netlink group, `netlink-dump` lists network links with room"
        " for 32 KiB; all order 3 where pages have 4 KiB",
        examples=["user-key"],
    )
    count: Count = Field(description="number of calls, all processes together", examples=[400])
    processes: Processes = Field(
        1, description="number of processes that share the calls, at most `count`", examples=[4]
    )
    hold: StrictBool = Field(
        True,
        description="keep what each call gave (key, pipe, message) until the trigger ends; `false` gives it"
        " back at once",
        examples=[True],
    )
    pause: Pause = Field(0.0, description="pause of a process between two of its calls", examples=["10ms"])
    oom_score_adj: Adj = 0
    stop: Stop = "first-oom"

    def recipe(self) -> Mapping[str, object]:
        """Which call."""
        return {**super().recipe(), "path": self.path}

    @property
    def falls_back(self) -> bool | None:
        """A dump is answered in shorter messages where there is no block."""
        return True if self.path == "netlink-dump" else None

    def need(self, kernel: KernelFigures) -> Need | None:
        """A block for each; a dump does without one where there is none."""
        if self.path == "netlink-dump":
            return None
        array_bytes = -(-_PIPE_BYTES // kernel.page_bytes) * _SLOT_BYTES
        size_bytes = _REQUEST_BYTES.get(self.path, array_bytes)
        return Need((-(-size_bytes // kernel.page_bytes) - 1).bit_length(), self.at_once)

    @property
    def words(self) -> str:
        """How many calls of which path, by how many processes."""
        return f"{count_of('call', self.count)} of {self.path} by {count_of('process', self.processes)}"
