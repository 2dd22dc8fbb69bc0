# SPDX-License-Identifier: Apache-2.0
"""Trigger `binder-mmap`: each mapping of the binder device makes its driver allocate a page array."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StrictBool

from orchestrator.binder import KernelFigures, page_array_bytes, page_array_order
from orchestrator.scenario.fields import Count, Size, size_between
from orchestrator.scenario.limits import limit
from orchestrator.scenario.triggers.base import (
    Adj,
    Blame,
    Need,
    Pause,
    Processes,
    RequestingTrigger,
    Stop,
)
from orchestrator.text.amounts import count_of
from orchestrator.units import KIB, format_size


class BinderMmap(RequestingTrigger):
    """Repeated mmaps of the binder device, each on an open file of its own."""

    request: ClassVar[str] = "mmap"
    uses_binder: ClassVar[bool] = True
    single_pages: ClassVar[Blame] = Blame("size", "the page array of such a mapping")
    released: ClassVar[Blame] = Blame("hold", "each mapping")

    kind: Literal["binder-mmap"] = Field(description="binder mmaps", examples=["binder-mmap"])
    size: Annotated[Size, size_between(4 * KIB, limit("map_bytes"))] = Field(
        description="length of each mapping; binder uses at most 4 MiB of it, and a process of Android maps"
        " 1 MiB minus two pages",
        examples=["4MiB", "1016KiB"],
    )
    count: Count = Field(description="number of mmaps, all processes together", examples=[600])
    processes: Processes = Field(
        1, description="number of processes that share the mmaps, at most `count`", examples=[1]
    )
    transactions: Annotated[int, Field(strict=True, ge=0, le=limit("map_transactions"))] = Field(
        0,
        description="calls to another process through each mapping, one after the other. Their replies come"
        " in through it and are given back, so that the driver takes pages of the mapping into use and lets"
        " go of them. A mapping has succeeded when its calls have, too; the time is that of the mmap alone",
        examples=[1],
    )
    hold: StrictBool = Field(
        True,
        description="keep every mapping until the trigger ends; `false` releases each one before the next",
        examples=[True],
    )
    pause: Pause = Field(0.0, description="pause of a process between two of its mmaps", examples=["10ms"])
    oom_score_adj: Adj = 0
    stop: Stop = "first-oom"

    @property
    def words(self) -> str:
        """How many mmaps of which size, and what goes through them."""
        calls = f", {count_of('transaction', self.transactions)} through each" if self.transactions else ""
        return f"{count_of('binder mmap', self.count)} of {format_size(self.size)}{calls}"

    def recipe(self) -> Mapping[str, object]:
        """With the length of a mapping, and what goes through it."""
        calls = {"transactions": self.transactions} if self.transactions else {}
        return {"size": int(self.size), **calls, **super().recipe()}

    def need(self, kernel: KernelFigures) -> Need:
        """An array of an order's size takes one unit of it, by itself or as its share of a larger slab."""
        return Need(page_array_order(self.size, kernel), self.at_once)

    def array_bytes(self, kernel: KernelFigures) -> tuple[int, ...]:
        """The page array of a mapping."""
        return (page_array_bytes(self.size, kernel),)

    @property
    def argument(self) -> str:
        """The length of a mapping in bytes."""
        return str(int(self.size))
