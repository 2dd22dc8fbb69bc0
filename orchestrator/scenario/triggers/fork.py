# SPDX-License-Identifier: Apache-2.0
"""Trigger `fork`: each child takes a kernel stack, a task structure, page tables, and pages of its own.

With CONFIG_VMAP_STACK, which the kernels here have, the stack is made of single pages
(alloc_thread_stack_node(), kernel/fork.c). What asks for more is the task structure: 4160 to 8448 bytes
(/proc/slabinfo, 6.1 arm64 to 6.12 x86_64), so that its slab is of order 1 at least where pages have
4 KiB (allocate_slab(), mm/slub.c).
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, StrictBool

from orchestrator.binder import KernelFigures
from orchestrator.scenario.fields import Count
from orchestrator.scenario.triggers.base import Adj, Blame, Need, Pause, Processes, RequestingTrigger, Stop
from orchestrator.text.amounts import count_of

_TASK_BYTES = 4160
"""Size of a task structure, the smallest that was seen."""
_PAGES = 22
"""What one child takes: nr_free_pages over 400 of them fell by 21.4 each (6.1 arm64, pages of 4 KiB)."""


class Fork(RequestingTrigger):
    """Processes that fork children, each of which needs a kernel stack and page tables."""

    request: ClassVar[str] = "fork"
    released: ClassVar[Blame] = Blame("hold", "each child")

    kind: Literal["fork"] = Field(description="forks", examples=["fork"])
    count: Count = Field(description="number of forks, all processes together", examples=[400])
    processes: Processes = Field(
        1, description="number of processes that share the forks, at most `count`", examples=[4]
    )
    hold: StrictBool = Field(
        True,
        description="keep every child until the trigger ends; `false` lets each one end at once",
        examples=[True],
    )
    pause: Pause = Field(0.0, description="pause of a process between two of its forks", examples=["10ms"])
    oom_score_adj: Adj = 0
    stop: Stop = "first-oom"

    def need(self, kernel: KernelFigures) -> Need:
        """In blocks of the task structure's order all that the children take would fit."""
        order = 1 if kernel.page_bytes < _TASK_BYTES else 0
        return Need(order, self.at_once * -(-_PAGES // (1 << order)))

    @property
    def words(self) -> str:
        """How many forks, by how many processes."""
        return f"{count_of('fork', self.count)} by {count_of('process', self.processes)}"
